// Reading a LocationTable: from a client's prefix to its class and the scope of an answer that
// depends on it. Hot: any core, no allocation; nothing outside the image is read and every loop
// ends, whatever the octets say.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/table/view.h"

namespace holdfast::table {

/// What is known of a client's address.
struct ClientPrefix {
  std::uint64_t address = 0;  // IPv4: 32 bits; IPv6: its upper 64 bits; zero behind `length`
  std::uint8_t length = 0;    // bits that are known: 0..32, 0..64
  bool v6 = false;
};

struct Located {
  std::uint32_t class_at = 0;
  std::uint8_t scope = 0;  // bits around the client that all are located alike
  bool readable = false;
};

/// The arrays of one address family behind a LocationTable.
template <class Address>
struct LocationRanges {
  const Address* start = nullptr;
  const std::uint32_t* record = nullptr;
  const std::uint32_t* top = nullptr;
  std::uint32_t count = 0;
  unsigned top_bits = 0;

  /// Where in `top` the search for `address` begins.
  [[nodiscard]] const std::uint32_t* TopOf(Address address) const noexcept {
    constexpr unsigned kBits = sizeof(Address) * 8;
    return top + (top_bits == 0 ? 0 : static_cast<std::size_t>(address >> (kBits - top_bits)));
  }

  /// The range that holds `address`. `count` is not 0; whatever `top` holds, the result is a range.
  [[nodiscard]] std::uint32_t Find(Address address) const noexcept {
    const std::uint32_t* const bucket = TopOf(address);
    std::uint32_t first = std::min(bucket[0], count - 1);
    const std::uint32_t last = std::clamp(bucket[1], first, count - 1);
    // Without a branch on what is found: for random clients every other one would be guessed wrong
    // (bench: geo/1k). The range that `top` names holds the first address of its bucket.
    for (std::uint32_t left = last - first + 1; left > 1;) {
      const std::uint32_t half = left / 2;
      first += start[first + half] <= address ? half : 0;
      left -= half;
    }
    return first;
  }

  /// Sends for what Find and who comes after it will read; `top` was sent for before. Whatever it
  /// holds, an address inside the arrays.
  void PrefetchRanges(Address address) const noexcept {
    const std::uint32_t first = std::min(*TopOf(address), count - 1);
    __builtin_prefetch(start + first);
    __builtin_prefetch(record + first);
  }

  /// Length of the shortest prefix around `address` that lies inside range `i`.
  [[nodiscard]] std::uint8_t ScopeIn(std::uint32_t i, Address address) const noexcept {
    int length = 0;
    if (i > 0) {
      const auto before = static_cast<Address>(start[i] - 1);
      length = std::countl_zero(static_cast<Address>(address ^ before)) + 1;
    }
    if (i + 1 < count) {
      length = std::max(length, std::countl_zero(static_cast<Address>(address ^ start[i + 1])) + 1);
    }
    return static_cast<std::uint8_t>(std::min<int>(length, sizeof(Address) * 8));
  }
};

/// A LocationTable with its arrays, each checked to lie inside the image file.
struct LocationParts {
  const LocationTable* table = nullptr;  // null: not readable
  LocationRanges<std::uint32_t> v4;
  LocationRanges<std::uint64_t> v6;
  std::span<const LocationRecord> records;
  std::uint64_t octets = 0;  // of all of it
};

/// Sends for where the search for a client begins.
inline void PrefetchTop(const LocationParts& parts, const ClientPrefix& client) noexcept {
  if (parts.table != nullptr) [[likely]] {
    __builtin_prefetch(client.v6 ? parts.v6.TopOf(client.address)
                                 : parts.v4.TopOf(static_cast<std::uint32_t>(client.address)));
  }
}

/// Sends for the ranges among which the search goes on; best some time after PrefetchTop.
inline void PrefetchRanges(const LocationParts& parts, const ClientPrefix& client) noexcept {
  if (parts.table == nullptr) [[unlikely]] {
    return;
  }
  if (client.v6) {
    parts.v6.PrefetchRanges(client.address);
  } else {
    parts.v4.PrefetchRanges(static_cast<std::uint32_t>(client.address));
  }
}

inline LocationParts OpenLocation(const View& view, std::uint32_t at) noexcept {
  LocationParts parts;
  const auto* table = view.At<LocationTable>(at);
  constexpr unsigned kMostTopBits = 24;
  if (table == nullptr) [[unlikely]] {
    return parts;
  }
  // Each field is read once: what was checked is what is used.
  parts.v4.count = table->v4_ranges;
  parts.v6.count = table->v6_ranges;
  parts.v4.top_bits = table->v4_top_bits;
  parts.v6.top_bits = table->v6_top_bits;
  const std::uint64_t records = table->records;
  if (parts.v4.count == 0 || parts.v6.count == 0 || records == 0 ||
      parts.v4.top_bits > kMostTopBits || parts.v6.top_bits > kMostTopBits) [[unlikely]] {
    return parts;
  }
  const std::uint64_t v4_tops = (std::uint64_t{1} << parts.v4.top_bits) + 1;
  const std::uint64_t v6_tops = (std::uint64_t{1} << parts.v6.top_bits) + 1;
  parts.octets = sizeof(LocationTable) + (parts.v6.count * std::uint64_t{12}) +
                 (parts.v4.count * std::uint64_t{8}) + ((v4_tops + v6_tops) * 4) +
                 (records * sizeof(LocationRecord));
  if (!view.Holds(table, parts.octets)) [[unlikely]] {
    return parts;
  }
  parts.v6.start = reinterpret_cast<const std::uint64_t*>(table + 1);
  parts.v4.start = reinterpret_cast<const std::uint32_t*>(parts.v6.start + parts.v6.count);
  parts.v4.record = parts.v4.start + parts.v4.count;
  parts.v6.record = parts.v4.record + parts.v4.count;
  parts.v4.top = parts.v6.record + parts.v6.count;
  parts.v6.top = parts.v4.top + v4_tops;
  parts.records = {reinterpret_cast<const LocationRecord*>(parts.v6.top + v6_tops), records};
  parts.table = table;
  return parts;
}

/// Locates a client. A client of whom no bit is known is in class 0, scope 0 (RFC 7871 7.1.2).
inline Located Locate(const LocationParts& parts, const ClientPrefix& client) noexcept {
  Located located;
  if (parts.table == nullptr) [[unlikely]] {
    return located;
  }
  std::uint32_t record = 0;
  if (client.length != 0) {
    if (client.v6) {
      const std::uint32_t range = parts.v6.Find(client.address);
      record = parts.v6.record[range];
      located.scope = parts.v6.ScopeIn(range, client.address);
    } else {
      const auto address = static_cast<std::uint32_t>(client.address);
      const std::uint32_t range = parts.v4.Find(address);
      record = parts.v4.record[range];
      located.scope = parts.v4.ScopeIn(range, address);
    }
  }
  for (unsigned i = 0; i <= kMaxBlocks; ++i) {
    if (record >= parts.records.size()) [[unlikely]] {
      return located;
    }
    const LocationRecord& found = parts.records[record];
    if (found.length <= client.length) [[likely]] {
      located.class_at = found.class_at;
      located.readable = true;
      return located;
    }
    record = found.parent;
  }
  return located;
}

}  // namespace holdfast::table

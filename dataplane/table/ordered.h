// Reading an OrderedTable: the proofs of a signed zone. Hot: any core, no locks, no allocation;
// whatever the octets say, nothing outside the image is read and a search takes at most 33 steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/table/view.h"
#include "dataplane/wire/canonical.h"

namespace holdfast::table {

/// The parts of an OrderedTable, each checked to lie inside the image file.
struct OrderedParts {
  const OrderedTable* table = nullptr;  // null: not readable
  std::uint64_t octets = 0;             // of all of it
  std::span<const OrderedName> names;   // kNsec
  std::span<const OrderedHash> hashes;  // kNsec3
  std::span<const std::byte> tail;      // names, or the salt
  unsigned iterations = 0;              // 0..kMaxIterations

  [[nodiscard]] std::size_t count() const noexcept { return names.size() + hashes.size(); }
  [[nodiscard]] bool hashed() const noexcept { return !hashes.empty(); }
  /// The RrImage of entry `i`, which is below count().
  [[nodiscard]] std::uint32_t ImageAt(std::size_t i) const noexcept {
    return hashed() ? hashes[i].at : names[i].at;
  }
  /// The owner of NSEC `i` without the zone's name; empty for the apex, and where nothing is
  /// readable.
  [[nodiscard]] std::span<const std::byte> NameOf(std::size_t i) const noexcept {
    const std::size_t at = names[i].name_at;
    if (at >= tail.size()) [[unlikely]] {
      return {};
    }
    const auto length = std::to_integer<std::size_t>(tail[at]);
    return length > tail.size() - at - 1 ? std::span<const std::byte>{}
                                         : tail.subspan(at + 1, length);
  }
};

/// Opens the OrderedTable at `at`; `table` of the result is null when there is none, it is not
/// wholly inside the image file or its numbers are out of their ranges.
inline OrderedParts OpenOrdered(const View& view, std::uint32_t at) noexcept {
  OrderedParts parts;
  const auto* table = at == 0 ? nullptr : view.At<OrderedTable>(at);
  if (table == nullptr) [[unlikely]] {
    return parts;
  }
  // Each field is read once: what was checked is what is used, also while the image changes.
  const std::uint64_t count = table->count;
  const std::uint64_t tail = table->tail;
  const unsigned iterations = table->iterations;
  const bool hashed = table->kind == ProofKind::kNsec3;
  const std::uint64_t entries = count * (hashed ? sizeof(OrderedHash) : sizeof(OrderedName));
  const std::uint64_t octets = sizeof(OrderedTable) + entries + tail;
  if (count == 0 || iterations > kMaxIterations || (hashed && tail > kMaxSalt) ||
      (!hashed && table->kind != ProofKind::kNsec) || !view.Holds(table, octets)) [[unlikely]] {
    return parts;
  }
  const auto* first = reinterpret_cast<const std::byte*>(table + 1);
  if (hashed) {
    parts.hashes = {reinterpret_cast<const OrderedHash*>(first), count};
  } else {
    parts.names = {reinterpret_cast<const OrderedName*>(first), count};
  }
  parts.tail = {first + entries, tail};
  parts.iterations = iterations;
  parts.octets = octets;
  parts.table = table;
  return parts;
}

/// An entry at or before what was looked for; before the first comes the last.
struct OrderedPlace {
  std::size_t entry = 0;
  bool exact = false;
};

/// Where `order(i)`, ascending in i, is at most 0. @param count  at least 1.
template <class Order>
OrderedPlace FindOrdered(std::size_t count, Order order) noexcept {
  std::size_t low = 0;
  std::size_t high = count;
  while (low < high) {
    const std::size_t middle = low + ((high - low) / 2);
    const int found = order(middle);
    if (found == 0) {
      return {.entry = middle, .exact = true};
    }
    if (found < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return {.entry = (low == 0 ? count : low) - 1, .exact = false};
}

/// @param name  folded labels below the zone's name, without that and the root; kNsec only.
inline OrderedPlace FindName(const OrderedParts& parts, std::span<const std::byte> name) noexcept {
  const wire::LabelStarts wanted(name);
  return FindOrdered(parts.names.size(), [&](std::size_t i) {
    return wire::CompareCanonical(wire::LabelStarts(parts.NameOf(i)), wanted);
  });
}

/// @param hash  20 octets; kNsec3 only.
inline OrderedPlace FindHash(const OrderedParts& parts, const std::byte* hash) noexcept {
  return FindOrdered(parts.hashes.size(), [&](std::size_t i) {
    return std::memcmp(parts.hashes[i].hash, hash, sizeof(OrderedHash::hash));
  });
}

}  // namespace holdfast::table

// A partition of the address space into ranges, each with a number. Every source of the room ends
// as one, since ranges join in one pass over both, which prefixes and tries do not. Control core.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "control/location/prefix.h"

namespace holdfast::control {

/// Range i reaches from start[i] to start[i + 1] - 1, the last one to the end of the addresses.
/// start[0] is 0, starts ascend, neighbours differ in value.
template <class Address>
struct Ranges {
  std::vector<Address> start{0};
  std::vector<std::uint32_t> value{0};

  [[nodiscard]] std::size_t IndexOf(Address address) const noexcept {
    return static_cast<std::size_t>(std::ranges::upper_bound(start, address) - start.begin()) - 1;
  }
  [[nodiscard]] std::uint32_t At(Address address) const noexcept { return value[IndexOf(address)]; }
  /// The last address of range `index`.
  [[nodiscard]] Address LastOf(std::size_t index) const noexcept {
    return index + 1 < start.size() ? static_cast<Address>(start[index + 1] - 1)
                                    : static_cast<Address>(~Address{0});
  }
  /// Lets `number` hold from `from` on. Addresses must come in ascending order; the value of an
  /// address that comes twice is the last one.
  void Append(Address from, std::uint32_t number) {
    if (from == start.back()) {
      start.pop_back();
      value.pop_back();
    }
    if (value.empty() || value.back() != number) {
      start.push_back(from);
      value.push_back(number);
    }
  }
  bool operator==(const Ranges&) const = default;
};

struct PrefixMap {
  Ranges<std::uint32_t> v4;
  Ranges<std::uint64_t> v6;  // by the upper 64 bits
  bool operator==(const PrefixMap&) const = default;
};

/// A prefix, the number that holds in it where no longer prefix says another, and where it was
/// written.
struct PrefixRow {
  Prefix prefix;
  std::uint32_t value = 0;
  std::uint32_t line = 0;
};

/// The ranges of nested prefixes: the longest wins, 0 where there is none.
/// @param rows  ascending by prefix, no prefix twice.
PrefixMap MakePrefixMap(std::span<const PrefixRow> rows);

/// The same ranges under other numbers: value v becomes numbers[v]. Neighbours that become equal
/// become one.
PrefixMap Renumber(const PrefixMap& map, std::span<const std::uint32_t> numbers);

/// Calls `each(start, values)` for every range of the common refinement of `sources`, in ascending
/// order; `values` has one number for each source. O(ranges x sources).
template <class Address, class Each>
void JoinRanges(std::span<const Ranges<Address>* const> sources, Each each) {
  std::vector<std::size_t> at(sources.size(), 0);
  std::vector<std::uint32_t> values(sources.size());
  for (Address from = 0;;) {
    Address last = static_cast<Address>(~Address{0});
    for (std::size_t i = 0; i < sources.size(); ++i) {
      values[i] = sources[i]->value[at[i]];
      last = std::min(last, sources[i]->LastOf(at[i]));
    }
    each(from, std::span<const std::uint32_t>(values));
    if (last == static_cast<Address>(~Address{0})) {
      return;
    }
    from = static_cast<Address>(last + 1);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      at[i] += sources[i]->LastOf(at[i]) == last ? 1 : 0;
    }
  }
}

}  // namespace holdfast::control

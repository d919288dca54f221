#include "control/location/ranges.h"

namespace holdfast::control {
namespace {

// One pass with a stack of the prefixes that are open: what lies behind the end of one has the
// value of the one around it again.
template <class Address>
void Sweep(std::span<const PrefixRow> rows, Ranges<Address>& ranges) {
  std::vector<const PrefixRow*> open;
  const auto close = [&] {
    const std::uint64_t last = open.back()->prefix.Last();
    open.pop_back();
    if (last != static_cast<Address>(~Address{0})) {
      ranges.Append(static_cast<Address>(last + 1), open.empty() ? 0 : open.back()->value);
    }
  };
  for (const PrefixRow& row : rows) {
    while (!open.empty() && open.back()->prefix.Last() < row.prefix.bits) {
      close();
    }
    ranges.Append(static_cast<Address>(row.prefix.bits), row.value);
    open.push_back(&row);
  }
  while (!open.empty()) {
    close();
  }
}

template <class Address>
void RenumberInto(const Ranges<Address>& from,
                  std::span<const std::uint32_t> numbers,
                  Ranges<Address>& to) {
  for (std::size_t i = 0; i < from.start.size(); ++i) {
    to.Append(from.start[i], numbers[from.value[i]]);
  }
}

}  // namespace

PrefixMap MakePrefixMap(std::span<const PrefixRow> rows) {
  PrefixMap map;
  const auto v6 = std::ranges::find_if(rows, [](const PrefixRow& row) { return row.prefix.v6; });
  Sweep(std::span(rows.begin(), v6), map.v4);
  Sweep(std::span(v6, rows.end()), map.v6);
  return map;
}

PrefixMap Renumber(const PrefixMap& map, std::span<const std::uint32_t> numbers) {
  PrefixMap result;
  RenumberInto(map.v4, numbers, result.v4);
  RenumberInto(map.v6, numbers, result.v6);
  return result;
}

}  // namespace holdfast::control

#include "control/location/cidr.h"

namespace holdfast::control {

void SetBlocks(const std::vector<CidrRow>& rows, CidrCollection& collection) {
  std::vector<PrefixRow> numbered;
  std::vector<std::uint32_t> open;  // the blocks around the one that comes next, outermost first
  collection.block.clear();
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    const Prefix& prefix = rows[i].prefix;
    const auto is_around = [&](const Prefix& other) {
      return other.v6 == prefix.v6 && other.Contains(prefix);
    };
    while (!open.empty() && !is_around(rows[open.back()].prefix)) {
      open.pop_back();
    }
    collection.block.push_back(
        {rows[i].location, prefix.length, open.empty() ? kNoBlock : open.back()});
    numbered.push_back({prefix, i + 1, 0});
    open.push_back(i);
  }
  collection.blocks = MakePrefixMap(numbered);
}

}  // namespace holdfast::control

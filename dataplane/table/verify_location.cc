#include "dataplane/table/verify_location.h"

#include <algorithm>
#include <functional>

namespace holdfast::table {
namespace {

// Starts ascend from 0, records exist, and `top` says where each stretch begins.
template <class Address>
bool RangesFit(const LocationRanges<Address>& ranges, std::size_t records) {
  const std::span start(ranges.start, ranges.count);
  const std::span record(ranges.record, ranges.count);
  if (start[0] != 0 || std::ranges::adjacent_find(start, std::greater_equal{}) != start.end() ||
      *std::ranges::max_element(record) >= records) {
    return false;
  }
  const std::size_t tops = std::size_t{1} << ranges.top_bits;
  std::uint32_t range = 0;
  for (std::size_t i = 0; i < tops; ++i) {
    const auto first = static_cast<Address>(
        ranges.top_bits == 0 ? 0 : Address(i) << ((sizeof(Address) * 8) - ranges.top_bits));
    while (range + 1 < ranges.count && start[range + 1] <= first) {
      ++range;
    }
    if (ranges.top[i] != range) {
      return false;
    }
  }
  return ranges.top[tops] == ranges.count - 1;
}

}  // namespace

bool IsInOrder(const LocationParts& parts) {
  const auto leads_nowhere = [&](const LocationRecord& record) {
    return record.class_at >= parts.table->classes || record.parent >= parts.records.size() ||
           (record.length != 0 && parts.records[record.parent].length >= record.length);
  };
  return RangesFit(parts.v4, parts.records.size()) && RangesFit(parts.v6, parts.records.size()) &&
         parts.records[0].class_at == 0 && parts.records[0].length == 0 &&
         std::ranges::none_of(parts.records, leads_nowhere);
}

}  // namespace holdfast::table

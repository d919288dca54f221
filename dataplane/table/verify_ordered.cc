#include "dataplane/table/verify_ordered.h"

#include <cstring>

namespace holdfast::table {

bool IsInOrder(const OrderedParts& parts) {
  for (std::size_t i = 0; i < parts.names.size(); ++i) {
    const std::size_t at = parts.names[i].name_at;
    if (at >= parts.tail.size() ||
        std::to_integer<std::size_t>(parts.tail[at]) >= parts.tail.size() - at ||
        (i > 0 && wire::CompareCanonical(wire::LabelStarts(parts.NameOf(i - 1)),
                                         wire::LabelStarts(parts.NameOf(i))) >= 0)) {
      return false;
    }
  }
  for (std::size_t i = 1; i < parts.hashes.size(); ++i) {
    if (std::memcmp(parts.hashes[i - 1].hash, parts.hashes[i].hash, sizeof(OrderedHash::hash)) >=
        0) {
      return false;
    }
  }
  return true;
}

}  // namespace holdfast::table

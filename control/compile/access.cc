#include "control/compile/access.h"

#include <vector>

#include "control/compile/clients.h"
#include "control/location/domain.h"
#include "control/location/ranges.h"

namespace holdfast::control {

TableBlob AccessTableOf(std::span<const AccessRule> rules) {
  if (rules.empty()) {
    return nullptr;
  }
  std::vector<PrefixRow> rows;
  rows.reserve(rules.size());
  for (const AccessRule& rule : rules) {
    rows.push_back({.prefix = rule.network, .value = static_cast<std::uint32_t>(rule.access)});
  }
  Domain domain;
  domain.records = MakePrefixMap(rows);
  domain.classes.resize(table::kAccessClasses);
  // A query's source address is known in full: the class is the record's, whatever its prefix.
  for (std::uint32_t i = 0; i < table::kAccessClasses; ++i) {
    domain.record.push_back({.class_at = i, .parent = 0, .length = 0});
  }
  return LocationTableOf(domain);
}

}  // namespace holdfast::control

// The parts of CheckZone that have files of their own. For zone_rules.cc alone.
#pragma once

#include "control/model/findings.h"
#include "control/model/record_groups.h"

namespace holdfast::control {

/// One policy in a group, identifiers unique, equal TTL when weighted, one PRIMARY and one
/// SECONDARY, at most kMaxGroup record sets.
void CheckGroups(const RecordGroups& groups, Findings& findings);

/// Alias targets: in the zone, of the same type, present; no loops; at most kMaxAliasSteps steps.
void CheckAliases(const Zone& zone, const RecordGroups& groups, Findings& findings);

}  // namespace holdfast::control

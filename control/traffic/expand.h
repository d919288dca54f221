// A traffic policy instance as record sets (spec/routing.md section 7): a visible group at its
// name, and below it a hidden group for each rule that a way leads to. Pure; control core.
#pragma once

#include <string>
#include <vector>

#include "control/model/model.h"
#include "control/model/store.h"
#include "control/traffic/document.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// What an instance and what its policy is called: "policy web v2".
std::string PolicyTitle(const std::string& name, std::uint32_t version);

/// The record sets of an instance. A leg to a rule is an alias to the rule's group, one group
/// however many legs lead there; a leg to an endpoint has the endpoint's value and the instance's
/// TTL. Aliases have no HostedZoneId yet: that of the zone is JudgeWithTrees' affair.
/// @param policy  the policy's name, for messages.
/// @return kInvalid when the zone's name leaves no room for those of hidden groups.
Result<std::vector<RecordSet>> Expand(const StoredInstance& instance,
                                      const std::string& policy,
                                      const TrafficDocument& document);

}  // namespace holdfast::control

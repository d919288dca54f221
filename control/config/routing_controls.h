// [routing_control."NAME"] and [[safety_rule]] of the node's file. Control core.
#pragma once

#include <string>
#include <vector>

#include "control/config/fields.h"
#include "control/model/safety.h"

namespace holdfast::control {

struct RoutingControlConfig {
  std::string name;         // what RoutingControlArn of a check says; 1..255 characters
  bool initial_on = false;  // until somebody switches it
  bool operator==(const RoutingControlConfig&) const = default;
};

struct RecoveryConfig {
  std::vector<RoutingControlConfig> controls;
  std::vector<SafetyRule> rules;
  bool operator==(const RecoveryConfig&) const = default;
};

/// Reads both kinds of tables. @param top  the file's own table.
RecoveryConfig ReadRecovery(Fields& top, const std::string& path, Findings& findings);

}  // namespace holdfast::control

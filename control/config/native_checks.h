// Checks of the native types (spec/health-checks.md section 11), written in the node's TOML file as
// [check."ID"] with a `type`; tables without one lie over checks of the JSON file (checks.h).
// Control core.
#pragma once

#include <string>
#include <vector>

#include "control/config/fields.h"
#include "control/model/findings.h"
#include "health/check.h"
#include "health/probe/target_rules.h"

namespace holdfast::control {

struct NativeCheck {
  health::CheckConfig check;
  std::string name;   // for people; 1..256 characters, or empty
  std::string token;  // of PUSH: what its agent must know, 16..128 characters
  std::string place;  // "FILE:LINE:COL" of the table
};

/// Reads one table that has a `type` and adds its check, unless something of it is refused:
/// "FILE:LINE:COL: key 'port' is 0; expected 1..65535". No file is looked at.
/// @param path  the node's file; a relative `ca_bundle` is seen from its folder.
void ReadNativeCheck(const Value& table,
                     const std::string& path,
                     std::vector<NativeCheck>& checks,
                     Findings& findings);

/// Adds them to `checks`, after a look at what they name on this machine. Errors: a command that is
/// no executable file, a user that does not exist, a CA bundle that cannot be read, an address that
/// `targets` refuse.
void AddNativeChecks(const std::vector<NativeCheck>& native,
                     const health::TargetRules& targets,
                     std::vector<health::CheckConfig>& checks,
                     Findings& findings);

}  // namespace holdfast::control

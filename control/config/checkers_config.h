// What the node's file says of checkers in other processes: [checkers] where they connect and who
// this node is to them, [[checkers.checker]] who they are. Read by node.cc; control core only.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "control/config/fields.h"
#include "control/config/http_config.h"
#include "health/check.h"
#include "health/link/identity.h"
#include "health/monitor.h"

namespace holdfast::control {

struct CheckersConfig {
  std::vector<HttpAddress> listen;  // empty: there is no [checkers]
  health::IdentityFiles identity;
  bool local = true;                          // whether this node probes too
  std::vector<health::CheckerName> checkers;  // at most 63, names are unique
  /// What only a restart of control can change; the rest, and what is in the files, a reload does.
  [[nodiscard]] bool SameDoor(const CheckersConfig& other) const {
    return listen == other.listen && identity == other.identity;
  }
};

/// Reads [checkers]. @param path  of the node's file, which relative paths start from.
void ReadCheckersTable(Fields& fields, const std::string& path, CheckersConfig& checkers);

/// Warns of checks that can never be decided, since fewer checkers watch them than min_reporters,
/// and of regions that no checker has (such as those of a file that was taken over).
void WarnOfCheckers(const CheckersConfig& checkers,
                    std::span<const health::CheckConfig> checks,
                    const std::string& path,
                    Findings& findings);

}  // namespace holdfast::control

// The settings of the tables that come of the node's file: [dns], [access], [rate_limit]. Control
// core.
#pragma once

#include <string>

#include "control/compile/compiled.h"
#include "control/config/node.h"

namespace holdfast::control {

/// @param kept  what KeptCookieSecret gave; used when the file names no secret.
CompiledSettings SettingsOf(const NodeConfig& node, const std::string& kept);

}  // namespace holdfast::control

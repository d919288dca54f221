// The operations on routing controls: list them, switch them, read the log.
#pragma once

#include <string>

#include "control/admin/requests.h"
#include "control/core.h"

namespace holdfast::control {

/// "routing_list": the controls with the checks that go by them, and the rules. Control core.
Json RoutingList(Core& core);
/// What "routing_set" asks for: "on", "off" (routing controls) and "override" (safety rules) are
/// names, one a line; "reason" is a text. @param who  for the log.
/// @return kInvalid naming the field and what was expected.
Result<ControlOrder> ControlOrderOf(const Json& request, const std::string& who);
/// "routing_log", newest first. Waits for the disk.
Json RoutingLog(Core& core);

}  // namespace holdfast::control

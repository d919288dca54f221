// What `holdfast plan` prints: control's answer as text. Cold, pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace holdfast::tools {

/// @param result  of the request "plan". A line or a few for each change: before -> after.
std::string PlanText(const nlohmann::json& result);

}  // namespace holdfast::tools

// The `routing` commands: what they ask control, and its replies as text. Pure, cold.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/command/options.h"

namespace holdfast::tools {

/// @param line  of `routing set`.
nlohmann::json RoutingRequest(const CommandLine& line);

/// Results of "routing_list" and "routing_log". @param now_ms  wall clock.
std::string RoutingText(const nlohmann::json& result);
std::string RoutingLogText(const nlohmann::json& result, std::int64_t now_ms);

}  // namespace holdfast::tools

// The `traffic` commands: what they ask control, and its replies as text. Cold, pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "tools/command/options.h"

namespace holdfast::tools {

/// @param line  of a traffic command.
nlohmann::json TrafficRequest(const CommandLine& line);

/// What the reply says; nothing where it tells of a publish, as those of other commands do too.
std::optional<std::string> TrafficText(Verb verb, const nlohmann::json& result);

}  // namespace holdfast::tools

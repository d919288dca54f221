// What `holdfast health show` prints for people. Pure, cold.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace holdfast::tools {

/// @param check   result of control's op "health_show".
/// @param now_ms  wall clock, milliseconds since 1970.
std::string HealthText(const nlohmann::json& check, std::int64_t now_ms);

}  // namespace holdfast::tools

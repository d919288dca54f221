// The keys of a [check."ID"] table that say what HTTP* asks for and what it expects, beyond Route
// 53's settings (spec/health-checks.md section 11). Control core.
#pragma once

#include <optional>

#include "control/config/fields.h"
#include "health/check.h"

namespace holdfast::control {

/// Reads expected_status, method, headers and body_regex. Errors go to the findings of `fields`.
/// @return nothing when the table has none of them.
std::optional<health::HttpSettings> ReadHttpKeys(Fields& fields);

}  // namespace holdfast::control

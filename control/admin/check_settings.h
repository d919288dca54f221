// The settings of a check as they are in force, defaults too, by the names that the node's file has
// for them.
#pragma once

#include "control/admin/requests.h"
#include "health/check.h"

namespace holdfast::control {

/// Those that mean something for its type, in milliseconds where the name says so; "report_ttl_ms"
/// is what counts where none was given, "max_flaps_per_hour" null for any number. No token is
/// among them. Any thread.
Json SettingsJson(const health::CheckConfig& check);

}  // namespace holdfast::control

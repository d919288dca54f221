// The operations on health checks: what one looks like, what led to it, and orders by hand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/admin/requests.h"
#include "control/core.h"

namespace holdfast::control {

/// The end of an override: null for one without.
Json UntilJson(std::int64_t until_ms);
/// A check as `status` shows it.
Json CheckJson(const health::CheckStatus& check);

/// "health_show": the check, what each checker says, and with `history` the observations and
/// changes that led to its status. Control core.
Json HealthShow(Core& core, const std::string& check, bool history);
/// What "health_set" asks for. kInvalid says what was expected.
/// @param to           "healthy", "unhealthy" or "auto".
/// @param for_seconds  1..31536000, from `now_ms` (wall clock) on; none: until the next order, as
///                     with "auto" always.
Result<health::Order> OrderOf(const std::string& to,
                              const std::optional<std::string>& for_seconds,
                              std::int64_t now_ms);
/// "health_set" and "health_release": what follows is published before this returns. Control core.
Json HealthSet(Core& core,
               const std::string& check,
               const std::string& to,
               const std::optional<std::string>& for_seconds);
Json HealthRelease(Core& core, const std::string& check);
/// Publishes what orders have led to, and tells the generation. Control core.
Json Published(Core& core);

}  // namespace holdfast::control

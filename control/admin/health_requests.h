// The operations on health checks: what one looks like, what led to it, and orders by hand.
#pragma once

#include <string>

#include "control/admin/requests.h"
#include "control/core.h"

namespace holdfast::control {

/// A check as `status` shows it.
Json CheckJson(const health::CheckStatus& check);

/// "health_show": the check, what each checker says, and with `history` the observations and
/// changes that led to its status. Control core.
Json HealthShow(Core& core, const std::string& check, bool history);
/// "health_set" and "health_release": what follows is published before this returns. Control core.
Json HealthSet(Core& core, const std::string& check, const std::string& to);
Json HealthRelease(Core& core, const std::string& check);
/// Publishes what orders have led to, and tells the generation. Control core.
Json Published(Core& core);

}  // namespace holdfast::control

// The keys of [health] that whoever probes has, control and holdfast-checker alike.
#pragma once

#include "control/config/fields.h"
#include "health/checker/checker.h"

namespace holdfast::control {

/// Reads resolvers, name_max_stale_s, name_queries_per_second, allow_targets, deny_targets and
/// control_targets; what is absent stays as it is.
void ReadProbingKeys(Fields& fields, health::CheckerOptions& options);

}  // namespace holdfast::control

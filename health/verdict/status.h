// From the verdict of the probes to what records see: section 7 of spec/health-checks.md and the
// operator's override on top of it. Pure.
#pragma once

#include "health/transition.h"

namespace holdfast::health {

/// The status records see. kUnknown counts as healthy, a disabled check as healthy, both before
/// inversion.
bool FinalHealthy(State raw, bool disabled, bool inverted, Override ordered) noexcept;

}  // namespace holdfast::health

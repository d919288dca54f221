// From the verdict of the probes to what records see: section 7 of spec/health-checks.md and the
// operator's override on top of it. Pure.
#pragma once

#include <cstdint>

#include "health/transition.h"

namespace holdfast::health {

/// What an operator ordered by hand. It overrules everything, inversion included: what is set is
/// what records see.
enum class Override : std::uint8_t { kAuto, kHealthy, kUnhealthy };
/// "auto", "healthy", "unhealthy".
const char* OverrideText(Override value) noexcept;

/// The status records see. kUnknown counts as healthy, a disabled check as healthy, both before
/// inversion.
bool FinalHealthy(State raw, bool disabled, bool inverted, Override ordered) noexcept;

}  // namespace holdfast::health

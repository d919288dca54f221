// What a calculated check makes of its children (spec/health-checks.md section 8). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "health/transition.h"

namespace holdfast::health {

/// Children as their parent counts them.
struct ChildCount {
  std::size_t healthy = 0;  // what records would see of them: override and inversion included
  std::size_t missing = 0;  // ids that no check has; none of them is healthy
  std::size_t children = 0;
};

/// Healthy while at least `needed` of the children are: 0 is always, more than there are never.
State CalculatedState(const ChildCount& count, std::uint32_t needed) noexcept;
/// "Success: 2 of 3 health checks healthy, 2 needed".
std::string CalculatedReason(const ChildCount& count, std::uint32_t needed);

}  // namespace holdfast::health

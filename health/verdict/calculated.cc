#include "health/verdict/calculated.h"

namespace holdfast::health {

State CalculatedState(const ChildCount& count, std::uint32_t needed) noexcept {
  return count.healthy >= needed ? State::kHealthy : State::kUnhealthy;
}

std::string CalculatedReason(const ChildCount& count, std::uint32_t needed) {
  const bool healthy = CalculatedState(count, needed) == State::kHealthy;
  std::string text = std::string(healthy ? "Success: " : "Failure: ") +
                     std::to_string(count.healthy) + " of " + std::to_string(count.children) +
                     " health checks healthy, " + std::to_string(needed) + " needed";
  if (count.missing != 0) {
    text += " (" + std::to_string(count.missing) + " of them do not exist)";
  }
  return text;
}

}  // namespace holdfast::health

// The order of operations of section 7.
#include "health/verdict/status.h"

namespace holdfast::health {

bool FinalHealthy(State raw, bool disabled, bool inverted, Override ordered) noexcept {
  if (ordered != Override::kAuto) {
    return ordered == Override::kHealthy;
  }
  const bool healthy = disabled || raw != State::kUnhealthy;
  return healthy != inverted;
}

}  // namespace holdfast::health

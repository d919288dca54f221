// The threshold machine, line by line as section 4 of the specification has it.
#include "health/verdict/threshold.h"

namespace holdfast::health {

bool Threshold::Apply(bool pass) noexcept {
  const State side = pass ? State::kHealthy : State::kUnhealthy;
  if (side == state_) {
    run_ = 0;  // agreement wipes a started run
  } else if (side == last_) {
    ++run_;
  } else {
    run_ = 1;
  }
  last_ = side;
  if (side == state_ || run_ < (pass ? rise_ : fall_)) {
    return false;
  }
  state_ = side;
  run_ = 0;
  return true;
}

void Threshold::Restore(State state) noexcept {
  state_ = state;
  last_ = State::kUnknown;
  run_ = 0;
}

void Threshold::SetLimits(std::uint32_t rise, std::uint32_t fall) noexcept {
  rise_ = rise;
  fall_ = fall;
  Restore(state_);
}

}  // namespace holdfast::health

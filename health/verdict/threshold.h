// The consecutive-results machine of spec/health-checks.md section 4, with a threshold of its own
// for each direction. Pure; the verdict of each check holds one. Health loop only.
#pragma once

#include <cstdint>

#include "health/transition.h"

namespace holdfast::health {

class Threshold {
 public:
  /// @param rise  passes in a row that make it healthy, at least 1.
  /// @param fall  failures in a row that make it unhealthy, at least 1.
  Threshold(std::uint32_t rise, std::uint32_t fall) noexcept : rise_(rise), fall_(fall) {}

  /// Counts one result. @return true when it changed the state.
  bool Apply(bool pass) noexcept;
  /// Goes on from `state` with nothing counted yet.
  void Restore(State state) noexcept;
  /// Replaces both thresholds; what was counted so far is forgotten, the state stays.
  void SetLimits(std::uint32_t rise, std::uint32_t fall) noexcept;

  [[nodiscard]] State state() const noexcept { return state_; }
  /// Results in a row that speak against the present state.
  [[nodiscard]] std::uint32_t run() const noexcept { return run_; }

 private:
  std::uint32_t rise_;
  std::uint32_t fall_;
  std::uint32_t run_ = 0;
  State state_ = State::kUnknown;
  State last_ = State::kUnknown;  // side of the last result; kUnknown: none yet
};

}  // namespace holdfast::health

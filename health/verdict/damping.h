// Keeps an endpoint that comes and goes out of service for a while. Only the way back is damped: a
// failure always shows at once. States are those that records see, so after `inverted`. Pure: the
// moment is handed in.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "health/check.h"
#include "health/transition.h"

namespace holdfast::health {

class Damping {
 public:
  /// What is to be shown while the verdict is `wanted`.
  State Pass(const DampingRule& rule, State wanted, std::uint64_t now_ns);
  /// An operator lets it come back: what holds it down now is forgotten.
  void Release() noexcept;
  /// Goes on from `state`, which has lasted `age_ns` already. @param falls  ages of those before,
  /// in nanoseconds, oldest first; what is older than an hour does not count.
  void Restore(State state,
               std::uint64_t age_ns,
               std::uint64_t now_ns,
               const std::vector<std::uint64_t>& falls = {});

  [[nodiscard]] State shown() const noexcept { return shown_; }
  /// Falls within the last hour: the flap score.
  [[nodiscard]] std::uint32_t Flaps(std::uint64_t now_ns) const noexcept;
  /// Why it is held down, as of the last Pass; nullptr when it is not.
  [[nodiscard]] const char* held_by() const noexcept { return held_by_; }
  /// When Pass may say something else for the same verdict; nothing when only Release or another
  /// verdict changes it.
  [[nodiscard]] std::optional<std::uint64_t> again_ns() const noexcept { return again_ns_; }

 private:
  [[nodiscard]] bool MayRise(const DampingRule& rule, std::uint64_t now_ns) noexcept;
  void ForgetOldFalls(std::uint64_t now_ns);

  State shown_ = State::kUnknown;
  bool released_ = false;
  std::uint64_t fell_ns_ = 0;
  std::vector<std::uint64_t> falls_;  // at most kMaxFalls, oldest first
  const char* held_by_ = nullptr;
  std::optional<std::uint64_t> again_ns_;
};

}  // namespace holdfast::health

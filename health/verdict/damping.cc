#include "health/verdict/damping.h"

#include <algorithm>
#include <chrono>

namespace holdfast::health {

namespace {

constexpr std::uint64_t kHourNs = 3'600'000'000'000;
constexpr std::size_t kMaxFalls = 1'001;  // one more than the greatest limit

}  // namespace

State Damping::Pass(const DampingRule& rule, State wanted, std::uint64_t now_ns) {
  ForgetOldFalls(now_ns);
  held_by_ = nullptr;
  again_ns_.reset();
  if (wanted == shown_) {
    return shown_;
  }
  if (wanted == State::kUnhealthy) {
    falls_.push_back(now_ns);
    if (falls_.size() > kMaxFalls) {
      falls_.erase(falls_.begin());
    }
    fell_ns_ = now_ns;
    released_ = false;
  } else if (wanted == State::kHealthy && shown_ == State::kUnhealthy && !MayRise(rule, now_ns)) {
    return shown_;
  }
  shown_ = wanted;
  return shown_;
}

bool Damping::MayRise(const DampingRule& rule, std::uint64_t now_ns) noexcept {
  if (released_) {
    return true;
  }
  if (rule.manual_failback) {
    held_by_ = "until it is released by hand";
    return false;
  }
  if (rule.max_flaps_per_hour != 0 && falls_.size() > rule.max_flaps_per_hour) {
    held_by_ = "since it fell too often within an hour";
    again_ns_ = falls_[falls_.size() - rule.max_flaps_per_hour - 1] + kHourNs;
    return false;
  }
  const std::uint64_t until =
      fell_ns_ + static_cast<std::uint64_t>(std::chrono::nanoseconds(rule.hold_down).count());
  if (rule.hold_down.count() != 0 && now_ns < until) {
    held_by_ = "until its hold-down ends";
    again_ns_ = until;
    return false;
  }
  return true;
}

void Damping::Release() noexcept {
  released_ = true;
  falls_.clear();
}

void Damping::Restore(State state,
                      std::uint64_t age_ns,
                      std::uint64_t now_ns,
                      const std::vector<std::uint64_t>& falls) {
  shown_ = state;
  released_ = false;
  falls_.clear();
  for (const std::uint64_t age : falls) {
    if (age < std::min(kHourNs, now_ns) && falls_.size() < kMaxFalls) {
      falls_.push_back(now_ns - age);
    }
  }
  fell_ns_ = now_ns - std::min(age_ns, now_ns);
  held_by_ = nullptr;
  again_ns_.reset();
}

std::uint32_t Damping::Flaps(std::uint64_t now_ns) const noexcept {
  return static_cast<std::uint32_t>(std::ranges::count_if(
      falls_, [now_ns](std::uint64_t fell) { return now_ns < fell + kHourNs; }));
}

void Damping::ForgetOldFalls(std::uint64_t now_ns) {
  std::erase_if(falls_, [now_ns](std::uint64_t fell) { return now_ns >= fell + kHourNs; });
}

}  // namespace holdfast::health

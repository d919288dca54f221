// Counting observations of one check and noticing when its status changes.
#include "health/verdict/check_verdict.h"

#include <utility>

namespace holdfast::health {

CheckVerdict::CheckVerdict(const CheckConfig& check, Moment now)
    : threshold_(check.healthy_threshold, check.unhealthy_threshold),
      type_(check.type),
      disabled_(check.disabled),
      inverted_(check.inverted),
      since_ms_(now.wall_ms),
      decided_ns_(now.monotonic_ns) {
  told_healthy_ = healthy();
}

bool CheckVerdict::healthy() const noexcept {
  return FinalHealthy(threshold_.state(), disabled_, inverted_, ordered_);
}

bool CheckVerdict::Apply(const Observation& observation, Moment now) {
  observed_ns_ = observation.at_ns;
  reason_ = observation.reason;
  if (observation.outcome == Outcome::kUnknown) {
    ++unknowns_;
    return false;
  }
  const bool pass = observation.outcome == Outcome::kPass;
  ++(pass ? passes_ : failures_);
  verified_ = true;
  threshold_.Apply(pass);
  return Settle({.monotonic_ns = observation.at_ns, .wall_ms = now.wall_ms});
}

bool CheckVerdict::Judge(State raw, std::string reason, Moment now) {
  observed_ns_ = now.monotonic_ns;
  reason_ = std::move(reason);
  verified_ = raw != State::kUnknown;
  threshold_.Restore(raw);
  return Settle(now);
}

bool CheckVerdict::Reconfigure(const CheckConfig& check, Moment now) {
  // What a disabled check last saw may be long gone when it is enabled again.
  if (check.type != type_ || check.disabled) {
    threshold_.Restore(State::kUnknown);
  }
  threshold_.SetLimits(check.healthy_threshold, check.unhealthy_threshold);
  type_ = check.type;
  disabled_ = check.disabled;
  inverted_ = check.inverted;
  verified_ = false;
  return Settle(now);
}

bool CheckVerdict::SetOverride(Override ordered, Moment now) {
  ordered_ = ordered;
  return Settle(now);
}

void CheckVerdict::Restore(State raw, Override ordered, std::int64_t since_ms) noexcept {
  threshold_.Restore(raw);
  ordered_ = told_ordered_ = ordered;
  since_ms_ = since_ms;
  told_raw_ = raw;
  told_healthy_ = healthy();
}

bool CheckVerdict::Settle(Moment now) {
  const bool is_new = told_raw_ != threshold_.state() || told_healthy_ != healthy();
  if (!is_new && told_ordered_ == ordered_) {
    return false;
  }
  told_raw_ = threshold_.state();
  told_healthy_ = healthy();
  told_ordered_ = ordered_;
  since_ms_ = is_new ? now.wall_ms : since_ms_;
  decided_ns_ = now.monotonic_ns;
  return true;
}

Transition CheckVerdict::Tell(const std::string& check_id) const {
  return {.check_id = check_id,
          .raw = told_raw_,
          .healthy = told_healthy_,
          .since_ms = since_ms_,
          .observed_ns = decided_ns_,
          .reason = reason_};
}

}  // namespace holdfast::health

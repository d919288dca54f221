// From reports to the status that records see, and noticing when it changes.
#include "health/verdict/check_verdict.h"

#include <algorithm>
#include <utility>

namespace holdfast::health {

namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::size_t kMaxFalls = 1'001;  // one more than the greatest limit of a DampingRule

// Where the wall clock's end lies on the steady one. A wall clock that was set back since the order
// was given makes it no longer than the longest order.
std::optional<std::uint64_t> EndNs(const Order& ordered, Moment now) {
  if (ordered.until_ms == 0) {
    return std::nullopt;
  }
  const std::int64_t left_ms =
      ordered.until_ms <= now.wall_ms
          ? 0
          : std::min(ordered.until_ms - now.wall_ms, kMaxOrderSeconds * 1000);
  return now.monotonic_ns + (static_cast<std::uint64_t>(left_ms) * kNsPerMs);
}

}  // namespace

CheckVerdict::CheckVerdict(const CheckConfig& check, Moment now)
    : type_(check.type),
      disabled_(check.disabled),
      inverted_(check.inverted),
      since_ms_(now.wall_ms),
      decided_ns_(now.monotonic_ns) {
  SetRules(check);
  told_healthy_ = healthy();
}

void CheckVerdict::SetRules(const CheckConfig& check) {
  type_ = check.type;
  disabled_ = check.disabled;
  inverted_ = check.inverted;
  quorum_ = check.quorum;
  quorum_.report_ttl = ReportTtl(check);
  damping_rule_ = check.damping;
  measure_latency_ = check.measure_latency;
}

bool CheckVerdict::healthy() const noexcept {
  return FinalHealthy(raw(), disabled_, inverted_, ordered_.to);
}

bool CheckVerdict::Assign(const std::vector<std::uint32_t>& checkers,
                          Moment now,
                          const std::vector<std::uint32_t>& drained) {
  const bool more = std::ranges::any_of(votes_.all(), [&drained](const Votes::Vote& vote) {
    return !vote.drained && std::ranges::find(drained, vote.checker) != drained.end();
  });
  votes_.Assign(checkers, drained);
  if (drained.empty()) {
    drain_until_ns_.reset();
  } else if (more) {
    drain_until_ns_ = now.monotonic_ns + std::chrono::nanoseconds(kDrain).count();
  }
  return Decide(now);
}

bool CheckVerdict::MayEndDrain(std::uint64_t now_ns) const noexcept {
  return drain_until_ns_ && now_ns >= *drain_until_ns_ &&
         votes_.DecideWithoutDrained(quorum_, now_ns);
}

bool CheckVerdict::Take(std::uint32_t checker, State side, const Observation& seen, Moment now) {
  if (!votes_.Take(checker, side, seen, measure_latency_)) {
    return false;
  }
  observed_ns_ = std::max(observed_ns_.value_or(0), seen.at_ns);
  reason_ = seen.reason;
  history_.See(checker, side, seen, now.wall_ms);
  Count(seen, now);
  verified_ = verified_ || seen.outcome != Outcome::kUnknown;
  // A report may have been on its way for long: who counts is asked as of now, not as of then.
  const bool is_new =
      Decide({.monotonic_ns = std::max(now.monotonic_ns, seen.at_ns), .wall_ms = now.wall_ms});
  decided_ns_ = is_new ? seen.at_ns : decided_ns_;
  return is_new;
}

void CheckVerdict::Count(const Observation& seen, Moment now) {
  counters_.last_seen_ms = now.wall_ms;
  switch (seen.outcome) {
    case Outcome::kPass:
      ++counters_.passes;
      break;
    case Outcome::kFail:
      ++counters_.failures;
      counters_.last_failure_ms = now.wall_ms;
      counters_.last_failure = seen.reason;
      break;
    case Outcome::kUnknown:
      ++counters_.unknowns;
      break;
  }
}

bool CheckVerdict::Decide(Moment now) {
  if (restored_until_ns_ && now.monotonic_ns >= *restored_until_ns_) {
    restored_until_ns_.reset();
  }
  const Basis basis = wanted_ == State::kUnknown ? Basis::kHalf
                      : restored_until_ns_       ? Basis::kMost
                                                 : Basis::kAny;
  if (const auto decided = votes_.Decide(quorum_, basis, now.monotonic_ns)) {
    wanted_ = *decided;
    restored_until_ns_.reset();
  }
  Damp(now);
  return Settle(now);
}

// Damping knows what records see: of an inverted check the way back is that of its probes down.
State CheckVerdict::Inverted(State state) const noexcept {
  if (!inverted_ || state == State::kUnknown) {
    return state;
  }
  return state == State::kHealthy ? State::kUnhealthy : State::kHealthy;
}

void CheckVerdict::Damp(Moment now) {
  const bool was_down = damping_.shown() == State::kUnhealthy;
  const bool is_down =
      damping_.Pass(damping_rule_, Inverted(wanted_), now.monotonic_ns) == State::kUnhealthy;
  if (is_down && !was_down) {
    std::erase_if(counters_.falls_ms,
                  [now](std::int64_t fell_ms) { return fell_ms <= now.wall_ms - kHourMs; });
    if (counters_.falls_ms.size() == kMaxFalls) {
      counters_.falls_ms.erase(counters_.falls_ms.begin());
    }
    counters_.falls_ms.push_back(now.wall_ms);
  }
}

bool CheckVerdict::Hear(State raw, const Observation& heard, Moment now) {
  history_.See(0, raw, heard, now.wall_ms);
  Count(heard, now);
  return Judge(raw, heard.reason, now);
}

bool CheckVerdict::Judge(State raw, std::string reason, Moment now) {
  observed_ns_ = now.monotonic_ns;
  reason_ = std::move(reason);
  verified_ = raw != State::kUnknown;
  wanted_ = raw;
  Damp(now);
  return Settle(now);
}

bool CheckVerdict::Review(Moment now) {
  return Decide(now);
}

bool CheckVerdict::Reconfigure(const CheckConfig& check, Moment now) {
  const State raw_before = raw();
  const bool turned = check.inverted != inverted_;
  // What a disabled check last saw may be long gone when it is enabled again.
  if (check.type != type_ || check.disabled) {
    votes_.Forget();
    wanted_ = State::kUnknown;
    damping_.Restore(State::kUnknown, 0, now.monotonic_ns);
  }
  SetRules(check);
  if (turned) {
    damping_.Restore(
        Inverted(wanted_ == State::kUnknown ? wanted_ : raw_before), 0, now.monotonic_ns);
    counters_.falls_ms.clear();
  }
  verified_ = false;
  return Decide(now);
}

bool CheckVerdict::SetOverride(Order ordered, Moment now) {
  ordered_ = ordered.to == Override::kAuto ? Order() : ordered;
  ordered_until_ns_ = EndNs(ordered_, now);
  return Settle(now);
}

bool CheckVerdict::Release(Moment now) {
  damping_.Release();
  counters_.falls_ms.clear();
  return Decide(now);
}

void CheckVerdict::Restore(
    State raw, Order ordered, std::int64_t since_ms, const Counters& counters, Moment now) {
  const auto age_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(now.wall_ms - since_ms, 0));
  wanted_ = raw;
  std::vector<std::uint64_t> falls;  // their ages
  for (const std::int64_t fell_ms : counters.falls_ms) {
    if (fell_ms <= now.wall_ms && now.wall_ms - fell_ms < kHourMs) {
      falls.push_back(static_cast<std::uint64_t>(now.wall_ms - fell_ms) * kNsPerMs);
    }
  }
  damping_.Restore(Inverted(raw), age_ms * kNsPerMs, now.monotonic_ns, falls);
  if (raw != State::kUnknown) {
    restored_until_ns_ =
        now.monotonic_ns +
        static_cast<std::uint64_t>(std::chrono::nanoseconds(quorum_.report_ttl).count());
  }
  counters_ = counters;
  ordered_ = told_ordered_ = ordered;
  since_ms_ = since_ms;
  told_raw_ = raw;
  told_healthy_ = healthy();
  ordered_until_ns_ = EndNs(ordered_, now);
  if (ordered_until_ns_ && *ordered_until_ns_ <= now.monotonic_ns) {
    ordered_ = {};  // but as far as others were told it still is, and ReviewNs is now
  }
}

// Whatever brings the news, an order is not in force behind its end. @return true when it ended.
bool CheckVerdict::EndOrder(Moment now) {
  if (!ordered_until_ns_ || now.monotonic_ns < *ordered_until_ns_) {
    return false;
  }
  ordered_ = {};
  ordered_until_ns_.reset();
  return true;
}

bool CheckVerdict::Settle(Moment now) {
  const bool ended = EndOrder(now);
  const bool is_new = told_raw_ != raw() || told_healthy_ != healthy();
  if (!is_new && told_ordered_ == ordered_) {
    return false;
  }
  changes_ += told_healthy_ != healthy() ? 1 : 0;
  told_raw_ = raw();
  told_healthy_ = healthy();
  told_ordered_ = ordered_;
  told_end_ = ended;
  since_ms_ = is_new ? now.wall_ms : since_ms_;
  decided_ns_ = now.monotonic_ns;
  history_.Change({.raw = told_raw_, .healthy = told_healthy_, .reason = ToldReason()},
                  now.wall_ms);
  return true;
}

Votes::Tally CheckVerdict::Tally(std::uint64_t now_ns) const noexcept {
  return votes_.Count(quorum_, now_ns);
}

std::string CheckVerdict::Reason(std::uint64_t now_ns) const {
  std::string reason = reason_;
  if (votes_.all().size() > 1) {
    const auto tally = Tally(now_ns);
    reason = std::to_string(tally.healthy) + " of " + std::to_string(tally.reporting) +
             " reporting health checkers (" + std::to_string(tally.assigned) +
             " assigned) find it healthy; last: " + reason;
  }
  if (const char* held = damping_.held_by()) {
    reason += std::string(" (held down ") + held + ")";
  }
  return reason;
}

std::string CheckVerdict::ToldReason() const {
  std::string reason = Reason(decided_ns_);
  return told_end_ ? "override ended" + (reason.empty() ? "" : "; " + reason) : reason;
}

std::optional<std::uint64_t> CheckVerdict::ReviewNs(std::uint64_t now_ns) const noexcept {
  auto next = votes_.NextStaleNs(quorum_, now_ns);
  for (const auto& due : {damping_.again_ns(), ordered_until_ns_}) {
    next = due ? std::min(next.value_or(*due), *due) : next;
  }
  return next;
}

Transition CheckVerdict::Tell(const std::string& check_id) const {
  return {.check_id = check_id,
          .raw = told_raw_,
          .healthy = told_healthy_,
          .since_ms = since_ms_,
          .observed_ns = decided_ns_,
          .reason = ToldReason(),
          .sides = {},
          .ordered = told_ordered_};
}

}  // namespace holdfast::health

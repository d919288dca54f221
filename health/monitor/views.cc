// What can be seen of the checks. See core.h.
#include "health/monitor/core.h"

namespace holdfast::health {

namespace {

std::optional<std::int64_t> AgeMs(std::optional<std::uint64_t> seen_ns, std::uint64_t now_ns) {
  if (!seen_ns) {
    return std::nullopt;
  }
  return now_ns > *seen_ns ? static_cast<std::int64_t>((now_ns - *seen_ns) / 1'000'000) : 0;
}

}  // namespace

CheckStatus Monitor::Core::StatusOf(const Entry& entry, std::uint64_t now_ns) const {
  const CheckConfig& check = entry.check;
  const CheckVerdict& verdict = entry.verdict;
  CheckStatus status{.id = check.id,
                     .type = check.type,
                     .target = TargetText(check),
                     .raw = verdict.raw(),
                     .healthy = verdict.healthy(),
                     .disabled = check.disabled,
                     .inverted = check.inverted,
                     .ordered = verdict.ordered(),
                     .since_ms = verdict.since_ms(),
                     .reason = verdict.Reason(now_ns),
                     .age_ms = AgeMs(verdict.observed_ns(), now_ns),
                     .counters = verdict.counters(),
                     .changes = verdict.changes(),
                     .verified = verdict.verified(),
                     .tally = verdict.Tally(now_ns),
                     .has_quorum = entry.has_quorum,
                     .flaps = verdict.damping().Flaps(now_ns),
                     .held = {},
                     .children_healthy = 0,
                     .children = check.children.size(),
                     .latencies = {}};
  if (const char* held = verdict.damping().held_by()) {
    status.held = held;
  }
  if (check.type == CheckType::kCalculated) {
    status.children_healthy = CountChildren(check).healthy;
  }
  for (const Votes::Vote& vote : verdict.votes().all()) {
    if (vote.latencies != nullptr) {
      status.latencies.push_back({checkers_[vote.checker], *vote.latencies});
    }
  }
  return status;
}

// In pieces, so that reports and transitions never wait for all of them.
std::vector<CheckStatus> Monitor::Core::Statuses() const {
  std::vector<CheckStatus> statuses;
  const std::uint64_t now_ns = MonotonicNs();
  for (bool more = true; more;) {
    const std::lock_guard lock(mutex_);
    auto at = statuses.empty() ? entries_.begin() : entries_.upper_bound(statuses.back().id);
    for (std::size_t n = 0; n < kEntriesAtOnce && at != entries_.end(); ++n, ++at) {
      statuses.push_back(StatusOf(at->second, now_ns));
    }
    more = at != entries_.end();
  }
  return statuses;
}

Result<CheckStatus> Monitor::Core::StatusOf(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end()) {
    return std::unexpected(NoCheck(id).error());
  }
  return StatusOf(at->second, MonotonicNs());
}

Result<std::vector<CheckerView>> Monitor::Core::Views(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end()) {
    return std::unexpected(NoCheck(id).error());
  }
  const std::uint64_t now_ns = MonotonicNs();
  std::vector<CheckerView> views;
  for (const Votes::Vote& vote : at->second.verdict.votes().all()) {
    const CheckerName& checker = checkers_[vote.checker];
    views.push_back(
        {.checker = checker.name,
         .region = checker.region,
         .side = vote.side,
         .age_ms = AgeMs(vote.seen_ns == 0 ? std::nullopt : std::optional(vote.seen_ns), now_ns),
         .rtt = vote.rtt,
         .reason = vote.reason,
         .latencies = vote.latencies != nullptr ? std::optional(*vote.latencies) : std::nullopt,
         .draining = vote.drained});
  }
  return views;
}

Transition Monitor::Core::TransitionOf(const std::string& id, const Entry& entry) const {
  Transition told = entry.verdict.Tell(id);
  for (const bool agree : {true, false}) {
    for (const Votes::Vote& vote : entry.verdict.votes().all()) {
      if ((vote.side == told.raw) != agree || told.sides.size() == Transition::kMostSides) {
        continue;
      }
      const auto seen_ns = vote.seen_ns == 0 ? std::nullopt : std::optional(vote.seen_ns);
      const CheckerName& checker = checkers_[vote.checker];
      told.sides.push_back({.checker = checker.name,
                            .region = checker.region,
                            .side = vote.side,
                            .age_ms = AgeMs(seen_ns, told.observed_ns),
                            .reason = vote.reason});
    }
  }
  return told;
}

Result<std::vector<HistoryLine>> Monitor::Core::HistoryOf(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end()) {
    return std::unexpected(NoCheck(id).error());
  }
  return at->second.verdict.history().lines();
}

std::vector<CheckerName> Monitor::Core::Checkers() const {
  const std::lock_guard lock(mutex_);
  return checkers_;
}

}  // namespace holdfast::health

// What reports, orders and time make of each check, and the thread that looks again at verdicts
// whose time has come: it goes on when the checker hangs. See core.h.
#include <algorithm>
#include <csignal>
#include <pthread.h>
#include <utility>

#include "health/monitor/core.h"

namespace holdfast::health {

namespace {

constexpr std::chrono::milliseconds kOfferAgain{10};

}  // namespace

// ---- verdicts -----------------------------------------------------------------------------------

void Monitor::Core::Take(std::uint32_t index, const Report& report) {
  const std::lock_guard lock(mutex_);
  if (report.slot >= by_slot_.size() || by_slot_[report.slot] == entries_.end()) {
    return;
  }
  const auto at = by_slot_[report.slot];
  if (at->second.version == report.version) {
    Settled(at, at->second.verdict.Take(index, report.side, report.seen, Now()));
  }
}

Status Monitor::Core::SetOverride(const std::string& id, Order ordered) {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end()) {
    return NoCheck(id);
  }
  Settled(at, at->second.verdict.SetOverride(ordered, Now()));
  return {};
}

Status Monitor::Core::Release(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end()) {
    return NoCheck(id);
  }
  Settled(at, at->second.verdict.Release(Now()));
  return {};
}

Status Monitor::Core::ReportAlarm(const std::string& id, AlarmState alarm, std::string reason) {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end()) {
    return NoCheck(id);
  }
  const CheckConfig& check = at->second.check;
  if (check.type != CheckType::kCloudwatchMetric) {
    return Fail(ErrorCode::kInvalid,
                "health check \"" + id + "\" is " + CheckTypeText(check.type) +
                    ", expected CLOUDWATCH_METRIC");
  }
  if (!check.disabled) {
    CheckVerdict& verdict = at->second.verdict;
    const State state = MetricState(alarm, check.insufficient_data, verdict.decided());
    Settled(at, verdict.Judge(state, std::move(reason), Now()));
  }
  return {};
}

// After a verdict was asked: tells what is new, and what follows for others. Parents have no
// parents.
void Monitor::Core::Settled(Entries::iterator at, bool is_new) {
  ReviewLater(at->second);
  CountQuorum(at->first, at->second);
  if (!is_new) {
    return;
  }
  Offer(at->first, at->second);
  const auto [first, last] = parents_.equal_range(at->first);
  for (auto parent = first; parent != last; ++parent) {
    if (Entry& entry = entries_.at(parent->second); Judge(entry)) {
      Offer(parent->second, entry);
    }
  }
}

// A change and its undoing before anybody asked are none.
void Monitor::Core::CountQuorum(const std::string& id, Entry& entry) {
  const Votes::Tally tally = entry.verdict.Tally(MonotonicNs());
  const std::size_t needed = std::max<std::size_t>(entry.check.quorum.min_reporters, 1);
  const bool has = tally.reporting >= needed;
  if (has == entry.has_quorum) {
    return;
  }
  entry.has_quorum = has;
  if (tally.assigned == 0) {
    entry.had_quorum = false;  // nobody is to report any more
  } else if (!std::exchange(entry.had_quorum, true)) {
    return;
  } else if (quorum_changes_.erase(id) == 0) {
    quorum_changes_.emplace(id, has);
  }
}

QuorumChanges Monitor::Core::TakeQuorumChanges() {
  QuorumChanges changes;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, has] : quorum_changes_) {
    (has ? changes.regained : changes.lost).push_back(id);
  }
  quorum_changes_.clear();
  return changes;
}

ChildCount Monitor::Core::CountChildren(const CheckConfig& check) const {
  ChildCount count{.children = check.children.size()};
  for (const std::string& child : check.children) {
    const auto at = entries_.find(child);
    count.missing += at == entries_.end() ? 1 : 0;
    count.healthy += at != entries_.end() && at->second.verdict.healthy() ? 1 : 0;
  }
  return count;
}

Status Monitor::Core::ReportHeartbeat(const std::string& id, bool pass, std::string reason) {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end()) {
    return NoCheck(id);
  }
  Entry& entry = at->second;
  if (entry.check.type != CheckType::kPush) {
    return Fail(
        ErrorCode::kInvalid,
        "health check \"" + id + "\" is " + CheckTypeText(entry.check.type) + ", expected PUSH");
  }
  if (entry.heartbeat) {
    const State state = entry.heartbeat->Beat(pass, MonotonicNs());
    Settled(at,
            entry.verdict.Hear(state,
                               {.outcome = pass ? Outcome::kPass : Outcome::kFail,
                                .reason = std::move(reason),
                                .at_ns = MonotonicNs()},
                               Now()));
  }
  return {};
}

void Monitor::Core::ListenForHeartbeats() {
  const std::lock_guard lock(mutex_);
  listens_ = true;
  for (auto& [id, entry] : entries_) {
    if (entry.heartbeat) {
      entry.heartbeat->Listen(MonotonicNs());
      ReviewLater(entry);
    }
  }
}

// After its settings were taken over. What it was before a change, or before a restart, stays until
// heartbeats or silence speak against it.
void Monitor::Core::SetHeartbeat(Entry& entry) {
  if (entry.check.type != CheckType::kPush || entry.check.disabled) {
    entry.heartbeat.reset();
    return;
  }
  if (entry.heartbeat) {
    entry.heartbeat->Reconfigure(entry.check, MonotonicNs());
  } else {
    entry.heartbeat.emplace(entry.check);
    if (listens_) {
      entry.heartbeat->Listen(MonotonicNs());
    }
  }
  ReviewLater(entry);
}

// Time has passed. @return true when others are to hear of it.
bool Monitor::Core::Review(Entry& entry) {
  if (auto silence = entry.heartbeat ? entry.heartbeat->Review(MonotonicNs()) : std::nullopt) {
    return entry.verdict.Hear(
        State::kUnhealthy,
        {.outcome = Outcome::kFail, .reason = std::move(*silence), .at_ns = MonotonicNs()},
        Now());
  }
  return entry.verdict.Review(Now());
}

void Monitor::Core::SetRoutingControls(std::map<std::string, bool> controls) {
  const std::lock_guard lock(mutex_);
  routing_controls_ = std::move(controls);
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    if (at->second.check.type == CheckType::kRecoveryControl) {
      Settled(at, Judge(at->second));
    }
  }
}

bool Monitor::Core::JudgeByControl(Entry& entry) {
  const auto control = routing_controls_.find(entry.check.routing_control);
  const State state = control == routing_controls_.end() ? State::kUnknown
                      : control->second                  ? State::kHealthy
                                                         : State::kUnhealthy;
  if (entry.verdict.decided() == state && entry.verdict.verified()) {
    return false;  // keeps its age
  }
  const char* reason = state == State::kUnknown   ? "Unknown: there is no such routing control."
                       : state == State::kHealthy ? "Success: the routing control is On."
                                                  : "Failure: the routing control is Off.";
  return entry.verdict.Judge(state, reason, Now());
}

// A calculated check follows its children, one of a routing control that. @return true when others
// are to hear of it.
bool Monitor::Core::Judge(Entry& entry) {
  const CheckConfig& check = entry.check;
  if (check.type == CheckType::kRecoveryControl && !check.disabled) {
    return JudgeByControl(entry);
  }
  if (check.type != CheckType::kCalculated || check.disabled) {
    return false;
  }
  const ChildCount count = CountChildren(check);
  const bool is_new = entry.verdict.Judge(CalculatedState(count, check.health_threshold),
                                          CalculatedReason(count, check.health_threshold),
                                          Now());
  ReviewLater(entry);
  return is_new;
}

void Monitor::Core::JudgeAll() {
  for (auto& [id, entry] : entries_) {
    const bool begins = entry.verdict.raw() == State::kUnknown;  // then control asks for its status
    if (Judge(entry) && !begins) {
      Offer(id, entry);
    }
  }
}

void Monitor::Core::Offer(const std::string& id, const Entry& entry) {
  if (queue_->Push(TransitionOf(id, entry))) {
    unsent_.erase(id);
    return;
  }
  unsent_.insert(id);
  wake_.notify_one();
}

void Monitor::Core::OfferAgain() {
  for (auto id = unsent_.begin(); id != unsent_.end();) {
    if (!queue_->Push(TransitionOf(*id, entries_.at(*id)))) {
      break;
    }
    id = unsent_.erase(id);
  }
}

// ---- what time alone changes --------------------------------------------------------------------

// Reports move the moment back all the time: only one that comes earlier is noted, and when it is
// there what is true by then is asked.
void Monitor::Core::ReviewLater(Entry& entry) {
  auto next = entry.verdict.ReviewNs(MonotonicNs());
  if (const auto due = entry.heartbeat ? entry.heartbeat->DueNs() : std::nullopt) {
    next = std::min(next.value_or(*due), *due);
  }
  if (!next || (entry.review_ns && *entry.review_ns <= *next)) {
    return;
  }
  if (entry.review_ns) {
    reviews_.erase({*entry.review_ns, entry.slot});
  }
  entry.review_ns = next;
  const bool is_first = reviews_.empty() || *next < reviews_.begin()->first;
  reviews_.emplace(*next, entry.slot);
  if (is_first) {
    wake_.notify_one();
  }
}

void Monitor::Core::ReviewDue() {
  const std::uint64_t now_ns = MonotonicNs();
  for (std::size_t n = 0; n < kEntriesAtOnce; ++n) {
    if (reviews_.empty() || reviews_.begin()->first > now_ns) {
      return;
    }
    const auto at = by_slot_[reviews_.begin()->second];
    reviews_.erase(reviews_.begin());
    at->second.review_ns.reset();
    Settled(at, Review(at->second));
  }
}

void Monitor::Core::Watch() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  pthread_setname_np(pthread_self(), "verdicts");
  std::unique_lock lock(mutex_);
  while (runs_) {
    OfferAgain();
    ReviewDue();
    std::uint64_t wait_ns = 1'000'000'000;
    const std::uint64_t now_ns = MonotonicNs();
    if (!reviews_.empty()) {
      const std::uint64_t due = reviews_.begin()->first;
      wait_ns = std::min(wait_ns, due > now_ns ? due - now_ns : 0);
    }
    if (!unsent_.empty()) {
      wait_ns = std::min<std::uint64_t>(wait_ns, std::chrono::nanoseconds(kOfferAgain).count());
    }
    wake_.wait_for(lock, std::chrono::nanoseconds(wait_ns));
  }
}

}  // namespace holdfast::health

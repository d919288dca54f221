// Joins checkers and verdicts. One lock guards everything; it is held for bookkeeping only, never
// while something waits. A thread of its own looks again at verdicts whose time has come: it goes
// on when the checker hangs.
#include "health/monitor.h"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <map>
#include <mutex>
#include <pthread.h>
#include <set>
#include <thread>
#include <utility>

#include "dataplane/base/clock.h"
#include "health/verdict/calculated.h"
#include "health/verdict/heartbeat.h"

namespace holdfast::health {

namespace {

constexpr std::chrono::milliseconds kOfferAgain{10};
constexpr std::size_t kStatusesAtOnce = 256;
constexpr std::uint32_t kLocal = 0;

Moment Now() {
  return {.monotonic_ns = MonotonicNs(), .wall_ms = WallMs()};
}

Status NoCheck(const std::string& id) {
  return Fail(ErrorCode::kNotFound, "health check \"" + id + "\" does not exist");
}

std::optional<std::int64_t> AgeMs(std::optional<std::uint64_t> seen_ns, std::uint64_t now_ns) {
  if (!seen_ns) {
    return std::nullopt;
  }
  return now_ns > *seen_ns ? static_cast<std::int64_t>((now_ns - *seen_ns) / 1'000'000) : 0;
}

bool Has(const std::vector<std::uint32_t>& checkers, std::uint32_t index) {
  return std::ranges::find(checkers, index) != checkers.end();
}

bool IsProbed(const CheckConfig& check) noexcept {
  return !check.disabled && !IsDerived(check.type);
}

}  // namespace

class Monitor::Core {
 public:
  explicit Core(std::unique_ptr<TransitionQueue> queue) : queue_(std::move(queue)) {}
  ~Core() { Stop(); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status Open(const CheckerOptions& local);
  Status Configure(const std::vector<CheckConfig>& checks);
  Status Restore(const std::string& id,
                 State raw,
                 Override ordered,
                 std::int64_t since_ms,
                 const Counters& counters);
  Result<std::vector<std::uint32_t>> SetCheckers(const std::vector<CheckerName>& remote,
                                                 bool local);
  std::vector<Assignment> AssignmentsOf(std::uint32_t index) const;
  std::uint64_t assignments_version() const;
  void Take(std::uint32_t index, const Report& report);
  Status SetOverride(const std::string& id, Override ordered);
  Status Release(const std::string& id);
  Status ReportAlarm(const std::string& id, AlarmState alarm, std::string reason);
  Status ReportHeartbeat(const std::string& id, bool pass, std::string reason);
  void ListenForHeartbeats();
  void SetRoutingControls(std::map<std::string, bool> controls);
  std::vector<CheckStatus> Statuses() const;
  Result<std::vector<CheckerView>> Views(const std::string& id) const;
  Result<std::vector<HistoryLine>> HistoryOf(const std::string& id) const;
  std::vector<CheckerName> Checkers() const;
  QuorumChanges TakeQuorumChanges();
  bool has_uplink() const noexcept { return local_->has_uplink(); }
  TransitionQueue& queue() noexcept { return *queue_; }
  Status Start();
  void Stop();

 private:
  struct Entry {
    CheckConfig check;
    std::uint32_t slot;
    std::uint64_t version;
    CheckVerdict verdict;
    std::optional<std::uint64_t> review_ns;  // its place in reviews_
    std::optional<Heartbeat> heartbeat;      // of an enabled PUSH check
    bool has_quorum = false;
    bool had_quorum = false;  // ever, so that it can be lost
  };
  using Entries = std::map<std::string, Entry>;
  /// What Configure is about to make of one check.
  struct Wanted {
    const CheckConfig* check;
    std::uint32_t slot;
    std::uint64_t version;
  };

  std::vector<Wanted> WantedOf(const std::vector<CheckConfig>& checks);
  void RemoveAllBut(const std::vector<Wanted>& wanted);
  void Set(const Wanted& wanted);
  std::vector<std::uint32_t> CheckersOf(const CheckConfig& check) const;
  std::vector<std::uint32_t> CheckersOf(const CheckConfig& check,
                                        const std::vector<bool>& present) const;
  CheckStatus StatusOf(const Entry& entry, std::uint64_t now_ns) const;
  ChildCount CountChildren(const CheckConfig& check) const;

  void Settled(Entries::iterator at, bool is_new);
  bool Judge(Entry& entry);
  bool JudgeByControl(Entry& entry);
  void JudgeAll();
  void CountQuorum(const std::string& id, Entry& entry);
  void SetHeartbeat(Entry& entry);
  bool Review(Entry& entry);
  void Offer(const std::string& id, const Entry& entry);
  void OfferAgain();
  void ReviewLater(Entry& entry);
  void ReviewDue();
  void Watch();

  const std::unique_ptr<TransitionQueue> queue_;
  std::unique_ptr<Checker> local_;

  mutable std::mutex mutex_;  // guards all below
  std::vector<CheckerName> checkers_{{.name = "local", .region = ""}};
  std::vector<bool> present_{true};             // which of them watch; the others were removed
  std::map<std::string, bool> quorum_changes_;  // has it now?
  Entries entries_;
  std::vector<Entries::iterator> by_slot_;  // entries_.end(): free
  std::vector<std::uint32_t> free_slots_;
  std::uint64_t version_ = 0;                                  // of settings
  std::uint64_t assignments_version_ = 0;                      //
  std::multimap<std::string, std::string> parents_;            // child -> calculated checks
  std::set<std::pair<std::uint64_t, std::uint32_t>> reviews_;  // when, slot
  std::map<std::string, bool> routing_controls_;               // On?
  std::set<std::string> unsent_;                               // told nobody: the queue was full
  bool listens_ = false;                                       // for heartbeats
  bool runs_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

Status Monitor::Core::Open(const CheckerOptions& local) {
  auto checker = Checker::Create(local, [this](const Report& report) { Take(kLocal, report); });
  if (!checker) {
    return std::unexpected(std::move(checker.error()));
  }
  local_ = std::move(*checker);
  return {};
}

// ---- what is watched ----------------------------------------------------------------------------

Status Monitor::Core::Configure(const std::vector<CheckConfig>& checks) {
  std::set<std::string_view> ids;
  for (const CheckConfig& check : checks) {
    HF_TRY(ValidateCheck(check));
    if (!ids.insert(check.id).second) {
      return Fail(ErrorCode::kInvalid,
                  "health check \"" + check.id + "\": Id occurs twice, expected one check of each");
    }
  }
  const std::vector<Wanted> wanted = WantedOf(checks);
  std::vector<Assignment> assignments;
  for (const Wanted& each : wanted) {
    // Only this thread changes who watches.
    if (Has(CheckersOf(*each.check), kLocal)) {
      assignments.push_back({each.slot, each.version, *each.check});
    }
  }
  HF_TRY(local_->Assign(assignments));
  const std::lock_guard lock(mutex_);
  RemoveAllBut(wanted);
  parents_.clear();
  for (const Wanted& each : wanted) {
    Set(each);
    for (const std::string& child : each.check->children) {
      parents_.emplace(child, each.check->id);
    }
  }
  free_slots_.clear();
  for (std::uint32_t slot = 0; slot < by_slot_.size(); ++slot) {
    if (by_slot_[slot] == entries_.end()) {
      free_slots_.push_back(slot);
    }
  }
  JudgeAll();
  ++assignments_version_;
  return {};
}

// Slots and versions that Set will use; only Configure gives any, so none is taken meanwhile.
std::vector<Monitor::Core::Wanted> Monitor::Core::WantedOf(const std::vector<CheckConfig>& checks) {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint32_t> free = free_slots_;
  auto next = static_cast<std::uint32_t>(by_slot_.size());
  std::vector<Wanted> wanted;
  wanted.reserve(checks.size());
  for (const CheckConfig& check : checks) {
    if (const auto at = entries_.find(check.id); at != entries_.end()) {
      const bool is_same = at->second.check == check;
      wanted.push_back({&check, at->second.slot, is_same ? at->second.version : ++version_});
      continue;
    }
    std::uint32_t slot = next;
    if (free.empty()) {
      ++next;
    } else {
      slot = free.back();
      free.pop_back();
    }
    wanted.push_back({&check, slot, ++version_});
  }
  return wanted;
}

void Monitor::Core::RemoveAllBut(const std::vector<Wanted>& wanted) {
  std::set<std::string_view> ids;
  for (const Wanted& each : wanted) {
    ids.insert(each.check->id);
  }
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (ids.contains(at->first)) {
      ++at;
      continue;
    }
    if (const auto& review = at->second.review_ns) {
      reviews_.erase({*review, at->second.slot});
    }
    by_slot_[at->second.slot] = entries_.end();
    unsent_.erase(at->first);
    quorum_changes_.erase(at->first);
    at = entries_.erase(at);
  }
}

void Monitor::Core::Set(const Wanted& wanted) {
  const CheckConfig& check = *wanted.check;
  auto at = entries_.find(check.id);
  if (at == entries_.end()) {
    at = entries_
             .emplace(check.id,
                      Entry{.check = check,
                            .slot = wanted.slot,
                            .version = wanted.version,
                            .verdict = CheckVerdict(check, Now()),
                            .review_ns = {},
                            .heartbeat = {}})
             .first;
    if (wanted.slot >= by_slot_.size()) {
      by_slot_.resize(wanted.slot + 1, entries_.end());
    }
    by_slot_[wanted.slot] = at;
    at->second.verdict.Assign(CheckersOf(check), Now());
    SetHeartbeat(at->second);
    return;
  }
  Entry& entry = at->second;
  if (entry.version == wanted.version) {
    return;
  }
  entry.check = check;
  entry.version = wanted.version;
  const bool assigned = entry.verdict.Assign(CheckersOf(check), Now());
  const bool reconfigured = entry.verdict.Reconfigure(check, Now());
  SetHeartbeat(entry);
  if (assigned || reconfigured) {
    Offer(check.id, entry);
  }
}

std::vector<std::uint32_t> Monitor::Core::CheckersOf(const CheckConfig& check) const {
  return CheckersOf(check, present_);
}

// Those of its regions; all when it names none, or none that has a checker.
std::vector<std::uint32_t> Monitor::Core::CheckersOf(const CheckConfig& check,
                                                     const std::vector<bool>& present) const {
  std::vector<std::uint32_t> all;
  std::vector<std::uint32_t> chosen;
  for (std::uint32_t index = 0; IsProbed(check) && index < present.size(); ++index) {
    if (!present[index]) {
      continue;
    }
    all.push_back(index);
    if (std::ranges::find(check.regions, checkers_[index].region) != check.regions.end()) {
      chosen.push_back(index);
    }
  }
  return chosen.empty() ? all : chosen;
}

Result<std::vector<std::uint32_t>> Monitor::Core::SetCheckers(
    const std::vector<CheckerName>& remote, bool local) {
  std::vector<std::uint32_t> indices;
  std::vector<bool> present;
  std::vector<Assignment> assignments;  // of the local one
  {
    const std::lock_guard lock(mutex_);
    for (const CheckerName& each : remote) {
      const auto known = std::find_if(checkers_.begin() + 1, checkers_.end(), [&](const auto& c) {
        return c.name == each.name;
      });
      indices.push_back(static_cast<std::uint32_t>(known - checkers_.begin()));
      if (known == checkers_.end()) {
        checkers_.push_back(each);
      } else {
        known->region = each.region;
      }
    }
    present.resize(checkers_.size(), false);
    present[kLocal] = local;
    for (const std::uint32_t index : indices) {
      present[index] = true;
    }
    for (const auto& [id, entry] : entries_) {
      if (Has(CheckersOf(entry.check, present), kLocal)) {
        assignments.push_back({entry.slot, entry.version, entry.check});
      }
    }
  }
  if (const auto assigned = local_->Assign(assignments); !assigned) {
    const std::lock_guard lock(mutex_);
    present_.resize(checkers_.size(), false);
    return std::unexpected(assigned.error());
  }
  const std::lock_guard lock(mutex_);
  present_ = std::move(present);
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    Settled(at, at->second.verdict.Assign(CheckersOf(at->second.check), Now()));
  }
  ++assignments_version_;
  return indices;
}

std::vector<Assignment> Monitor::Core::AssignmentsOf(std::uint32_t index) const {
  std::vector<Assignment> assignments;
  std::string last;
  for (bool more = true; more;) {
    const std::lock_guard lock(mutex_);
    auto at = last.empty() ? entries_.begin() : entries_.upper_bound(last);
    for (std::size_t n = 0; n < kStatusesAtOnce && at != entries_.end(); ++n, ++at) {
      if (Has(CheckersOf(at->second.check), index)) {
        assignments.push_back({at->second.slot, at->second.version, at->second.check});
      }
      last = at->first;
    }
    more = at != entries_.end();
  }
  return assignments;
}

std::uint64_t Monitor::Core::assignments_version() const {
  const std::lock_guard lock(mutex_);
  return assignments_version_;
}

Status Monitor::Core::Restore(const std::string& id,
                              State raw,
                              Override ordered,
                              std::int64_t since_ms,
                              const Counters& counters) {
  const std::lock_guard lock(mutex_);
  if (runs_) {
    return Fail(ErrorCode::kConflict,
                "health check \"" + id + "\": cannot be restored after start");
  }
  const auto at = entries_.find(id);
  if (at == entries_.end()) {
    return NoCheck(id);
  }
  const State state = at->second.check.disabled ? State::kUnknown : raw;
  at->second.verdict.Restore(state, ordered, since_ms, counters, Now());
  if (at->second.heartbeat) {
    at->second.heartbeat->Restore(state);
  }
  return {};
}

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

Status Monitor::Core::SetOverride(const std::string& id, Override ordered) {
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
    Settled(at, entry.verdict.Judge(state, std::move(reason), Now()));
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
    return entry.verdict.Judge(State::kUnhealthy, std::move(*silence), Now());
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
  if (queue_->Push(entry.verdict.Tell(id))) {
    unsent_.erase(id);
    return;
  }
  unsent_.insert(id);
  wake_.notify_one();
}

void Monitor::Core::OfferAgain() {
  for (auto id = unsent_.begin(); id != unsent_.end();) {
    if (!queue_->Push(entries_.at(*id).verdict.Tell(*id))) {
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
  for (std::size_t n = 0; n < kStatusesAtOnce; ++n) {
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

Status Monitor::Core::Start() {
  {
    const std::lock_guard lock(mutex_);
    if (runs_) {
      return Fail(ErrorCode::kConflict, "health: the monitor runs already");
    }
    JudgeAll();
    runs_ = true;
  }
  try {
    thread_ = std::thread([this] { Watch(); });
  } catch (const std::exception& thrown) {
    const std::lock_guard lock(mutex_);
    runs_ = false;
    return Fail(ErrorCode::kExhausted,
                std::string("health: cannot start a thread: ") + thrown.what());
  }
  if (const auto started = local_->Start(); !started) {
    Stop();
    return started;
  }
  return {};
}

void Monitor::Core::Stop() {
  if (local_ != nullptr) {  // null: was never opened
    local_->Stop();
  }
  {
    const std::lock_guard lock(mutex_);
    if (!runs_) {
      return;
    }
    runs_ = false;
  }
  wake_.notify_one();
  thread_.join();
}

// ---- what can be seen ---------------------------------------------------------------------------

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
    for (std::size_t n = 0; n < kStatusesAtOnce && at != entries_.end(); ++n, ++at) {
      statuses.push_back(StatusOf(at->second, now_ns));
    }
    more = at != entries_.end();
  }
  return statuses;
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
         .latencies = vote.latencies != nullptr ? std::optional(*vote.latencies) : std::nullopt});
  }
  return views;
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

Monitor::Monitor(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Monitor::~Monitor() = default;

Result<std::unique_ptr<Monitor>> Monitor::Create(const MonitorOptions& options) {
  auto queue = TransitionQueue::Create(options.queue_capacity);
  if (!queue) {
    return std::unexpected(std::move(queue.error()));
  }
  auto core = std::make_unique<Core>(std::move(*queue));
  HF_TRY(core->Open(options.local));
  return std::unique_ptr<Monitor>(new Monitor(std::move(core)));
}

Status Monitor::Configure(const std::vector<CheckConfig>& checks) {
  return core_->Configure(checks);
}

Status Monitor::Restore(const std::string& id,
                        State raw,
                        Override ordered,
                        std::int64_t since_ms,
                        const Counters& counters) {
  return core_->Restore(id, raw, ordered, since_ms, counters);
}

Result<std::vector<std::uint32_t>> Monitor::SetCheckers(const std::vector<CheckerName>& remote,
                                                        bool local) {
  return core_->SetCheckers(remote, local);
}

std::vector<Assignment> Monitor::AssignmentsOf(std::uint32_t index) const {
  return core_->AssignmentsOf(index);
}

std::uint64_t Monitor::assignments_version() const {
  return core_->assignments_version();
}

void Monitor::Take(std::uint32_t index, const Report& report) {
  core_->Take(index, report);
}

Status Monitor::SetOverride(const std::string& id, Override ordered) {
  return core_->SetOverride(id, ordered);
}

Status Monitor::ReportAlarm(const std::string& id, AlarmState alarm, std::string reason) {
  return core_->ReportAlarm(id, alarm, std::move(reason));
}

Status Monitor::Release(const std::string& id) {
  return core_->Release(id);
}

Status Monitor::ReportHeartbeat(const std::string& id, bool pass, std::string reason) {
  return core_->ReportHeartbeat(id, pass, std::move(reason));
}

void Monitor::ListenForHeartbeats() {
  core_->ListenForHeartbeats();
}

void Monitor::SetRoutingControls(std::map<std::string, bool> controls) {
  core_->SetRoutingControls(std::move(controls));
}

std::vector<CheckStatus> Monitor::Statuses() const {
  return core_->Statuses();
}

Result<std::vector<CheckerView>> Monitor::Views(const std::string& id) const {
  return core_->Views(id);
}

Result<std::vector<HistoryLine>> Monitor::HistoryOf(const std::string& id) const {
  return core_->HistoryOf(id);
}

std::vector<CheckerName> Monitor::Checkers() const {
  return core_->Checkers();
}

QuorumChanges Monitor::TakeQuorumChanges() {
  return core_->TakeQuorumChanges();
}

bool Monitor::has_uplink() const noexcept {
  return core_->has_uplink();
}

TransitionQueue& Monitor::queue() noexcept {
  return core_->queue();
}

Status Monitor::Start() {
  return core_->Start();
}

void Monitor::Stop() {
  core_->Stop();
}

}  // namespace holdfast::health

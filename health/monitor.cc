// Joins checkers and verdicts: see monitor/core.h. Here, which checks are watched by whom, and
// start and stop.
#include "health/monitor.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "health/monitor/core.h"

namespace holdfast::health {

namespace {

constexpr std::uint32_t kLocal = 0;
constexpr std::uint64_t kLookAtDrainsNs = 1'000'000'000;

bool Has(const std::vector<std::uint32_t>& checkers, std::uint32_t index) {
  return std::ranges::find(checkers, index) != checkers.end();
}

bool IsProbed(const CheckConfig& check) noexcept {
  return !check.disabled && !IsDerived(check.type);
}

}  // namespace

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
    if (Has(CheckersOf(*each.check), kLocal) || Has(each.drained, kLocal)) {
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
      const Entry& entry = at->second;
      const bool is_same = entry.check == check;
      wanted.push_back({&check,
                        entry.slot,
                        is_same ? entry.version : ++version_,
                        DrainedOf(entry, check, present_)});
      continue;
    }
    std::uint32_t slot = next;
    if (free.empty()) {
      ++next;
    } else {
      slot = free.back();
      free.pop_back();
    }
    wanted.push_back({&check, slot, ++version_, {}});
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
    draining_.erase(at->first);
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
  const bool assigned = Assign(check.id, entry, wanted.drained);
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

// Who has a vote on it, is there, and is none of its checkers any more.
std::vector<std::uint32_t> Monitor::Core::DrainedOf(const Entry& entry,
                                                    const CheckConfig& check,
                                                    const std::vector<bool>& present) const {
  if (!IsProbed(check) || check.type != entry.check.type) {
    return {};  // what was seen says nothing any more
  }
  std::vector<std::uint32_t> drained = entry.verdict.votes().Leaving(CheckersOf(check, present));
  std::erase_if(drained, [&present](std::uint32_t index) { return !present[index]; });
  return drained;
}

// @return true when others are to hear of it.
bool Monitor::Core::Assign(const std::string& id,
                           Entry& entry,
                           const std::vector<std::uint32_t>& drained) {
  const bool is_new = entry.verdict.Assign(CheckersOf(entry.check), Now(), drained);
  if (entry.verdict.Drains()) {
    draining_.insert(id);
  } else {
    draining_.erase(id);
  }
  return is_new;
}

// Here and not by the thread that watches: who the local checker works for is this one's to say.
Status Monitor::Core::Tick(std::uint64_t now_ns) {
  std::set<std::string> ended;
  std::vector<Assignment> assignments;  // of the local one
  bool local = false;
  {
    const std::lock_guard lock(mutex_);
    if (draining_.empty() || now_ns < drains_looked_at_ns_ + kLookAtDrainsNs) {
      return {};
    }
    drains_looked_at_ns_ = now_ns;
    for (const std::string& id : draining_) {
      const CheckVerdict& verdict = entries_.at(id).verdict;
      if (verdict.MayEndDrain(now_ns)) {
        ended.insert(id);
        local = local || std::ranges::any_of(verdict.votes().all(), [](const Votes::Vote& vote) {
                  return vote.drained && vote.checker == kLocal;
                });
      }
    }
    for (auto at = entries_.begin(); local && at != entries_.end(); ++at) {
      const Entry& entry = at->second;
      if (ended.contains(at->first) ? Has(CheckersOf(entry.check), kLocal)
                                    : entry.verdict.votes().Has(kLocal)) {
        assignments.push_back({entry.slot, entry.version, entry.check});
      }
    }
  }
  if (local) {
    HF_TRY(local_->Assign(assignments));
  }
  const std::lock_guard lock(mutex_);
  for (const std::string& id : ended) {
    const auto at = entries_.find(id);
    Settled(at, Assign(id, at->second, {}));
  }
  assignments_version_ += ended.empty() ? 0 : 1;
  return {};
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
      if (Has(CheckersOf(entry.check, present), kLocal) ||
          Has(DrainedOf(entry, entry.check, present), kLocal)) {
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
    Entry& entry = at->second;
    Settled(at, Assign(at->first, entry, DrainedOf(entry, entry.check, present_)));
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
    for (std::size_t n = 0; n < kEntriesAtOnce && at != entries_.end(); ++n, ++at) {
      if (at->second.verdict.votes().Has(index)) {
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
                              Order ordered,
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
  ReviewLater(at->second);
  if (at->second.heartbeat) {
    at->second.heartbeat->Restore(state);
  }
  return {};
}

// ---- start and stop -----------------------------------------------------------------------------

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

// ---- from outside -------------------------------------------------------------------------------

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
                        Order ordered,
                        std::int64_t since_ms,
                        const Counters& counters) {
  return core_->Restore(id, raw, ordered, since_ms, counters);
}

Result<std::vector<std::uint32_t>> Monitor::SetCheckers(const std::vector<CheckerName>& remote,
                                                        bool local) {
  return core_->SetCheckers(remote, local);
}

Status Monitor::Tick(std::uint64_t now_ns) {
  return core_->Tick(now_ns);
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

Status Monitor::SetOverride(const std::string& id, Order ordered) {
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

Result<CheckStatus> Monitor::StatusOf(const std::string& id) const {
  return core_->StatusOf(id);
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

const NameCounters& Monitor::names() const noexcept {
  return core_->names();
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

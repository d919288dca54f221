// Joins schedule, probes and verdicts on one thread. One lock guards everything that calls from
// other threads touch; it is held for bookkeeping only, never while something waits. Patterns are
// compiled on the caller's thread, before the lock is taken.
#include "health/monitor.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <exception>
#include <map>
#include <mutex>
#include <pthread.h>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "health/probe/probe.h"
#include "health/schedule/schedule.h"
#include "health/verdict/calculated.h"
#include "health/verdict/check_verdict.h"

namespace holdfast::health {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

namespace {

constexpr Milliseconds kOfferAgain{10};

Moment Now() {
  return {.monotonic_ns = MonotonicNs(), .wall_ms = WallMs()};
}

/// What remains when the loop is torn down and built again: nothing. One per Start.
struct Loop {
  Loop(std::unique_ptr<asio::io_context> made,
       std::unique_ptr<Resolver> names,
       std::unique_ptr<TlsContext> context)
      : io(std::move(made)),
        resolver(std::move(names)),
        tls(std::move(context)),
        shared{.io = *io, .resolver = *resolver, .tls = *tls},
        due(*io),
        again(*io) {}

  // The order matters at the end: io goes last, with it handlers that hold the last probes.
  std::unique_ptr<asio::io_context> io;
  std::unique_ptr<Resolver> resolver;
  std::unique_ptr<TlsContext> tls;
  ProbeLoop shared;
  asio::steady_timer due;
  asio::steady_timer again;
};

Result<std::unique_ptr<Loop>> MakeLoop(const std::string& resolvers) {
  try {
    auto io = std::make_unique<asio::io_context>(1);
    auto resolver = Resolver::Create(*io, resolvers);
    if (!resolver) {
      return std::unexpected(std::move(resolver.error()));
    }
    auto tls = TlsContext::Create();
    if (!tls) {
      return std::unexpected(std::move(tls.error()));
    }
    return std::make_unique<Loop>(std::move(io), std::move(*resolver), std::move(*tls));
  } catch (const std::exception& thrown) {
    return Fail(ErrorCode::kExhausted,
                std::string("health: cannot make an event loop: ") + thrown.what());
  }
}

}  // namespace

class Monitor::Core {
 public:
  Core(const MonitorOptions& options, std::unique_ptr<TransitionQueue> queue)
      : options_(options), queue_(std::move(queue)), schedule_(std::random_device{}()) {}
  ~Core() { Stop(); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status Configure(const std::vector<CheckConfig>& checks);
  Status Restore(const std::string& id, State raw, Override ordered, std::int64_t since_ms);
  Status SetOverride(const std::string& id, Override ordered);
  std::vector<CheckStatus> Statuses() const;
  TransitionQueue& queue() noexcept { return *queue_; }
  Status Start();
  void Stop();

 private:
  using Task = std::shared_ptr<const ProbeTask>;
  struct Entry {
    Task task;
    CheckVerdict verdict;
    std::uint32_t slot;
    std::shared_ptr<Probe> probe;  // under way, else null
  };
  using Entries = std::map<std::string, Entry>;

  Result<std::vector<Task>> Prepare(const std::vector<CheckConfig>& checks) const;
  void RemoveAllBut(const std::vector<Task>& wanted);
  void Take(const Task& task);
  void Plan(Entry& entry);
  void Abandon(Entry& entry);
  void Settled(const std::string& id, const Entry& entry);
  bool Judge(Entry& entry);
  void JudgeAll();
  void Offer(const std::string& id, const Entry& entry);
  void OfferAgain();

  void Run(Loop& loop);
  void Wake();
  void ProbeDue();
  void Launch(Schedule::Ticket ticket);
  void OnObservation(Schedule::Ticket ticket, const Observation& seen);
  void ArmDue();

  const MonitorOptions options_;
  const std::unique_ptr<TransitionQueue> queue_;

  mutable std::mutex mutex_;  // guards all below
  Entries entries_;
  std::vector<Entries::iterator> by_slot_;  // entries_.end(): free
  std::vector<std::uint32_t> free_slots_;
  Schedule schedule_;
  std::uint64_t version_ = 0;
  std::multimap<std::string, std::string> parents_;  // child -> calculated checks it counts in
  std::set<std::string> unsent_;                     // told nobody yet: the queue was full
  std::unique_ptr<Loop> loop_;                       // while started
  std::optional<Clock::time_point> due_armed_;       // what loop_->due waits for
  std::thread thread_;
};

Result<std::vector<Monitor::Core::Task>> Monitor::Core::Prepare(
    const std::vector<CheckConfig>& checks) const {
  std::map<std::string, Task> old;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) {
      old.emplace(id, entry.task);
    }
  }
  std::map<std::string, std::shared_ptr<const Pattern>> patterns;
  std::set<std::string> seen;
  std::vector<Task> tasks;
  for (const CheckConfig& check : checks) {
    HF_TRY(ValidateCheck(check));
    if (!seen.insert(check.id).second) {
      return Fail(
          ErrorCode::kInvalid,
          "health check \"" + check.id + "\": Id occurs twice, " + "expected one check of each");
    }
    if (const auto same = old.find(check.id); same != old.end() && same->second->check == check) {
      tasks.push_back(same->second);
      continue;
    }
    std::shared_ptr<const Pattern> pattern;
    if (MatchesString(check.type)) {
      auto& shared = patterns[check.search_string];
      if (shared == nullptr) {
        auto compiled = Pattern::Compile(check.search_string);
        if (!compiled) {
          return Fail(compiled.error().code,
                      "health check \"" + check.id + "\": " + compiled.error().message);
        }
        shared = std::move(*compiled);
      }
      pattern = shared;
    }
    auto task = MakeTask(check, std::move(pattern));
    if (!task) {
      return std::unexpected(std::move(task.error()));
    }
    tasks.push_back(std::move(*task));
  }
  return tasks;
}

Status Monitor::Core::Configure(const std::vector<CheckConfig>& checks) {
  auto tasks = Prepare(checks);
  if (!tasks) {
    return std::unexpected(std::move(tasks.error()));
  }
  const std::lock_guard lock(mutex_);
  RemoveAllBut(*tasks);
  parents_.clear();
  for (const Task& task : *tasks) {
    Take(task);
    for (const std::string& child : task->check.children) {
      parents_.emplace(child, task->check.id);
    }
  }
  JudgeAll();
  Wake();
  return {};
}

void Monitor::Core::RemoveAllBut(const std::vector<Task>& wanted) {
  std::set<std::string_view> ids;
  for (const Task& task : wanted) {
    ids.insert(task->check.id);
  }
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (ids.contains(at->first)) {
      ++at;
      continue;
    }
    Abandon(at->second);
    schedule_.Remove(at->second.slot);
    by_slot_[at->second.slot] = entries_.end();
    free_slots_.push_back(at->second.slot);
    unsent_.erase(at->first);
    at = entries_.erase(at);
  }
}

void Monitor::Core::Take(const Task& task) {
  const std::string& id = task->check.id;
  auto at = entries_.find(id);
  if (at == entries_.end()) {
    if (free_slots_.empty()) {
      free_slots_.push_back(static_cast<std::uint32_t>(by_slot_.size()));
      by_slot_.push_back(entries_.end());
    }
    const std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    at = entries_
             .emplace(id,
                      Entry{.task = task,
                            .verdict = CheckVerdict(task->check, Now()),
                            .slot = slot,
                            .probe = nullptr})
             .first;
    by_slot_[slot] = at;
    Plan(at->second);
    return;
  }
  Entry& entry = at->second;
  if (entry.task == task) {
    return;
  }
  Abandon(entry);
  entry.task = task;
  Plan(entry);
  if (entry.verdict.Reconfigure(task->check, Now())) {
    Offer(id, entry);
  }
}

// ---- calculated checks ------------------------------------------------------------------------

// What follows for others of a status that changed. Parents have no parents.
void Monitor::Core::Settled(const std::string& id, const Entry& entry) {
  Offer(id, entry);
  const auto [first, last] = parents_.equal_range(id);
  for (auto at = first; at != last; ++at) {
    if (Entry& parent = entries_.at(at->second); Judge(parent)) {
      Offer(at->second, parent);
    }
  }
}

// @return true when others are to hear of it.
bool Monitor::Core::Judge(Entry& entry) {
  const CheckConfig& check = entry.task->check;
  if (check.type != CheckType::kCalculated || check.disabled) {
    return false;
  }
  ChildCount count{.children = check.children.size()};
  for (const std::string& child : check.children) {
    const auto at = entries_.find(child);
    count.missing += at == entries_.end() ? 1 : 0;
    count.healthy += at != entries_.end() && at->second.verdict.healthy() ? 1 : 0;
  }
  return entry.verdict.Judge(CalculatedState(count, check.health_threshold),
                             CalculatedReason(count, check.health_threshold),
                             Now());
}

void Monitor::Core::JudgeAll() {
  for (auto& [id, entry] : entries_) {
    const bool begins = entry.verdict.raw() == State::kUnknown;  // then control asks for its status
    if (Judge(entry) && !begins) {
      Offer(id, entry);
    }
  }
}

void Monitor::Core::Plan(Entry& entry) {
  const CheckConfig& check = entry.task->check;
  schedule_.Remove(entry.slot);
  if (check.disabled || IsDerived(check.type) || loop_ == nullptr) {
    return;  // Start plans for all, so that the spread of starts begins then
  }
  schedule_.Set(entry.slot,
                ++version_,
                {.interval = check.interval, .jitter_percent = check.jitter_percent},
                Clock::now());
}

// Probes belong to the loop's thread: it ends them. Until it does, the ticket is stale already.
void Monitor::Core::Abandon(Entry& entry) {
  if (entry.probe != nullptr && loop_ != nullptr) {
    asio::post(*loop_->io, [probe = std::move(entry.probe)] { probe->Abandon(); });
  }
  entry.probe = nullptr;
}

Status Monitor::Core::Restore(const std::string& id,
                              State raw,
                              Override ordered,
                              std::int64_t since_ms) {
  const std::lock_guard lock(mutex_);
  if (loop_ != nullptr) {
    return Fail(ErrorCode::kConflict,
                "health check \"" + id + "\": cannot be restored after start");
  }
  const auto at = entries_.find(id);
  if (at == entries_.end()) {
    return Fail(ErrorCode::kNotFound, "health check \"" + id + "\" does not exist");
  }
  at->second.verdict.Restore(
      at->second.task->check.disabled ? State::kUnknown : raw, ordered, since_ms);
  return {};
}

Status Monitor::Core::SetOverride(const std::string& id, Override ordered) {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end()) {
    return Fail(ErrorCode::kNotFound, "health check \"" + id + "\" does not exist");
  }
  if (at->second.verdict.SetOverride(ordered, Now())) {
    Settled(id, at->second);
  }
  return {};
}

std::vector<CheckStatus> Monitor::Core::Statuses() const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t now = MonotonicNs();
  std::vector<CheckStatus> statuses;
  statuses.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) {
    const CheckConfig& check = entry.task->check;
    const CheckVerdict& verdict = entry.verdict;
    CheckStatus status{.id = id,
                       .type = check.type,
                       .target = TargetText(check),
                       .raw = verdict.raw(),
                       .healthy = verdict.healthy(),
                       .disabled = check.disabled,
                       .inverted = check.inverted,
                       .ordered = verdict.ordered(),
                       .since_ms = verdict.since_ms(),
                       .reason = verdict.reason(),
                       .age_ms = std::nullopt,
                       .passes = verdict.passes(),
                       .failures = verdict.failures(),
                       .unknowns = verdict.unknowns(),
                       .verified = verdict.verified()};
    if (const auto seen = verdict.observed_ns()) {
      status.age_ms = now > *seen ? static_cast<std::int64_t>((now - *seen) / 1'000'000) : 0;
    }
    statuses.push_back(std::move(status));
  }
  return statuses;
}

void Monitor::Core::Offer(const std::string& id, const Entry& entry) {
  if (queue_->Push(entry.verdict.Tell(id))) {
    unsent_.erase(id);
    return;
  }
  if (unsent_.empty() && loop_ != nullptr) {
    asio::post(*loop_->io, [this] { OfferAgain(); });
  }
  unsent_.insert(id);
}

// On the loop's thread.
void Monitor::Core::OfferAgain() {
  const std::lock_guard lock(mutex_);
  for (auto id = unsent_.begin(); id != unsent_.end();) {
    if (!queue_->Push(entries_.at(*id).verdict.Tell(*id))) {
      break;
    }
    id = unsent_.erase(id);
  }
  if (!unsent_.empty()) {
    loop_->again.expires_after(kOfferAgain);
    loop_->again.async_wait([this](auto error) {
      if (!error) {
        OfferAgain();
      }
    });
  }
}

Status Monitor::Core::Start() {
  const std::lock_guard lock(mutex_);
  if (loop_ != nullptr) {
    return Fail(ErrorCode::kConflict, "health: the monitor runs already");
  }
  auto loop = MakeLoop(options_.resolvers);
  if (!loop) {
    return std::unexpected(std::move(loop.error()));
  }
  loop_ = std::move(*loop);
  for (auto& [id, entry] : entries_) {
    Plan(entry);
  }
  JudgeAll();
  asio::post(*loop_->io, [this] { OfferAgain(); });
  Wake();
  try {
    thread_ = std::thread([this, running = loop_.get()] { Run(*running); });
  } catch (const std::exception& thrown) {
    loop_ = nullptr;
    return Fail(ErrorCode::kExhausted,
                std::string("health: cannot start a thread: ") + thrown.what());
  }
  return {};
}

void Monitor::Core::Stop() {
  {
    const std::lock_guard lock(mutex_);
    if (loop_ == nullptr) {
      return;
    }
    loop_->io->stop();
  }
  thread_.join();
  const std::lock_guard lock(mutex_);
  for (auto& [id, entry] : entries_) {
    if (const auto probe = std::exchange(entry.probe, nullptr)) {
      probe->Abandon();  // the loop's thread is gone, so this one may
    }
    schedule_.Remove(entry.slot);
  }
  due_armed_.reset();
  loop_ = nullptr;
}

void Monitor::Core::Run(Loop& loop) {
  // Signals are the main thread's; SIGPIPE would come of a TLS endpoint that hangs up.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  pthread_setname_np(pthread_self(), "health");
  const auto work = asio::make_work_guard(*loop.io);
  loop.io->run();
}

void Monitor::Core::Wake() {
  if (loop_ != nullptr) {
    asio::post(*loop_->io, [this] { ProbeDue(); });
  }
}

void Monitor::Core::ProbeDue() {
  const std::lock_guard lock(mutex_);
  due_armed_.reset();
  const std::size_t room =
      options_.max_in_flight - std::min(options_.max_in_flight, schedule_.in_flight());
  for (const Schedule::Ticket ticket : schedule_.TakeDue(Clock::now(), room)) {
    Launch(ticket);
  }
  ArmDue();
}

void Monitor::Core::Launch(Schedule::Ticket ticket) {
  Entry& entry = by_slot_[ticket.slot]->second;
  entry.probe = Probe::Make(loop_->shared, entry.task, [this, ticket](const Observation& seen) {
    OnObservation(ticket, seen);
  });
  entry.probe->Start();
}

void Monitor::Core::OnObservation(Schedule::Ticket ticket, const Observation& seen) {
  const std::lock_guard lock(mutex_);
  if (!schedule_.Finished(ticket, Clock::now())) {
    return;  // the check was changed or removed in the meantime
  }
  const auto at = by_slot_[ticket.slot];
  at->second.probe = nullptr;
  if (at->second.verdict.Apply(seen, Now())) {
    Settled(at->first, at->second);
  }
  ArmDue();
}

void Monitor::Core::ArmDue() {
  const auto next = schedule_.NextDue();
  // With every probe place taken, the next observation comes here again.
  if (!next || schedule_.in_flight() >= options_.max_in_flight) {
    return;
  }
  if (due_armed_ == next) {
    return;
  }
  due_armed_ = next;
  loop_->due.expires_at(*next);
  loop_->due.async_wait([this](auto error) {
    if (!error) {
      ProbeDue();
    }
  });
}

Monitor::Monitor(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Monitor::~Monitor() = default;

Result<std::unique_ptr<Monitor>> Monitor::Create(const MonitorOptions& options) {
  if (options.max_in_flight == 0) {
    return Fail(ErrorCode::kInvalid, "health: probes at a time is 0, expected at least 1");
  }
  HF_TRY(MakeLoop(options.resolvers));  // tells now what Start would have to tell
  auto queue = TransitionQueue::Create(options.queue_capacity);
  if (!queue) {
    return std::unexpected(std::move(queue.error()));
  }
  return std::unique_ptr<Monitor>(new Monitor(std::make_unique<Core>(options, std::move(*queue))));
}

Status Monitor::Configure(const std::vector<CheckConfig>& checks) {
  return core_->Configure(checks);
}

Status Monitor::Restore(const std::string& id, State raw, Override ordered, std::int64_t since_ms) {
  return core_->Restore(id, raw, ordered, since_ms);
}

Status Monitor::SetOverride(const std::string& id, Override ordered) {
  return core_->SetOverride(id, ordered);
}

std::vector<CheckStatus> Monitor::Statuses() const {
  return core_->Statuses();
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

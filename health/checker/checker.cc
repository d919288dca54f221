// Joins schedule, probes and thresholds on one thread. One lock guards what callers on other
// threads touch; it is held for bookkeeping only, never while something waits, and never while a
// report is handed out. Patterns are compiled on the caller's thread, before the lock is taken.
#include "health/checker/checker.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <exception>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <random>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "health/checker/uplink.h"
#include "health/probe/probe.h"
#include "health/schedule/schedule.h"
#include "health/verdict/threshold.h"

namespace holdfast::health {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

namespace {

constexpr Milliseconds kAskUplinkAgain{1000};
// Then what came meanwhile is looked at: many that are due at once neither make deadlines late nor
// fill the caches with connections that wait.
constexpr std::size_t kLaunchesPerTurn = 64;
constexpr std::uint32_t kMaxQueries = 100'000;
constexpr const char* kNoUplink =
    "Unknown: the health checker has no uplink, none of its control targets answered.";

using Task = std::shared_ptr<const ProbeTask>;

/// What remains when the loop is torn down and built again: nothing. One per Start.
struct Loop {
  Loop(std::unique_ptr<asio::io_context> made,
       std::unique_ptr<Resolver> names,
       std::unique_ptr<TlsContext> context,
       TargetRules targets,
       std::vector<Task> control_targets)
      : io(std::move(made)),
        resolver(std::move(names)),
        tls(std::move(context)),
        shared{.io = *io, .resolver = *resolver, .tls = *tls, .targets = std::move(targets)},
        due(*io),
        again(*io),
        uplink(shared, std::move(control_targets)) {}

  // The order matters at the end: io goes last, with it handlers that hold the last probes.
  std::unique_ptr<asio::io_context> io;
  std::unique_ptr<Resolver> resolver;
  std::unique_ptr<TlsContext> tls;
  ProbeLoop shared;
  asio::steady_timer due;
  asio::steady_timer again;  // when to ask the uplink again
  Uplink uplink;
};

Result<std::unique_ptr<Loop>> MakeLoop(const CheckerOptions& options) {
  auto control_targets = Uplink::Read(options.control_targets);
  if (!control_targets) {
    return std::unexpected(std::move(control_targets.error()));
  }
  auto targets = TargetRules::Create(options.targets);
  if (!targets) {
    return std::unexpected(std::move(targets.error()));
  }
  try {
    auto io = std::make_unique<asio::io_context>(1);
    auto resolver = Resolver::Create(*io,
                                     {.servers = options.resolvers,
                                      .max_stale = options.name_max_stale,
                                      .queries_per_second = options.name_queries_per_second});
    if (!resolver) {
      return std::unexpected(std::move(resolver.error()));
    }
    auto tls = TlsContext::Create();
    if (!tls) {
      return std::unexpected(std::move(tls.error()));
    }
    return std::make_unique<Loop>(std::move(io),
                                  std::move(*resolver),
                                  std::move(*tls),
                                  std::move(*targets),
                                  std::move(*control_targets));
  } catch (const std::exception& thrown) {
    return Fail(ErrorCode::kExhausted,
                std::string("health: cannot make an event loop: ") + thrown.what());
  }
}

/// A check as one of those that share a target.
struct Member {
  std::uint32_t slot;
  std::uint64_t version;
  Threshold threshold;
  State told;                // side of the last report
  std::uint64_t from_probe;  // what probes before this one find is not counted
};

/// When so many new targets are planned: those due before would all begin at once.
Clock::time_point AfterPlanning(std::size_t targets) {
  return Clock::now() + std::chrono::microseconds(targets);
}

/// What is probed.
struct Target {
  Task task;
  std::uint32_t place = 0;  // in the schedule
  std::vector<Member> members;
  std::uint64_t probes = 0;      // begun so far
  std::shared_ptr<Probe> probe;  // under way, else null
  std::shared_ptr<Reuse> reuse;  // of the running loop; null: its probes leave nothing

  [[nodiscard]] CheckType type() const noexcept { return task->settings->check.type; }
};

/// Targets are told apart by what they look at and how.
struct ByTask {
  using is_transparent = void;
  static const ProbeTask& Of(const ProbeTask& task) noexcept { return task; }
  static const ProbeTask& Of(const std::unique_ptr<Target>& target) noexcept {
    return *target->task;
  }
  std::size_t operator()(const auto& one) const noexcept { return HashOf(Of(one)); }
  bool operator()(const auto& one, const auto& other) const noexcept {
    return LookAlike(Of(one), Of(other));
  }
};
using Targets = std::unordered_set<std::unique_ptr<Target>, ByTask, ByTask>;

constexpr std::uint32_t kNoPlace = UINT32_MAX;

}  // namespace

class Checker::Core {
 public:
  Core(CheckerOptions options, Sink sink)
      : options_(std::move(options)), sink_(std::move(sink)), schedule_(std::random_device{}()) {}
  ~Core() { Stop(); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status Assign(const std::vector<Assignment>& checks);
  Status Start();
  void Stop();
  [[nodiscard]] bool has_uplink() const noexcept { return has_uplink_.load(); }
  [[nodiscard]] std::size_t targets() const;

 private:
  // Assign
  Status CompilePatterns(const std::vector<Assignment>& checks);
  Result<Targets> Wanted(const std::vector<Assignment>& checks) const;
  void TakeOver(Targets& wanted);
  void Plan(Target& target, Clock::time_point from);
  void Abandon(Target& target);

  // The loop
  void Run(Loop& loop);
  void Wake();
  void ProbeDue();
  void Launch(Schedule::Ticket ticket);
  void OnObservation(Schedule::Ticket ticket, const Observation& seen);
  void Count(Target& target, const Observation& seen, std::vector<Report>& reports);
  void ArmDue();
  static void Doubt(Member& member, Report& report);
  Member* FindMember(std::uint32_t slot, std::uint64_t version);
  void AskUplink();
  void AskUplinkLater();
  void OnUplink(bool reached);

  const CheckerOptions options_;
  const Sink sink_;
  std::atomic<bool> has_uplink_ = true;
  std::shared_ptr<const PatternSet> patterns_;  // of all checks; null: none searches. Assign's

  mutable std::mutex mutex_;  // guards all below
  Targets targets_;
  std::vector<Target*> by_place_;  // null: free
  std::vector<std::uint32_t> free_places_;
  Schedule schedule_;
  std::uint64_t version_ = 0;                   // of the schedule's tickets
  std::vector<std::uint32_t> place_of_;         // of its target, by a check's slot; kNoPlace: none
  std::vector<Report> waiting_;                 // would be down, the uplink is to be asked first
  std::vector<Report> asked_for_;               // those of them that it was asked for
  std::unique_ptr<Loop> loop_;                  // while started
  std::optional<Clock::time_point> due_armed_;  // what loop_->due waits for
  std::thread thread_;
};

// ---- what is watched ----------------------------------------------------------------------------

// All strings that `checks` look for, in one database; probes under way keep the one they began
// with.
Status Checker::Core::CompilePatterns(const std::vector<Assignment>& checks) {
  std::vector<std::string> texts;
  for (const Assignment& each : checks) {
    HF_TRY(ValidateCheck(each.check));
    if (const std::string& text = SearchedText(each.check); !text.empty()) {
      texts.push_back(text);
    }
  }
  std::ranges::sort(texts);
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  if (texts.empty()) {
    patterns_ = nullptr;
  } else if (patterns_ == nullptr || patterns_->texts() != texts) {
    auto compiled = PatternSet::Compile(std::move(texts));
    if (!compiled) {
      return std::unexpected(std::move(compiled.error()));
    }
    patterns_ = std::move(*compiled);
  }
  return {};
}

// The targets of `checks`, each with its members; nothing of them runs yet.
Result<Targets> Checker::Core::Wanted(const std::vector<Assignment>& checks) const {
  Targets wanted;
  TaskMaker tasks(patterns_);
  for (const Assignment& each : checks) {
    const CheckConfig& check = each.check;
    auto task = tasks.Make(check);
    if (!task) {
      return std::unexpected(std::move(task.error()));
    }
    auto target = wanted.find(**task);
    if (target == wanted.end()) {
      auto made = std::make_unique<Target>(Target{.task = std::move(*task)});
      target = wanted.insert(std::move(made)).first;
    }
    (*target)->members.push_back(
        {.slot = each.slot,
         .version = each.version,
         .threshold = Threshold(check.healthy_threshold, check.unhealthy_threshold),
         .told = State::kUnknown,
         .from_probe = 0});
  }
  return wanted;
}

Status Checker::Core::Assign(const std::vector<Assignment>& checks) {
  HF_TRY(CompilePatterns(checks));
  auto wanted = Wanted(checks);
  if (!wanted) {
    return std::unexpected(std::move(wanted.error()));
  }
  const std::lock_guard lock(mutex_);
  TakeOver(*wanted);
  Wake();
  return {};
}

// Targets that are there already go on with their probes; members keep what they have counted, or
// after a change their side.
void Checker::Core::TakeOver(Targets& wanted) {
  std::unordered_map<std::uint32_t, std::pair<Member, CheckType>> known;
  for (const auto& target : targets_) {
    for (const Member& member : std::exchange(target->members, {})) {
      known.emplace(member.slot, std::pair(member, target->type()));
    }
  }
  std::vector<Targets::node_type> fresh;
  while (!wanted.empty()) {
    auto node = wanted.extract(wanted.begin());
    Target& target = *node.value();
    const auto found = targets_.find(*target.task);
    Target* running = found == targets_.end() ? nullptr : found->get();
    for (Member& member : target.members) {
      const auto before = known.find(member.slot);
      if (before != known.end() && before->second.first.version == member.version) {
        member = before->second.first;
        continue;
      }
      if (before != known.end() && before->second.second == target.type()) {
        member.threshold.Restore(before->second.first.threshold.state());
        member.told = before->second.first.told;
      }
      member.from_probe = running == nullptr ? 0 : running->probes;
    }
    if (running != nullptr) {
      running->task = std::move(target.task);  // the same, with the patterns of all
      running->members = std::move(target.members);
    } else {
      fresh.push_back(std::move(node));
    }
  }
  std::erase_if(targets_, [this](const auto& target) {
    if (!target->members.empty()) {
      return false;
    }
    Abandon(*target);
    schedule_.Remove(target->place);
    by_place_[target->place] = nullptr;
    free_places_.push_back(target->place);
    return true;
  });
  const auto from = AfterPlanning(fresh.size());
  for (auto& node : fresh) {
    Target& target = *node.value();
    target.members.shrink_to_fit();
    if (free_places_.empty()) {
      free_places_.push_back(static_cast<std::uint32_t>(by_place_.size()));
      by_place_.push_back(nullptr);
    }
    target.place = free_places_.back();
    free_places_.pop_back();
    by_place_[target.place] = &target;
    Plan(target, from);
    targets_.insert(std::move(node));
  }
  place_of_.clear();
  for (const auto& target : targets_) {
    for (const Member& member : target->members) {
      if (member.slot >= place_of_.size()) {
        place_of_.resize(member.slot + 1, kNoPlace);
      }
      place_of_[member.slot] = target->place;
    }
  }
}

void Checker::Core::Plan(Target& target, Clock::time_point from) {
  if (loop_ == nullptr) {
    return;  // Start plans for all, so that the spread of starts begins then
  }
  const CheckConfig& check = target.task->settings->check;
  schedule_.Set(target.place,
                ++version_,
                {.interval = check.interval, .jitter_percent = check.jitter_percent},
                from);
}

// Probes and what they left belong to the loop's thread: it ends them. Until it does, the ticket is
// stale already.
void Checker::Core::Abandon(Target& target) {
  if (loop_ != nullptr && (target.probe != nullptr || target.reuse != nullptr)) {
    asio::post(*loop_->io, [probe = std::move(target.probe), left = std::move(target.reuse)] {
      if (probe != nullptr) {
        probe->Abandon();
      }
    });
  }
  target.probe = nullptr;
}

std::size_t Checker::Core::targets() const {
  const std::lock_guard lock(mutex_);
  return targets_.size();
}

// ---- start and stop -----------------------------------------------------------------------------

Status Checker::Core::Start() {
  const std::lock_guard lock(mutex_);
  if (loop_ != nullptr) {
    return Fail(ErrorCode::kConflict, "health: the checker runs already");
  }
  auto loop = MakeLoop(options_);
  if (!loop) {
    return std::unexpected(std::move(loop.error()));
  }
  loop_ = std::move(*loop);
  const auto from = AfterPlanning(targets_.size());
  for (const auto& target : targets_) {
    Plan(*target, from);
  }
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

void Checker::Core::Stop() {
  {
    const std::lock_guard lock(mutex_);
    if (loop_ == nullptr) {
      return;
    }
    loop_->io->stop();
  }
  thread_.join();
  const std::lock_guard lock(mutex_);
  for (const auto& target : targets_) {
    if (const auto probe = std::exchange(target->probe, nullptr)) {
      probe->Abandon();  // the loop's thread is gone, so this one may
    }
    target->reuse = nullptr;
    schedule_.Remove(target->place);
  }
  waiting_.clear();
  asked_for_.clear();
  has_uplink_ = true;
  due_armed_.reset();
  loop_ = nullptr;
}

void Checker::Core::Run(Loop& loop) {
  // Signals are the main thread's; SIGPIPE would come of a TLS endpoint that hangs up.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  pthread_setname_np(pthread_self(), "health");
  const auto work = asio::make_work_guard(*loop.io);
  loop.io->run();
}

// ---- the loop -----------------------------------------------------------------------------------

void Checker::Core::Wake() {
  if (loop_ != nullptr) {
    asio::post(*loop_->io, [this] { ProbeDue(); });
  }
}

void Checker::Core::ProbeDue() {
  const std::lock_guard lock(mutex_);
  due_armed_.reset();
  const std::size_t room =
      options_.max_in_flight - std::min(options_.max_in_flight, schedule_.in_flight());
  const auto now = Clock::now();
  for (const Schedule::Ticket ticket : schedule_.TakeDue(now, std::min(room, kLaunchesPerTurn))) {
    Launch(ticket);
  }
  ArmDue();
}

void Checker::Core::Launch(Schedule::Ticket ticket) {
  Target& target = *by_place_[ticket.slot];
  ++target.probes;
  if (target.reuse == nullptr && LeavesSomething(target.task->settings->check)) {
    target.reuse = std::make_shared<Reuse>();
  }
  target.probe = Probe::Make(
      loop_->shared,
      target.task,
      [this, ticket](const Observation& seen) { OnObservation(ticket, seen); },
      target.reuse);
  target.probe->Start();
}

void Checker::Core::OnObservation(Schedule::Ticket ticket, const Observation& seen) {
  std::vector<Report> reports;
  {
    const std::lock_guard lock(mutex_);
    if (!schedule_.Finished(ticket, Clock::now())) {
      return;  // the target was removed in the meantime
    }
    Target& target = *by_place_[ticket.slot];
    target.probe = nullptr;
    Count(target, seen, reports);
    ArmDue();
  }
  for (const Report& report : reports) {
    sink_(report);
  }
}

// What each member makes of one observation. One that would go down says nothing until the uplink
// has answered for it.
void Checker::Core::Count(Target& target, const Observation& seen, std::vector<Report>& reports) {
  const bool doubted = !has_uplink_.load() && seen.outcome == Outcome::kFail;
  for (Member& member : target.members) {
    if (member.from_probe >= target.probes) {
      continue;  // was begun before these settings came
    }
    Report report{.slot = member.slot, .version = member.version, .side = {}, .seen = seen};
    if (doubted) {
      Doubt(member, report);
      reports.push_back(std::move(report));
      continue;
    }
    if (seen.outcome != Outcome::kUnknown) {
      member.threshold.Apply(seen.outcome == Outcome::kPass);
    }
    report.side = member.threshold.state();
    if (report.side == State::kUnhealthy && member.told != report.side &&
        loop_->uplink.configured()) {
      waiting_.push_back(std::move(report));
    } else {
      member.told = report.side;
      reports.push_back(std::move(report));
    }
  }
  if (!waiting_.empty()) {
    AskUplink();
  }
}

// Without an uplink a failure says nothing, and neither does what was counted so far.
void Checker::Core::Doubt(Member& member, Report& report) {
  member.threshold.Restore(member.threshold.state());
  report.side = member.told = State::kUnknown;
  report.seen.outcome = Outcome::kUnknown;
  report.seen.reason = kNoUplink;
}

void Checker::Core::ArmDue() {
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

// ---- the uplink ---------------------------------------------------------------------------------

// A question covers what failed before it was asked; what comes meanwhile waits for the next.
void Checker::Core::AskUplink() {
  if (!loop_->uplink.asking()) {
    asked_for_ = std::exchange(waiting_, {});
    loop_->uplink.Ask([this](bool reached) { OnUplink(reached); });
  }
}

void Checker::Core::OnUplink(bool reached) {
  std::vector<Report> reports;
  {
    const std::lock_guard lock(mutex_);
    has_uplink_ = reached;
    for (Report& report : std::exchange(asked_for_, {})) {
      Member* member = FindMember(report.slot, report.version);
      if (member == nullptr) {
        continue;  // other settings came meanwhile
      }
      if (!reached) {
        member->threshold.Restore(member->told);
        Doubt(*member, report);
      } else {
        report.side = member->told = member->threshold.state();
      }
      reports.push_back(std::move(report));
    }
    if (!waiting_.empty()) {
      AskUplink();
    } else if (!reached) {
      AskUplinkLater();
    }
  }
  for (const Report& report : reports) {
    sink_(report);
  }
}

void Checker::Core::AskUplinkLater() {
  loop_->again.expires_after(kAskUplinkAgain);
  loop_->again.async_wait([this](auto error) {
    if (!error) {
      const std::lock_guard lock(mutex_);
      AskUplink();
    }
  });
}

Member* Checker::Core::FindMember(std::uint32_t slot, std::uint64_t version) {
  if (slot >= place_of_.size() || place_of_[slot] == kNoPlace) {
    return nullptr;
  }
  auto& members = by_place_[place_of_[slot]]->members;
  const auto member = std::ranges::find(members, slot, &Member::slot);
  return member == members.end() || member->version != version ? nullptr : &*member;
}

Checker::Checker(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Checker::~Checker() = default;

Status Checker::Validate(const CheckerOptions& options) {
  if (options.max_in_flight == 0) {
    return Fail(ErrorCode::kInvalid, "health: probes at a time is 0, expected at least 1");
  }
  if (options.name_queries_per_second < 1 || options.name_queries_per_second > kMaxQueries) {
    return Fail(ErrorCode::kInvalid,
                "health: queries a second are " + std::to_string(options.name_queries_per_second) +
                    ", expected 1 to 100000");
  }
  HF_TRY(MakeLoop(options));  // tells now what Start would have to tell
  return {};
}

Status Checker::CanProbe(const CheckConfig& check) {
  HF_TRY(ValidateCheck(check));
  std::shared_ptr<const PatternSet> pattern;
  if (MatchesString(check.type)) {
    auto compiled = PatternSet::Compile({check.search_string});
    if (!compiled) {
      return std::unexpected(std::move(compiled.error()));
    }
    pattern = std::move(*compiled);
  }
  HF_TRY(MakeTask(check, std::move(pattern)));
  return {};
}

Result<std::unique_ptr<Checker>> Checker::Create(CheckerOptions options, Sink sink) {
  HF_TRY(Validate(options));
  return std::unique_ptr<Checker>(
      new Checker(std::make_unique<Core>(std::move(options), std::move(sink))));
}

Status Checker::Assign(const std::vector<Assignment>& checks) {
  return core_->Assign(checks);
}

Status Checker::Start() {
  return core_->Start();
}

void Checker::Stop() {
  core_->Stop();
}

bool Checker::has_uplink() const noexcept {
  return core_->has_uplink();
}

std::size_t Checker::targets() const {
  return core_->targets();
}

}  // namespace holdfast::health

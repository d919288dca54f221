// Joins schedule, probes and thresholds on one thread: start and stop, the loop, the uplink. See
// core.h.
#include "health/checker/checker.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <exception>
#include <pthread.h>

#include "health/checker/core.h"

namespace holdfast::health {

namespace {

constexpr Milliseconds kAskUplinkAgain{1000};
// Then what came meanwhile is looked at: many that are due at once make no deadline late.
constexpr std::size_t kLaunchesPerTurn = 64;
constexpr std::uint32_t kMaxQueries = 100'000;
constexpr const char* kNoUplink =
    "Unknown: the health checker has no uplink, none of its control targets answered.";

Result<std::unique_ptr<Loop>> MakeLoop(
    const CheckerOptions& options,
    std::shared_ptr<NameCounters> names = std::make_shared<NameCounters>()) {
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
                                      .queries_per_second = options.name_queries_per_second,
                                      .counters = std::move(names)});
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

}  // namespace

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
  auto loop = MakeLoop(options_, names_);
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
  HF_TRY(TaskMaker(nullptr, TaskMaker::Missing::kLeftOut).Make(check));
  return {};
}

Result<std::unique_ptr<Checker>> Checker::Create(CheckerOptions options, Sink sink) {
  HF_TRY(Validate(options));
  try {
    return std::unique_ptr<Checker>(
        new Checker(std::make_unique<Core>(std::move(options), std::move(sink))));
  } catch (const std::exception& thrown) {
    return Fail(ErrorCode::kExhausted,
                std::string("health: cannot start a thread: ") + thrown.what());
  }
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

const NameCounters& Checker::names() const noexcept {
  return core_->names();
}

}  // namespace holdfast::health

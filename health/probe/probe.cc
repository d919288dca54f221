// The part common to all probes: deadlines, one descriptor, one end. A deadline is looked at twice:
// by its timer, and by each event that comes after it but before the timer was served.
#include "health/probe/probe.h"

#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <sys/resource.h>
#include <utility>

#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"

namespace holdfast::health {

namespace asio = boost::asio;

namespace {

ProbeMaker* MakerOf(CheckType type) {
  switch (type) {
    case CheckType::kHttp:
    case CheckType::kHttps:
    case CheckType::kHttpStrMatch:
    case CheckType::kHttpsStrMatch:
      return MakeHttpProbe;
    case CheckType::kTcp:
      return MakeTcpProbe;
    case CheckType::kUdp:
      return MakeUdpProbe;
    case CheckType::kDns:
      return MakeDnsProbe;
    case CheckType::kTls:
      return MakeTlsProbe;
    case CheckType::kGrpc:
      return MakeGrpcProbe;
    case CheckType::kIcmp:
      return MakeIcmpProbe;
    case CheckType::kExec:
      return MakeExecProbe;
    case CheckType::kCalculated:
    case CheckType::kCloudwatchMetric:
    case CheckType::kRecoveryControl:
    case CheckType::kPush:
      break;
  }
  return nullptr;
}

}  // namespace

std::shared_ptr<const std::size_t> MostKept() {
  rlimit limit{};
  const bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0;
  return std::make_shared<const std::size_t>(known ? limit.rlim_cur / 2 : 0);
}

std::shared_ptr<Probe> Probe::Make(ProbeLoop& loop,
                                   std::shared_ptr<const ProbeTask> task,
                                   Done done,
                                   std::shared_ptr<Reuse> reuse) {
  ProbeMaker* maker = MakerOf(task->settings->check.type);
  HF_CHECK(maker != nullptr);  // derived checks are never due
  auto probe = maker(loop, std::move(task), std::move(done));
  probe->reuse_ = std::move(reuse);
  return probe;
}

Probe::Probe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done)
    : loop_(loop), task_(std::move(task)), done_(std::move(done)) {}

// The loop may be gone already: what waited for it to end the last probes goes with Asio's queue.
Probe::~Probe() {
  descriptor_.Reset();
}

void Probe::Start() {
  started_ = ProbeClock::now();
  Begin();
}

void Probe::Abandon() {
  done_ = nullptr;
  if (!std::exchange(ended_, true)) {
    WithdrawDeadline();
    OnClose();
    CloseDescriptor(true);
  }
}

void Probe::Watch(int fd) noexcept {
  loop_.poller.Forget(fd);
  descriptor_ = Descriptor(fd);
}

void Probe::Unwatch() noexcept {
  CloseDescriptor(false);
}

void Probe::Await(Readiness what) {
  // The waiter shares in the probe, which so lives as long as somebody may call it.
  std::shared_ptr<Poller::Waiter> self(shared_from_this(), this);
  if (const int error = loop_.poller.Await(fd(), what, std::move(self)); error != 0) {
    FinishSystemError("watch a descriptor", error);
  }
}

void Probe::OnEvent() {
  if (ended_) {
    return;
  }
  if (ProbeClock::now() >= deadline_) {
    FinishTimeout();
  } else {
    OnReady();
  }
}

void Probe::BeginPhase(Milliseconds timeout, const char* too_slow) {
  timeout_ = timeout;
  too_slow_ = too_slow;
  deadline_ = ProbeClock::now() + timeout;
  if (ended_) {
    return;  // nobody would withdraw it
  }
  if (timeout_place_) {
    timeout_place_ = loop_.timeouts.Move(*timeout_place_, deadline_);
  } else {
    std::shared_ptr<Timeouts::Waiter> self(shared_from_this(), this);
    timeout_place_ = loop_.timeouts.Add(deadline_, std::move(self));
  }
}

void Probe::WithdrawDeadline() noexcept {
  if (const auto place = std::exchange(timeout_place_, std::nullopt)) {
    loop_.timeouts.Withdraw(*place);
  }
}

void Probe::FinishTimeout() {
  if (JudgeTimeout(deadline_, timeout_, ProbeClock::now()) == Outcome::kUnknown) {
    Finish(Outcome::kUnknown, "Unknown: the health checker itself was late.");
  } else {
    OnTooSlow();
  }
}

void Probe::OnTooSlow() {
  Finish(Outcome::kFail, std::string("Failure: ") + too_slow_);
}

void Probe::FinishSystemError(const char* doing, int error) {
  const Outcome outcome = IsOwnShortage(error) ? Outcome::kUnknown : Outcome::kFail;
  std::string reason = outcome == Outcome::kUnknown ? "Unknown" : "Failure";
  reason += std::string(": The health checker could not ") + doing + ": " + strerror(error) + ".";
  Finish(outcome, std::move(reason));
}

void Probe::Finish(Outcome outcome, std::string reason) {
  if (ended_) {
    return;
  }
  if (outcome == Outcome::kFail && std::exchange(leaning_, false)) {
    BeginAnew();
    return;
  }
  ended_ = true;
  Observation observation{.outcome = outcome,
                          .reason = std::move(reason),
                          .rtt = ProbeClock::now() - started_,
                          .at_ns = MonotonicNs(),
                          .phases = phases_};
  WithdrawDeadline();
  OnClose();
  CloseDescriptor(outcome != Outcome::kPass);
  // From the loop, so that whoever starts a probe is never called back from within.
  asio::post(loop_.io, [self = shared_from_this(), seen = std::move(observation)]() mutable {
    if (auto done = std::exchange(self->done_, nullptr)) {
      done(std::move(seen));
    }
  });
}

void Probe::BeginAnew() {
  *reuse_ = {};
  OnClose();
  CloseDescriptor(true);
  phases_ = {};
  Begin();
}

void Probe::CloseDescriptor(bool reset) noexcept {
  if (!descriptor_.is_open()) {
    return;
  }
  loop_.poller.Forget(fd());
  if (reset) {
    // Endpoints that are down for long leave no TIME_WAIT behind.
    descriptor_.Reset();
  } else {
    descriptor_.Close();
  }
}

}  // namespace holdfast::health

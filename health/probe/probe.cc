// The part common to all probes: resolve, connect, deadlines, one end. A deadline is looked at
// twice: by its timer, and by each event that comes after it but before the timer was served.
#include "health/probe/probe.h"

#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <utility>

#include "dataplane/base/clock.h"

namespace holdfast::health {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

namespace {

constexpr const char* kNoConnection =
    "The health checker could not establish a connection within the timeout limit.";

}  // namespace

std::shared_ptr<Probe> Probe::Make(ProbeLoop& loop,
                                   std::shared_ptr<const ProbeTask> task,
                                   Done done) {
  const bool tcp = task->check.type == CheckType::kTcp;
  return tcp ? MakeTcpProbe(loop, std::move(task), std::move(done))
             : MakeHttpProbe(loop, std::move(task), std::move(done));
}

Probe::Probe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done)
    : loop_(loop),
      task_(std::move(task)),
      done_(std::move(done)),
      descriptor_(loop.io),
      timer_(loop.io) {}

Probe::~Probe() {
  CloseSocket(true);
}

void Probe::Start() {
  started_ = ProbeClock::now();
  BeginPhase(task_->check.connect_timeout, kNoConnection);
  if (task_->address.octets != 0) {
    Connect(task_->address);
    return;
  }
  loop_.resolver.Resolve(task_->check.fqdn, [weak = weak_from_this()](Resolved resolved) {
    if (const auto probe = weak.lock()) {
      probe->OnResolved(resolved);
    }
  });
}

void Probe::Abandon() {
  phase_ = Phase::kEnded;
  done_ = nullptr;
  timer_.cancel();
  CloseSocket(true);
}

void Probe::OnResolved(Resolved resolved) {
  if (phase_ != Phase::kResolving) {
    return;
  }
  switch (resolved.outcome) {
    case ResolveOutcome::kFound:
      Connect(MakeAddress(resolved.address, task_->check.port));
      return;
    case ResolveOutcome::kNoAddress:
      Finish(Outcome::kFail, "Failure: DNS resolution failed");
      return;
    case ResolveOutcome::kUnavailable:
      Finish(Outcome::kUnknown, "Unknown: no resolver answered the health checker.");
      return;
  }
}

void Probe::Connect(const SocketAddress& address) {
  phase_ = Phase::kConnecting;
  address_ = address;
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    FinishSystemError("make a socket", errno);
    return;
  }
  boost::system::error_code error;
  static_cast<void>(descriptor_.assign(fd, error));
  if (error) {
    close(fd);
    FinishSystemError("watch a socket", error.value());
    return;
  }
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.octets) != 0 &&
      errno != EINPROGRESS) {
    FinishSystemError("establish a connection", errno);
    return;
  }
  // Also when it stands at once: the next step then comes from the loop like any other.
  AwaitWritable();
}

void Probe::Reconnect() {
  OnClose();
  CloseSocket(false);
  Connect(address_);
}

void Probe::AwaitReadable() {
  Await(Descriptor::wait_read);
}

void Probe::AwaitWritable() {
  Await(Descriptor::wait_write);
}

void Probe::Await(Descriptor::wait_type what) {
  descriptor_.async_wait(what, [self = shared_from_this()](auto error) {
    if (!error) {
      self->OnEvent();
    }
  });
}

void Probe::OnEvent() {
  if (phase_ == Phase::kEnded) {
    return;
  }
  if (ProbeClock::now() >= deadline_) {
    FinishTimeout();
  } else if (phase_ == Phase::kConnecting) {
    OnConnectEnd();
  } else {
    OnReady();
  }
}

void Probe::OnConnectEnd() {
  int error = 0;
  socklen_t octets = sizeof(error);
  if (getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &octets) != 0) {
    error = errno;
  }
  if (error == 0 && MetItself(fd())) {
    error = ECONNREFUSED;
  }
  if (error != 0) {
    FinishSystemError("establish a connection", error);
    return;
  }
  phase_ = Phase::kConnected;
  OnConnected();
}

void Probe::BeginPhase(Milliseconds timeout, const char* too_slow) {
  timeout_ = timeout;
  too_slow_ = too_slow;
  deadline_ = ProbeClock::now() + timeout;
  ArmDeadline();
}

void Probe::ArmDeadline() {
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](auto error) {
    // A timer that was moved after it had expired still comes with success.
    if (!error && self->phase_ != Phase::kEnded && ProbeClock::now() >= self->deadline_) {
      self->FinishTimeout();
    }
  });
}

void Probe::FinishTimeout() {
  const Outcome outcome = JudgeTimeout(deadline_, timeout_, ProbeClock::now());
  if (outcome == Outcome::kUnknown) {
    Finish(outcome, "Unknown: the health checker itself was late.");
  } else if (phase_ == Phase::kResolving) {
    Finish(Outcome::kUnknown, "Unknown: no resolver answered the health checker in time.");
  } else {
    Finish(outcome, std::string("Failure: ") + too_slow_);
  }
}

void Probe::FinishSystemError(const char* doing, int error) {
  const Outcome outcome = IsOwnShortage(error) ? Outcome::kUnknown : Outcome::kFail;
  std::string reason = outcome == Outcome::kUnknown ? "Unknown" : "Failure";
  reason += std::string(": The health checker could not ") + doing + ": " + strerror(error) + ".";
  Finish(outcome, std::move(reason));
}

void Probe::Finish(Outcome outcome, std::string reason) {
  if (phase_ == Phase::kEnded) {
    return;
  }
  phase_ = Phase::kEnded;
  timer_.cancel();
  OnClose();
  CloseSocket(outcome != Outcome::kPass);
  Observation observation{.outcome = outcome,
                          .reason = std::move(reason),
                          .rtt = ProbeClock::now() - started_,
                          .at_ns = MonotonicNs()};
  // From the loop, so that whoever starts a probe is never called back from within.
  asio::post(loop_.io, [self = shared_from_this(), seen = std::move(observation)]() mutable {
    if (auto done = std::exchange(self->done_, nullptr)) {
      done(std::move(seen));
    }
  });
}

void Probe::CloseSocket(bool reset) noexcept {
  if (!descriptor_.is_open()) {
    return;
  }
  if (reset) {
    // Leaves no TIME_WAIT behind for endpoints that are down for long.
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(descriptor_.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }
  boost::system::error_code ignored;
  static_cast<void>(descriptor_.close(ignored));
}

bool MetItself(int fd) noexcept {
  sockaddr_storage here{};
  sockaddr_storage there{};
  socklen_t here_octets = sizeof(here);
  socklen_t there_octets = sizeof(there);
  return getsockname(fd, reinterpret_cast<sockaddr*>(&here), &here_octets) == 0 &&
         getpeername(fd, reinterpret_cast<sockaddr*>(&there), &there_octets) == 0 &&
         here_octets == there_octets && std::memcmp(&here, &there, here_octets) == 0;
}

}  // namespace holdfast::health

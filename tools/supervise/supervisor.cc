// The loop around poll and waitpid; see supervisor.h.
#include "tools/supervise/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iterator>
#include <poll.h>
#include <span>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "dataplane/base/clock.h"

namespace holdfast::tools {

using std::chrono::milliseconds;

namespace {

milliseconds RoundUp(std::chrono::nanoseconds time) {
  return std::chrono::ceil<milliseconds>(std::max(time, std::chrono::nanoseconds(0)));
}

std::string SecondsText(milliseconds time) {
  return std::to_string(time.count() / 1000) + "." + std::to_string(time.count() / 100 % 10) + " s";
}

}  // namespace

Result<Supervisor> Supervisor::Create(std::vector<ServiceSpec> services,
                                      SupervisorOptions options,
                                      SupervisorHooks hooks) {
  sigset_t minded{};
  sigemptyset(&minded);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) {
    sigaddset(&minded, number);
  }
  if (sigprocmask(SIG_BLOCK, &minded, nullptr) != 0) {
    return Fail(ErrorCode::kIo, std::string("cannot block signals: ") + std::strerror(errno));
  }
  const int fd = signalfd(-1, &minded, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) {
    return Fail(ErrorCode::kIo, std::string("cannot wait for signals: ") + std::strerror(errno));
  }
  return Supervisor(fd, std::move(services), options, std::move(hooks));
}

Supervisor::Supervisor(int signal_fd,
                       std::vector<ServiceSpec> services,
                       SupervisorOptions options,
                       SupervisorHooks hooks)
    : signal_fd_(signal_fd), options_(options), hooks_(std::move(hooks)), started_ms_(WallMs()) {
  for (ServiceSpec& spec : services) {
    ProcessState state;
    state.name = spec.child.name;
    services_.push_back(Service{.spec = std::move(spec),
                                .backoff = Backoff(options.backoff),
                                .state = std::move(state),
                                .started = {},
                                .start_at = std::nullopt,
                                .end_reason = ""});
  }
}

Supervisor::Supervisor(Supervisor&& other) noexcept
    : signal_fd_(std::exchange(other.signal_fd_, -1)),
      options_(other.options_),
      hooks_(std::move(other.hooks_)),
      services_(std::move(other.services_)),
      commands_(std::move(other.commands_)),
      stop_(other.stop_),
      next_look_(other.next_look_),
      started_ms_(other.started_ms_),
      ready_(other.ready_),
      changed_(other.changed_) {
  other.services_.clear();
  other.commands_.clear();
}

Supervisor::~Supervisor() {
  for (const Service& service : services_) {
    if (service.state.pid != 0) {
      kill(service.state.pid, SIGKILL);
      waitpid(service.state.pid, nullptr, 0);
    }
  }
  for (const pid_t pid : commands_) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  if (signal_fd_ >= 0) {
    close(signal_fd_);
  }
}

int Supervisor::Run() {
  for (Service& service : services_) {
    if (const Status started = StartService(service); !started) {
      Say(started.error().message);
      BeginStop(1);
      break;
    }
  }
  next_look_ = Clock::now() + options_.look;
  Tell();
  while (!stop_ || AnyRuns()) {
    pollfd waits{.fd = signal_fd_, .events = POLLIN, .revents = 0};
    poll(&waits, 1, static_cast<int>(UntilNext(Clock::now()).count()));
    const Clock::time_point now = Clock::now();
    TakeSignals(now);
    Reap(now);
    if (stop_) {
      AdvanceStop(*stop_, now);
    } else {
      StartDue(now);
      Look(now);
    }
    Tell();
  }
  return stop_->status;
}

void Supervisor::Say(const std::string& sentence) const {
  if (hooks_.log) {
    hooks_.log(sentence);
  }
}

Status Supervisor::StartService(Service& service) {
  ChildSpec child = service.spec.child;
  const std::size_t kept = child.fds.size();
  if (service.spec.fresh_fds) {
    auto fresh = service.spec.fresh_fds();
    if (!fresh) {
      return std::unexpected(fresh.error());
    }
    std::ranges::move(*fresh, std::back_inserter(child.fds));
  }
  const auto pid = StartChild(child);
  for (const NamedFd& fd : std::span(child.fds).subspan(kept)) {
    close(fd.fd);
  }
  if (!pid) {
    return std::unexpected(pid.error());
  }
  service.started = Clock::now();
  service.start_at.reset();
  service.end_reason.clear();
  service.state.pid = *pid;
  service.state.started_ms = WallMs();
  changed_ = true;
  Say(service.spec.child.name + " started (pid " + std::to_string(*pid) + ")");
  return {};
}

void Supervisor::StartDue(Clock::time_point now) {
  for (Service& service : services_) {
    if (!service.start_at || now < *service.start_at) {
      continue;
    }
    ++service.state.restarts;
    if (const Status started = StartService(service); !started) {
      const milliseconds wait = service.backoff.AfterEnd(milliseconds(0));
      service.start_at = now + wait;
      Say(started.error().message + "; tries again in " + SecondsText(wait));
    }
  }
}

void Supervisor::TakeSignals(Clock::time_point now) {
  signalfd_siginfo info{};
  while (read(signal_fd_, &info, sizeof(info)) == sizeof(info)) {
    switch (info.ssi_signo) {
      case SIGTERM:
      case SIGINT:
        if (!stop_) {
          Say("told to end");
          AdvanceStop(BeginStop(0), now);
        }
        break;
      case SIGHUP:
        if (!stop_) {
          Reload();
        }
        break;
      default:  // SIGCHLD: Reap() looks anyway
        break;
    }
  }
}

void Supervisor::Reap(Clock::time_point now) {
  for (Service& service : services_) {
    int status = 0;
    if (service.state.pid != 0 && waitpid(service.state.pid, &status, WNOHANG) > 0) {
      Ended(service, status, now);
    }
  }
  std::erase_if(commands_, [this](pid_t pid) {
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) <= 0) {
      return false;
    }
    if (status != 0) {
      Say("the reload ended with " + ExitText(status));
    }
    return true;
  });
}

void Supervisor::Ended(Service& service, int wait_status, Clock::time_point now) {
  const std::string& name = service.spec.child.name;
  const std::string said =
      name + " (pid " + std::to_string(service.state.pid) + ") ended: " + ExitText(wait_status);
  service.state.pid = 0;
  service.state.last_exit = ExitText(wait_status);
  if (!service.end_reason.empty()) {
    service.state.last_exit += ", ended since it " + service.end_reason;
  }
  changed_ = true;
  if (stop_) {
    Say(said);
    return;
  }
  const int status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
  if (service.spec.refusal_is_final && !ready_ && service.state.restarts == 0 &&
      (status == 1 || status == 2)) {
    Say(said + "; what it said before is why, and the node ends with it" +
        (service.spec.after_refusal.empty() ? "" : ": " + service.spec.after_refusal));
    BeginStop(status);
    return;
  }
  const auto ran = std::chrono::duration_cast<milliseconds>(now - service.started);
  const milliseconds wait = service.backoff.AfterEnd(ran);
  service.start_at = now + wait;
  Say(said + "; starts again in " + SecondsText(wait));
}

void Supervisor::Look(Clock::time_point now) {
  if (now < next_look_) {
    return;
  }
  next_look_ = now + options_.look;
  if (!hooks_.on_look) {
    return;
  }
  std::vector<Watched> children;
  for (const Service& service : services_) {
    if (service.state.pid != 0) {
      children.push_back(Watched{.name = service.spec.child.name,
                                 .pid = service.state.pid,
                                 .is_control = service.spec.is_control});
    }
  }
  for (const StandStill& found : hooks_.on_look(children)) {
    const auto service = std::ranges::find_if(
        services_, [&found](const Service& one) { return one.state.pid == found.pid; });
    if (service == services_.end()) {
      continue;
    }
    Say(service->spec.child.name + " (pid " + std::to_string(found.pid) + ") " + found.reason +
        (found.is_final ? "; it is ended" : ""));
    if (found.is_final) {
      service->end_reason = found.reason;
      kill(found.pid, SIGKILL);
    }
  }
}

void Supervisor::Reload() {
  const std::optional<ChildSpec> command = hooks_.on_reload ? hooks_.on_reload() : std::nullopt;
  if (!command) {
    return;
  }
  if (const auto pid = StartChild(*command)) {
    commands_.push_back(*pid);
  } else {
    Say(pid.error().message);
  }
}

Supervisor::Stop& Supervisor::BeginStop(int status) {
  Stop& stop = stop_.emplace(Stop{.status = status});
  bool first = true;
  for (Service& service : services_) {
    service.start_at.reset();
    if (service.state.pid != 0) {
      stop.rank = first ? service.spec.stop_rank : std::min(stop.rank, service.spec.stop_rank);
      first = false;
    }
  }
  // Past: AdvanceStop sends the first SIGTERM.
  stop.kill_at = Clock::time_point::max();
  if (hooks_.on_stop) {
    hooks_.on_stop();
  }
  return stop;
}

void Supervisor::AdvanceStop(Stop& stop, Clock::time_point now) {
  const auto of_rank = [&stop](const Service& service) {
    return service.state.pid != 0 && service.spec.stop_rank == stop.rank;
  };
  if (std::ranges::none_of(services_, of_rank)) {
    // The next rank that still runs; none: Run() sees it.
    std::optional<unsigned> next;
    for (const Service& service : services_) {
      if (service.state.pid != 0) {
        next = std::min(next.value_or(service.spec.stop_rank), service.spec.stop_rank);
      }
    }
    if (!next) {
      return;
    }
    stop.rank = *next;
    stop.kill_at = Clock::time_point::max();
  }
  const bool begins = stop.kill_at == Clock::time_point::max();
  const bool overdue = !begins && now >= stop.kill_at && !stop.killed;
  if (!begins && !overdue) {
    return;
  }
  for (Service& service : services_) {
    if (!of_rank(service)) {
      continue;
    }
    if (overdue) {
      Say(service.spec.child.name + " (pid " + std::to_string(service.state.pid) +
          ") did not end within " + SecondsText(options_.stop_patience) + ": killed");
    }
    kill(service.state.pid, overdue ? SIGKILL : SIGTERM);
  }
  stop.killed = overdue;
  stop.kill_at = begins ? now + options_.stop_patience : stop.kill_at;
}

void Supervisor::Tell() {
  if (!std::exchange(changed_, false) || !hooks_.on_change) {
    return;
  }
  ProcessList list{.supervisor = getpid(), .started_ms = started_ms_, .processes = {}};
  for (const Service& service : services_) {
    list.processes.push_back(service.state);
  }
  hooks_.on_change(list);
}

bool Supervisor::AnyRuns() const noexcept {
  return std::ranges::any_of(services_,
                             [](const Service& service) { return service.state.pid != 0; });
}

milliseconds Supervisor::UntilNext(Clock::time_point now) const {
  if (stop_) {
    return stop_->kill_at == Clock::time_point::max() ? milliseconds(0)
           : stop_->killed                            ? options_.look
                           : std::min(options_.look, RoundUp(stop_->kill_at - now));
  }
  milliseconds until = RoundUp(next_look_ - now);
  for (const Service& service : services_) {
    if (service.start_at) {
      until = std::min(until, RoundUp(*service.start_at - now));
    }
  }
  return until;
}

}  // namespace holdfast::tools

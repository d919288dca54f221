// Starts children, starts them again when they end, stops them in order. Knows processes only:
// what is special about each of ours is in run.cc, which hands in the heartbeat and hears of
// events. One thread, no thread of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "tools/supervise/backoff.h"
#include "tools/supervise/child.h"
#include "tools/supervise/heartbeat.h"
#include "tools/supervise/processes_file.h"

namespace holdfast::tools {

struct ServiceSpec {
  ChildSpec child;
  // Makes descriptors for one start; the child gets them behind the others. May be empty.
  std::function<Result<std::vector<NamedFd>>()> fresh_fds;
  unsigned stop_rank = 0;  // lower ranks are stopped, and gone, before higher ones are told
  bool is_control = false;
  // While nothing has been ready yet, an end with status 1 or 2 is the whole node's end: the
  // process has said what is wrong with the configuration, and trying again changes nothing.
  bool refusal_is_final = false;
  std::string after_refusal;  // what a person does then, to be said behind it; may be empty
};

struct SupervisorOptions {
  BackoffLimits backoff;
  std::chrono::milliseconds look{200};            // how often `on_look` is called
  std::chrono::milliseconds stop_patience{5000};  // from SIGTERM to SIGKILL
};

/// What the supervisor asks and tells; every one may be left empty.
struct SupervisorHooks {
  std::function<void(const std::string& sentence)> log;
  /// Called every `look` with the children that run. @return those that stand still.
  std::function<std::vector<StandStill>(std::span<const Watched> children)> on_look;
  /// A child was started or has ended.
  std::function<void(const ProcessList& list)> on_change;
  /// SIGHUP came: a one-off command to run, like `holdfast reload`; it is logged when it fails.
  std::function<std::optional<ChildSpec>()> on_reload;
  /// The stop begins.
  std::function<void()> on_stop;
};

class Supervisor {
 public:
  /// Blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD for the calling thread, for good: to be made before
  /// other threads are. @return kIo when the kernel refuses.
  static Result<Supervisor> Create(std::vector<ServiceSpec> services,
                                   SupervisorOptions options,
                                   SupervisorHooks hooks);
  Supervisor(Supervisor&& other) noexcept;
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  Supervisor& operator=(Supervisor&&) = delete;
  /// Ends what still runs with SIGKILL.
  ~Supervisor();

  /// Starts the services in their order and minds them until SIGTERM or SIGINT.
  /// @return the exit status of the node: 0 after an ordered stop; 1 when a program cannot be
  /// started at all; 1 or 2 of a service whose refusal is final.
  int Run();

  /// The node is up: from now on a refusal is an end like any other.
  void SetReady() noexcept { ready_ = true; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Service {
    ServiceSpec spec;
    Backoff backoff;
    ProcessState state;
    Clock::time_point started;
    std::optional<Clock::time_point> start_at;  // when it runs next; none while it runs
    std::string end_reason;                     // why we ended it; empty: it ended by itself
  };
  struct Stop {
    int status = 0;
    unsigned rank = 0;
    Clock::time_point kill_at;
    bool killed = false;
  };

  Supervisor(int signal_fd,
             std::vector<ServiceSpec> services,
             SupervisorOptions options,
             SupervisorHooks hooks);
  void Say(const std::string& sentence) const;
  Status StartService(Service& service);
  void StartDue(Clock::time_point now);
  void TakeSignals(Clock::time_point now);
  void Reap(Clock::time_point now);
  void Ended(Service& service, int wait_status, Clock::time_point now);
  void Look(Clock::time_point now);
  void Reload();
  Stop& BeginStop(int status);
  void AdvanceStop(Stop& stop, Clock::time_point now);
  void Tell();
  [[nodiscard]] bool AnyRuns() const noexcept;
  [[nodiscard]] std::chrono::milliseconds UntilNext(Clock::time_point now) const;

  int signal_fd_ = -1;
  SupervisorOptions options_;
  SupervisorHooks hooks_;
  std::vector<Service> services_;
  std::vector<pid_t> commands_;  // one-off commands that run
  std::optional<Stop> stop_;
  Clock::time_point next_look_;
  std::int64_t started_ms_ = 0;
  bool ready_ = false;
  bool changed_ = false;
};

}  // namespace holdfast::tools

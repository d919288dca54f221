// One probe: a small non-blocking state machine on the health loop, one type per file. This base
// has what all of them need: total deadlines, one watched descriptor, one end. Every probe ends in
// exactly one Observation, unless it is abandoned. What looks at an endpoint over the network
// starts from endpoint_probe.h or stream_probe.h.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "health/observation.h"
#include "health/probe/deadline.h"
#include "health/probe/descriptor.h"
#include "health/probe/poller.h"
#include "health/probe/request.h"
#include "health/probe/resolver.h"
#include "health/probe/reuse.h"
#include "health/probe/target_rules.h"
#include "health/probe/timeouts.h"
#include "health/probe/tls.h"

namespace holdfast::health {

/// Half of the descriptors that this process may have.
std::shared_ptr<const std::size_t> MostKept();

/// What all probes of one loop share. Outlives them, but for those that the loop's end destroys.
struct ProbeLoop {
  boost::asio::io_context& io;
  Resolver& resolver;
  TlsContext& tls;
  TargetRules targets{};  // where probes may connect to
  /// How many connections may stay open between probes; each that does holds a copy.
  std::shared_ptr<const std::size_t> most_kept = MostKept();
  std::array<std::byte, 16'384> buffer{};  // of whoever reads just now
  Poller poller{io};
  Timeouts timeouts{io};
};

class Probe : public std::enable_shared_from_this<Probe>,
              private Poller::Waiter,
              private Timeouts::Waiter {
 public:
  using Done = std::function<void(Observation)>;

  /// @param done   called once from the loop, never from within Start or Abandon.
  /// @param reuse  what earlier probes of the task left, and this one may leave; null: nothing is
  ///               kept. What fails on something that was left is tried once more without.
  static std::shared_ptr<Probe> Make(ProbeLoop& loop,
                                     std::shared_ptr<const ProbeTask> task,
                                     Done done,
                                     std::shared_ptr<Reuse> reuse = nullptr);
  ~Probe() override;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// Begins. Once, on the loop's thread.
  void Start();
  /// Ends it without an observation; the connection is reset. On the loop's thread.
  void Abandon();

 protected:
  Probe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done);

  /// Begins, with a first BeginPhase; or begins once more, without what was left.
  virtual void Begin() = 0;
  /// What was waited for came, in time.
  virtual void OnReady() = 0;
  /// The deadline passed and our own loop saw it in time. Fails the probe with the phase's words.
  virtual void OnTooSlow();
  /// Before the descriptor is closed, whatever ended the probe.
  virtual void OnClose() noexcept {}

  /// From now on, `timeout` in total for what follows, however many steps it takes.
  void BeginPhase(Milliseconds timeout, const char* too_slow);
  /// Takes `fd` over, to wait for it.
  void Watch(int fd) noexcept;
  void Unwatch() noexcept;
  /// Comes to OnReady; or ends the probe, where the system denies the watch.
  void AwaitReadable() { Await(Readiness::kReadable); }
  void AwaitWritable() { Await(Readiness::kWritable); }
  /// The descriptor, still watched, for the next probe; and the other way round.
  [[nodiscard]] Descriptor TakeDescriptor() noexcept { return std::move(descriptor_); }
  void Adopt(Descriptor descriptor) noexcept { descriptor_ = std::move(descriptor); }
  /// Null: nothing is kept.
  [[nodiscard]] Reuse* reuse() noexcept { return reuse_.get(); }
  /// Whether a failure from now on may be the fault of what was left.
  void SetLeaning(bool leaning) noexcept { leaning_ = leaning; }
  void Finish(Outcome outcome, std::string reason);
  /// Ends with a failure, or with kUnknown when `error` is a shortage of our own.
  void FinishSystemError(const char* doing, int error);

  [[nodiscard]] const ProbeTask& task() const noexcept { return *task_; }
  [[nodiscard]] const CheckConfig& check() const noexcept { return task_->settings->check; }
  [[nodiscard]] ProbeLoop& loop() noexcept { return loop_; }
  [[nodiscard]] int fd() const noexcept { return descriptor_.fd(); }
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  /// For the observation.
  [[nodiscard]] PhaseTimes& phases() noexcept { return phases_; }

 private:
  void Await(Readiness what);
  void OnEvent() final;
  void OnDeadline() final { FinishTimeout(); }
  void WithdrawDeadline() noexcept;
  void FinishTimeout();
  void BeginAnew();
  void CloseDescriptor(bool reset) noexcept;

  ProbeLoop& loop_;
  std::shared_ptr<const ProbeTask> task_;
  Done done_;
  Descriptor descriptor_;
  std::shared_ptr<Reuse> reuse_;
  bool leaning_ = false;
  bool ended_ = false;
  ProbeClock::time_point started_;
  ProbeClock::time_point deadline_;
  std::optional<Timeouts::Place> timeout_place_;  // until the end
  Milliseconds timeout_{};
  const char* too_slow_ = "";
  PhaseTimes phases_;
};

/// One for each type; the file has the type's name.
using ProbeMaker = std::shared_ptr<Probe>(ProbeLoop& loop,
                                          std::shared_ptr<const ProbeTask> task,
                                          Probe::Done done);
ProbeMaker MakeTcpProbe;   // passes when the connection stands (section 3, TCP)
ProbeMaker MakeHttpProbe;  // HTTP, HTTPS and both with string match
ProbeMaker MakeUdpProbe;
ProbeMaker MakeDnsProbe;
ProbeMaker MakeTlsProbe;
ProbeMaker MakeGrpcProbe;
ProbeMaker MakeIcmpProbe;
ProbeMaker MakeExecProbe;

}  // namespace holdfast::health

// One probe of one endpoint: a small non-blocking state machine on the health loop. This base
// resolves and connects under the connect deadline; tcp.cc ends there, http.cc goes on. Every probe
// ends in exactly one Observation, unless it is abandoned.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "health/observation.h"
#include "health/probe/deadline.h"
#include "health/probe/request.h"
#include "health/probe/resolver.h"
#include "health/probe/tls.h"

namespace holdfast::health {

/// What all probes of one loop share. Outlives them.
struct ProbeLoop {
  boost::asio::io_context& io;
  Resolver& resolver;
  TlsContext& tls;
  std::array<std::byte, 16'384> buffer{};  // of whoever reads just now
};

class Probe : public std::enable_shared_from_this<Probe> {
 public:
  using Done = std::function<void(Observation)>;

  /// @param done  called once from the loop, never from within Start or Abandon.
  static std::shared_ptr<Probe> Make(ProbeLoop& loop,
                                     std::shared_ptr<const ProbeTask> task,
                                     Done done);
  virtual ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// Begins. Once, on the loop's thread.
  void Start();
  /// Ends it without an observation; the connection is reset. On the loop's thread.
  void Abandon();

 protected:
  Probe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done);

  /// The connection stands. The connect deadline still runs until the next BeginPhase.
  virtual void OnConnected() = 0;
  /// What was waited for came, in time.
  virtual void OnReady() = 0;
  /// Before the descriptor is closed.
  virtual void OnClose() noexcept {}

  /// From now on, `timeout` in total for what follows, however many steps it takes.
  void BeginPhase(Milliseconds timeout, const char* too_slow);
  void AwaitReadable();
  void AwaitWritable();
  /// Gives this connection up and makes another under the running deadline.
  void Reconnect();
  void Finish(Outcome outcome, std::string reason);
  /// Ends with a failure, or with kUnknown when `error` is a shortage of our own.
  void FinishSystemError(const char* doing, int error);

  [[nodiscard]] const ProbeTask& task() const noexcept { return *task_; }
  [[nodiscard]] ProbeLoop& loop() noexcept { return loop_; }
  [[nodiscard]] int fd() { return descriptor_.native_handle(); }

 private:
  void Connect(const SocketAddress& address);
  void Await(boost::asio::posix::stream_descriptor::wait_type what);
  void OnEvent();
  void OnConnectEnd();
  void OnResolved(Resolved resolved);
  void ArmDeadline();
  void FinishTimeout();
  void CloseSocket(bool reset) noexcept;

  enum class Phase : std::uint8_t { kResolving, kConnecting, kConnected, kEnded };

  ProbeLoop& loop_;
  std::shared_ptr<const ProbeTask> task_;
  Done done_;
  boost::asio::posix::stream_descriptor descriptor_;
  boost::asio::steady_timer timer_;
  Phase phase_ = Phase::kResolving;
  SocketAddress address_;
  ProbeClock::time_point started_;
  ProbeClock::time_point deadline_;
  Milliseconds timeout_{};
  const char* too_slow_ = "";
};

/// Passes when the connection stands (section 3, TCP).
std::shared_ptr<Probe> MakeTcpProbe(ProbeLoop& loop,
                                    std::shared_ptr<const ProbeTask> task,
                                    Probe::Done done);
/// HTTP, HTTPS and both with string match.
std::shared_ptr<Probe> MakeHttpProbe(ProbeLoop& loop,
                                     std::shared_ptr<const ProbeTask> task,
                                     Probe::Done done);

/// True when a connection to our own machine met itself: with no listener, a connect from an
/// ephemeral port to that same port succeeds.
bool MetItself(int fd) noexcept;

}  // namespace holdfast::health

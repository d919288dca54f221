// A probe of an address: resolves the name if need be and connects a socket of the type's kind,
// both under the connect deadline.
#pragma once

#include <memory>

#include "health/probe/probe.h"

namespace holdfast::health {

class EndpointProbe : public Probe {
 protected:
  using Probe::Probe;

  /// @return a new non-blocking socket, or -1 with errno.
  virtual int OpenSocket(int family) noexcept = 0;
  /// No socket was to be had. Ends the probe.
  virtual void OnNoSocket(int error) { FinishSystemError("make a socket", error); }
  /// The socket is connected. The connect deadline still runs until the next BeginPhase.
  virtual void OnConnected() = 0;
  /// The connected socket is ready for what was waited for.
  virtual void OnSocketReady() = 0;

  /// Goes on on a connection that stands already. @return false when there is none.
  virtual bool TakeConnection() { return false; }
  void OnTooSlow() override;

  /// Gives this connection up and makes another under the running deadline.
  void Reconnect();
  [[nodiscard]] const SocketAddress& address() const noexcept { return address_; }
  [[nodiscard]] ProbeClock::time_point connect_began() const noexcept { return connect_began_; }

 private:
  void Begin() final;
  void OnReady() final;
  void OnResolved(const Resolved& resolved);
  void Connect(const SocketAddress& address);
  int OpenAtOrigin(int family);
  void OnConnectEnd();

  enum class Phase : std::uint8_t { kResolving, kConnecting, kConnected };

  Phase phase_ = Phase::kResolving;
  SocketAddress address_;
  ProbeClock::time_point connect_began_;
};

/// True when a socket of our own machine met itself: with no listener, a connect from an ephemeral
/// port to that same port succeeds. @param there  what `fd` is connected to.
bool MetItself(int fd, const SocketAddress& there) noexcept;

}  // namespace holdfast::health

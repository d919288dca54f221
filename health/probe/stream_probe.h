// A probe over TCP, with TLS on top where the type wants it: the same reads and writes either way.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "health/probe/endpoint_probe.h"
#include "health/probe/tls.h"

namespace holdfast::health {

class StreamProbe : public EndpointProbe {
 protected:
  using EndpointProbe::EndpointProbe;

  /// The TCP connection stands; with TLS already on top where it is a kept one.
  virtual void OnStream() = 0;
  /// The handshake that BeginTls began came to an end: `done`, or the reason lies in tls().
  virtual void OnHandshake(bool done);
  /// What Await or SendAll waited for came.
  virtual void OnStreamReady() {}

  void BeginTls(const TlsOptions& options);
  IoStep Read(std::span<std::byte> room, std::size_t& moved);
  /// Sends the rest of `unsent`. False: it waits for the endpoint, or has ended the probe.
  bool SendAll(std::string_view& unsent);
  /// Waits if that is what `step` asks for. @return whether it does.
  bool Await(IoStep step);
  void FailTransport(const char* doing);
  /// Leaves the connection as it is to the next probe, if there is room. Then this one may only
  /// finish.
  void KeepConnection();

  [[nodiscard]] bool has_tls() const noexcept { return tls_ != nullptr; }
  [[nodiscard]] TlsSession& tls() { return *tls_; }

 private:
  int OpenSocket(int family) noexcept final;
  bool TakeConnection() final;
  void OnConnected() final;
  void OnSocketReady() final;
  void OnClose() noexcept final;
  void Handshake();
  IoStep Write(std::span<const std::byte> octets, std::size_t& moved);

  std::unique_ptr<TlsSession> tls_;  // null: plain
  bool in_handshake_ = false;
  bool is_kept_ = false;  // the connection stood before
  ProbeClock::time_point handshake_began_;
  ProbeClock::time_point sent_;
  int error_ = 0;
};

}  // namespace holdfast::health

// One call of grpc.health.v1.Health/Check over HTTP/2: octets in and out, no socket and no clock,
// so that it can be fuzzed. libnghttp2 frames; the two messages have one field each and are written
// and read here. grpc_call.cc alone knows nghttp2. Health loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "health/observation.h"

namespace holdfast::health {

struct GrpcTarget {
  std::string authority;  // "host:port"
  std::string service;    // empty: the server as a whole
  std::string user_agent;
  bool tls = false;  // the scheme is https
};

/// Octets that an endpoint may send before the call is given up.
inline constexpr std::size_t kMaxGrpcOctets = 65'536;

class GrpcCall {
 public:
  /// @return nothing when memory ran out.
  static std::unique_ptr<GrpcCall> Open(const GrpcTarget& target);
  ~GrpcCall();
  GrpcCall(const GrpcCall&) = delete;
  GrpcCall& operator=(const GrpcCall&) = delete;

  /// What is to be sent next; empty when there is nothing now. Valid until the next call.
  [[nodiscard]] std::string_view Outgoing();
  /// Takes what the endpoint sent.
  void Feed(std::span<const std::byte> octets);
  /// The endpoint has closed the connection.
  void Finish();

  /// Once true, outcome and reason stand.
  [[nodiscard]] bool done() const noexcept { return done_; }
  [[nodiscard]] Outcome outcome() const noexcept { return outcome_; }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

 private:
  struct Session;
  explicit GrpcCall(std::unique_ptr<Session> session);
  void End(Outcome outcome, std::string reason);
  void JudgeReply();

  std::unique_ptr<Session> session_;
  std::size_t fed_ = 0;
  bool done_ = false;
  Outcome outcome_ = Outcome::kFail;
  std::string reason_;
};

/// The serving status in a HealthCheckResponse (protobuf), 0 when the field is absent.
/// @return false when it is no such message.
bool ReadServingStatus(std::span<const std::byte> message, std::uint64_t& status);

}  // namespace holdfast::health

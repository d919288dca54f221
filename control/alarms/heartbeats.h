// What agents post for PUSH checks: who may, what a body may say, and how often. What follows from
// a heartbeat, or from silence, is health's affair. Any thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/native_checks.h"
#include "control/http/listener.h"
#include "control/model/digest.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

struct HeartbeatNotice {
  bool pass = true;
  std::string reason;  // for people; 0..200 characters, no control characters
};

/// {"status": "pass" | "fail", "reason": "..."}, each member optional; empty: a pass.
/// @return kInvalid with the member, its value and what was expected.
Result<HeartbeatNotice> ReadHeartbeat(std::string_view body);

class Heartbeats {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// @return as Monitor::ReportHeartbeat.
  using Report = std::function<Status(const std::string& check, bool pass, std::string reason)>;
  /// Of a body, in octets.
  static constexpr std::size_t kMaxBody = 1024;
  /// Of one check; the shortest interval needs 20.
  static constexpr int kMostPerSecond = 50;

  explicit Heartbeats(Report report);

  /// Makes these the checks that are told here: those of type PUSH.
  void Configure(const std::vector<NativeCheck>& checks);

  /// Whether `token` is that of the check. Takes as long for a check that there is not.
  bool Permits(std::string_view check, std::string_view token);
  /// Answers what was posted for a check by someone who may.
  HttpReply Receive(std::string_view check, const std::string& body, Time now);

 private:
  struct Agent {
    Digest token{};
    Time second;    // when `taken` began to count
    int taken = 0;  // since then
  };
  bool IsTooOften(const std::string& check, Time now);

  const Report report_;
  std::mutex mutex_;  // guards all below
  std::map<std::string, Agent, std::less<>> agents_;
};

}  // namespace holdfast::control

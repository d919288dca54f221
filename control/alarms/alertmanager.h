// The body that an Alertmanager posts to a webhook (version 4), and what several of them come to.
// Pure, the moment is handed in; any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"
#include "health/verdict/metric.h"

namespace holdfast::control {

/// One group of alerts, as it is now.
struct AlertNotice {
  std::string group;    // its key
  bool firing = false;  // else resolved
  std::string summary;  // "HighErrors firing": for people; at most 200 octets
};

/// @return kInvalid with the field, its value and what was expected.
Result<AlertNotice> ReadAlertNotice(std::string_view body);

/// What the groups that one source was told of come to: ALARM while any of them fires, OK once none
/// does, insufficient data after a silence.
class AlertGroups {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Groups that fire at a time; another one is refused, since it could not be told from resolved.
  static constexpr std::size_t kMost = 256;

  /// @param now  also the begin of the first silence.
  AlertGroups(std::chrono::seconds heartbeat, Time now) : heartbeat_(heartbeat), heard_(now) {}

  /// @return kExhausted for one group too many.
  Status Take(const AlertNotice& notice, Time now);
  /// What it is now, which another call may change until SilentAt().
  health::AlarmState Judge(Time now);
  /// When the silence will have been too long, if nothing comes.
  [[nodiscard]] Time SilentAt() const noexcept { return heard_ + heartbeat_; }
  /// A group that fires, or what was heard last; empty before the first.
  [[nodiscard]] const std::string& Summary() const noexcept;

 private:
  struct Firing {
    std::string summary;
    Time heard;
  };
  std::chrono::seconds heartbeat_;
  Time heard_;
  bool any_ = false;
  std::string last_;
  std::map<std::string, Firing, std::less<>> firing_;
};

}  // namespace holdfast::control

// What a PUSH check makes of heartbeats and of silence. An agent tells by itself; so many passing
// heartbeats in a row, none later than the patience behind the one before, make it healthy, one
// that says "fail" makes it unhealthy at once, and so does silence for the patience: the interval
// times the unhealthy threshold. Pure: the moment is handed in, on CLOCK_MONOTONIC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "health/check.h"
#include "health/transition.h"

namespace holdfast::health {

class Heartbeat {
 public:
  explicit Heartbeat(const CheckConfig& check) noexcept;

  /// New settings: what was counted is forgotten, the state stays, and silence begins anew.
  void Reconfigure(const CheckConfig& check, std::uint64_t now_ns) noexcept;
  void Restore(State state) noexcept { state_ = state; }
  /// From now on silence counts, for a whole patience at first: heartbeats can be heard.
  void Listen(std::uint64_t now_ns) noexcept;

  /// @return the state after it; kUnknown before the first verdict.
  State Beat(bool pass, std::uint64_t now_ns) noexcept;
  /// To be called at DueNs. A call that is later by more than a second says that this process stood
  /// still: heartbeats may have been lost by its own doing, so silence begins anew.
  /// @return the reason when silence has just made it unhealthy.
  std::optional<std::string> Review(std::uint64_t now_ns) noexcept;
  /// When silence will have been too long; nothing while it does not count, or has done so already.
  [[nodiscard]] std::optional<std::uint64_t> DueNs() const noexcept;

 private:
  Milliseconds patience_;
  std::uint32_t healthy_threshold_;
  State state_ = State::kUnknown;
  std::uint32_t run_ = 0;       // passing heartbeats in a row
  std::uint64_t heard_ns_ = 0;  // the last one, or when silence began to count
  bool listens_ = false;
  bool silent_ = false;  // for too long: nothing is due until the next heartbeat
};

}  // namespace holdfast::health

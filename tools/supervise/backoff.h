// When a child that ended is started again: soon at first, later the more often it ends at once.
// Pure: the clock is handed in. Used by the supervisor.
#pragma once

#include <algorithm>
#include <chrono>

namespace holdfast::tools {

struct BackoffLimits {
  std::chrono::milliseconds first{100};
  std::chrono::milliseconds most{5000};
  std::chrono::milliseconds healthy{10'000};  // a child that ran so long starts over with `first`
};

class Backoff {
 public:
  explicit Backoff(BackoffLimits limits) noexcept : limits_(limits), next_(limits.first) {}

  /// How long to wait before the next start. @param ran  how long the child had run, >= 0.
  std::chrono::milliseconds AfterEnd(std::chrono::milliseconds ran) noexcept {
    if (ran >= limits_.healthy) {
      next_ = limits_.first;
    }
    const std::chrono::milliseconds wait = next_;
    next_ = std::min(limits_.most, next_ * 2);
    return wait;
  }

 private:
  BackoffLimits limits_;
  std::chrono::milliseconds next_;
};

}  // namespace holdfast::tools

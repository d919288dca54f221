// How long transitions waited from the queue to the store that made them the answer: the last of
// them, for `status`. Control core only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace holdfast::control {

class PublishTimes {
 public:
  static constexpr std::size_t kKept = 1024;

  /// Microseconds; of the last kKept at most.
  struct Summary {
    double last = 0;
    double p50 = 0;
    double p99 = 0;
    double most = 0;
  };

  void Add(double microseconds) noexcept { kept_[count_++ % kKept] = microseconds; }
  /// Of all since the start.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// @return zeros before the first.
  [[nodiscard]] Summary Summarise() const {
    if (count_ == 0) {
      return {};
    }
    const auto kept = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(count_, kKept));
    std::vector<double> sorted(kept_.begin(), kept_.begin() + kept);
    std::ranges::sort(sorted);
    // The least value that so many per cent are not above.
    const auto percentile = [&](std::size_t percent) {
      return sorted[((sorted.size() * percent) + 99) / 100 - 1];
    };
    return {.last = kept_[(count_ - 1) % kKept],
            .p50 = percentile(50),
            .p99 = percentile(99),
            .most = sorted.back()};
  }

 private:
  std::array<double, kKept> kept_{};
  std::uint64_t count_ = 0;
};

}  // namespace holdfast::control

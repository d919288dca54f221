// Durations in a bounded table: 32 steps to each doubling, so that a percentile is at most 3.2 %
// too great. One writer; no allocation.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace holdfast::querygen {

class Histogram {
 public:
  void Add(std::uint64_t value) noexcept {
    ++counts_[IndexOf(value)];
    ++total_;
    max_ = std::max(max_, value);
  }

  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }

  /// The greatest value that falls where the least value does that `percent` % do not exceed.
  /// @param percent  above 0, at most 100. @return 0 when nothing was added.
  [[nodiscard]] std::uint64_t Percentile(double percent) const noexcept {
    const auto wanted = static_cast<double>(total_) * percent / 100;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      below += counts_[i];
      if (below != 0 && static_cast<double>(below) >= wanted) {
        return std::min(LastOf(i), max_);
      }
    }
    return max_;
  }

 private:
  static constexpr unsigned kStepBits = 5;
  static constexpr unsigned kDoublings = 48;
  static constexpr std::uint64_t kGreatest = (std::uint64_t{1} << (kDoublings + kStepBits)) - 1;

  // Below 64 each value has a place of its own.
  static std::size_t IndexOf(std::uint64_t value) noexcept {
    value = std::min(value, kGreatest);
    const auto shift = static_cast<unsigned>(std::bit_width(value | 63U)) - kStepBits - 1;
    return (std::size_t{shift} << kStepBits) + (value >> shift);
  }
  static std::uint64_t LastOf(std::size_t index) noexcept {
    const std::size_t step = index >> kStepBits;
    const std::size_t shift = step < 2 ? 0 : step - 1;
    return ((index - (shift << kStepBits) + 1) << shift) - 1;
  }

  std::array<std::uint64_t, std::size_t{kDoublings + 1} << kStepBits> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace holdfast::querygen

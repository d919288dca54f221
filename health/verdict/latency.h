// How long the phases of one check's probes took, for checks that measure it: counts in fixed
// buckets, so that the memory is the same whatever comes. Pure; the monitor holds one for each
// checker, under its lock.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "health/observation.h"

namespace holdfast::health {

class LatencyHistogram {
 public:
  /// Upper bounds of the buckets in seconds, themselves included; the last bucket has none.
  static constexpr std::array kBounds{0.0001,
                                      0.00025,
                                      0.0005,
                                      0.001,
                                      0.0025,
                                      0.005,
                                      0.01,
                                      0.025,
                                      0.05,
                                      0.1,
                                      0.25,
                                      0.5,
                                      1.0,
                                      2.5,
                                      5.0,
                                      10.0};

  void Add(std::chrono::nanoseconds took) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] double sum_seconds() const noexcept { return sum_seconds_; }
  [[nodiscard]] double mean_seconds() const noexcept;
  /// Counts of the buckets, each for itself.
  [[nodiscard]] const std::array<std::uint64_t, kBounds.size() + 1>& buckets() const noexcept {
    return buckets_;
  }
  /// Seconds that a part of 0..1 of them did not exceed: even within its bucket, so as true as that
  /// is narrow; 0 when there is none, the last bound for what lies beyond it.
  [[nodiscard]] double Quantile(double part) const noexcept;

 private:
  std::array<std::uint64_t, kBounds.size() + 1> buckets_{};
  std::uint64_t count_ = 0;
  double sum_seconds_ = 0;
};

struct Latencies {
  LatencyHistogram connect;
  LatencyHistogram tls_handshake;
  LatencyHistogram first_byte;

  /// Of a probe that passed; a phase that it did not have is not counted.
  void Add(const PhaseTimes& phases) noexcept;
};

}  // namespace holdfast::health

#include "health/verdict/latency.h"

#include <algorithm>

namespace holdfast::health {

void LatencyHistogram::Add(std::chrono::nanoseconds took) noexcept {
  const double seconds = std::chrono::duration<double>(took).count();
  ++buckets_[static_cast<std::size_t>(std::ranges::lower_bound(kBounds, seconds) -
                                      kBounds.begin())];
  ++count_;
  sum_seconds_ += seconds;
}

double LatencyHistogram::mean_seconds() const noexcept {
  return count_ == 0 ? 0 : sum_seconds_ / static_cast<double>(count_);
}

double LatencyHistogram::Quantile(double part) const noexcept {
  const double rank = part * static_cast<double>(count_);
  double below = 0;
  double from = 0;
  for (std::size_t n = 0; n < kBounds.size(); ++n) {
    const auto here = static_cast<double>(buckets_[n]);
    if (here > 0 && below + here >= rank) {
      return from + ((kBounds[n] - from) * (rank - below) / here);
    }
    below += here;
    from = kBounds[n];
  }
  return count_ == 0 ? 0 : from;
}

void Latencies::Add(const PhaseTimes& phases) noexcept {
  const auto add = [](LatencyHistogram& to, std::chrono::nanoseconds took) {
    if (took.count() > 0) {
      to.Add(took);
    }
  };
  add(connect, phases.connect);
  add(tls_handshake, phases.tls_handshake);
  add(first_byte, phases.first_byte);
}

}  // namespace holdfast::health

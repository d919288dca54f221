// Clocks. Tsc() is for costs and for differences on one core or between cores with a synchronised,
// constant-rate counter; MonotonicNs() for deadlines and ages; WallMs() only for people and stores.
#pragma once

#include <cstdint>
#include <ctime>
#include <x86intrin.h>

namespace holdfast {

/// Time stamp counter, in cycles of the constant-rate TSC. Any core; about 20 cycles.
inline std::uint64_t Tsc() noexcept {
  return __rdtsc();
}

/// CLOCK_MONOTONIC in nanoseconds. Not for the packet path (a vDSO call, but of no use there).
inline std::uint64_t MonotonicNs() noexcept {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000U) +
         static_cast<std::uint64_t>(ts.tv_nsec);
}

/// Cycles of the TSC in a microsecond, measured once against CLOCK_MONOTONIC (takes 20 ms then).
/// Cold.
inline std::uint64_t TscPerMicrosecond() noexcept {
  static const std::uint64_t kCycles = [] {
    const std::uint64_t from_ns = MonotonicNs();
    const std::uint64_t from = Tsc();
    std::uint64_t now_ns = from_ns;
    while (now_ns - from_ns < 20'000'000) {
      now_ns = MonotonicNs();
    }
    const std::uint64_t per = (Tsc() - from) * 1000 / (now_ns - from_ns);
    return per == 0 ? 1 : per;
  }();
  return kCycles;
}

/// CLOCK_MONOTONIC's pace without a call: nanoseconds since the TSC began, by one multiplication.
/// Cores with a synchronised counter agree. Making one is cold (TscPerMicrosecond).
class TscClock {
 public:
  TscClock() noexcept : ns_per_cycle_((std::uint64_t{1000} << kShift) / TscPerMicrosecond()) {}
  [[nodiscard]] std::uint64_t NowNs() const noexcept { return NsOf(Tsc()); }
  /// The same of a time that Tsc() has told.
  [[nodiscard]] std::uint64_t NsOf(std::uint64_t tsc) const noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((Wide{tsc} * ns_per_cycle_) >> kShift);
  }

 private:
  static constexpr unsigned kShift = 32;
  std::uint64_t ns_per_cycle_;
};

/// Milliseconds since 1970-01-01 UTC. May jump; never used for thresholds or deadlines.
inline std::int64_t WallMs() noexcept {
  timespec ts{};
  clock_gettime(CLOCK_REALTIME, &ts);
  return (static_cast<std::int64_t>(ts.tv_sec) * 1000) + (ts.tv_nsec / 1'000'000);
}

}  // namespace holdfast

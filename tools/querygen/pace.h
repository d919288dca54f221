// When the queries of a fixed rate are due, in TSC cycles since the start of a run. Pure.
#pragma once

#include <cstdint>

namespace holdfast::querygen {

class Pace {
 public:
  /// @param rate  queries/s, 1..kMaxRate; 0: none is ever due. @param hz  TSC cycles/s.
  Pace(std::uint64_t rate, std::uint64_t hz)
      : per_cycle_((Wide{rate} << kShift) / hz),
        cycles_(rate == 0 ? 0 : (Wide{hz} << kShift) / rate) {}

  /// How many are due by then.
  [[nodiscard]] std::uint64_t Due(std::uint64_t cycles) const noexcept {
    return static_cast<std::uint64_t>((per_cycle_ * cycles) >> kShift);
  }
  /// When query `number`, 0 and on, is due: never later than Due counts it.
  [[nodiscard]] std::uint64_t DueAt(std::uint64_t number) const noexcept {
    return static_cast<std::uint64_t>((cycles_ * (number + 1)) >> kShift);
  }

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr unsigned kShift = 64;
  Wide per_cycle_;  // queries
  Wide cycles_;     // of one query
};

}  // namespace holdfast::querygen

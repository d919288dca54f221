// When which check is probed next. Holds due times only, knows no sockets, and is handed the time
// by its caller, so tests move the clock by hand. The monitor owns one, under its lock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace holdfast::health {

class Schedule {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Milliseconds = std::chrono::milliseconds;

  /// One probe under way. A change or removal of the check in the meantime makes the ticket stale.
  struct Ticket {
    std::uint32_t slot = 0;
    std::uint64_t version = 0;
    bool operator==(const Ticket&) const = default;
  };

  struct Timing {
    Milliseconds interval{};           // gap from the end of a probe to the start of the next, > 0
    std::uint32_t jitter_percent = 0;  // 0..100: the gap is uniform in interval ± this part of it
    // The interval runs from start to start instead, and is at most kMaxFixedInterval: starts lie
    // on a grid, each within the jitter of its point, whatever came of the ones before.
    bool fixed_rate = false;
  };
  static constexpr Milliseconds kMaxFixedInterval{1'800'000};

  /// @param seed  of the jitter; the same seed and calls give the same times.
  explicit Schedule(std::uint64_t seed) noexcept : random_(seed) {}

  /// Adds the check in `slot`, or changes it: then a probe under way is forgotten. The first probe
  /// comes within one interval; many that are set together are spread evenly over it.
  /// @param slot     small number chosen by the caller, O(largest slot) of memory.
  /// @param version  never used before for this slot.
  void Set(std::uint32_t slot, std::uint64_t version, Timing timing, TimePoint now);
  /// Forgets the check and its probe under way, if any.
  void Remove(std::uint32_t slot);

  /// When the next probe is due; nothing when none waits (all are under way, or there is none).
  [[nodiscard]] std::optional<TimePoint> NextDue() const;
  /// Takes up to `most` checks that are due, earliest first; each is under way until Finished.
  /// Checks that are late by more than their interval (the process was frozen) are spread over the
  /// next interval once, so that a thaw does not burst; those of a fixed rate wait for the next
  /// point of their grid.
  [[nodiscard]] std::vector<Ticket> TakeDue(TimePoint now, std::size_t most);
  /// The probe ended: the next one is due an interval (with jitter) after `now`; or, at a fixed
  /// rate, at the first point of its grid behind `now` (with jitter), so what was missed is left
  /// out.
  /// @return false when the ticket is stale; then nothing happens and the observation is dropped.
  [[nodiscard]] bool Finished(Ticket ticket, TimePoint now);

  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }

 private:
  enum class Phase : std::uint8_t { kAbsent, kWaiting, kInFlight };
  using Offset = std::chrono::duration<std::int32_t, std::micro>;
  // There may be a hundred thousand: the offset lies where nothing else would.
  struct Entry {
    std::uint64_t version = 0;
    Timing timing;
    TimePoint due;
    Offset off_grid{};  // of `due`, at a fixed rate
    Phase phase = Phase::kAbsent;
    bool respread = false;
  };
  static_assert(sizeof(Entry) == 40);

  void Await(std::uint32_t slot, TimePoint due, Offset off_grid = {});
  void AwaitGrid(std::uint32_t slot, TimePoint now);
  [[nodiscard]] std::chrono::nanoseconds Spread(Milliseconds interval) noexcept;
  [[nodiscard]] std::chrono::nanoseconds Swing(const Timing& timing) noexcept;

  std::vector<Entry> entries_;                         // by slot
  std::set<std::pair<TimePoint, std::uint32_t>> due_;  // the waiting ones
  std::size_t in_flight_ = 0;
  std::uint64_t spread_ = 0;
  std::uint64_t random_;
};

}  // namespace holdfast::health

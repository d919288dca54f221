// Which parts of an image are free. Lives in control's memory only: nothing of it is in the image,
// a restarted control works it out by walking the tables. Control core only; no I/O.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

namespace holdfast::control {

/// A run of units of 16 octets.
struct Extent {
  std::uint32_t at = 0;
  std::uint32_t units = 0;
  auto operator<=>(const Extent&) const = default;
};

class Arena {
 public:
  /// Everything in [first, end) is free. @param first  unit 256 or later (the header's page).
  Arena(std::uint32_t first, std::uint32_t end) : first_(first), end_(end), bump_(first) {}

  /// Takes back everything and marks `used` (any order, no overlaps) as taken.
  void Assume(std::vector<Extent> used);

  /// Takes every free run below the high-water mark out of use and returns it; Free gives one back.
  std::vector<Extent> TakeFree();

  /// @return the first unit of a run of `units` (> 0), or 0 when there is no room.
  std::uint32_t Allocate(std::uint32_t units);
  void Free(std::uint32_t at, std::uint32_t units);
  /// What Allocate(units) will return after `before` others of that size, as far as such a run is
  /// free and has that size; else 0. For whoever sends for memory ahead.
  [[nodiscard]] std::uint32_t Upcoming(std::uint32_t units, std::size_t before) const noexcept {
    return units < kBins && before < bins_[units].size()
               ? bins_[units][bins_[units].size() - 1 - before]
               : 0;
  }

  /// Runs aligned to a cache line (4 units); freed by Free or, single lines, by FreeLine.
  std::uint32_t AllocateAligned(std::uint32_t units);
  std::uint32_t AllocateLine();
  void FreeLine(std::uint32_t at) {
    lines_.push_back(at);
    free_units_ += kLineUnits;
  }

  /// Units past which nothing was ever allocated.
  [[nodiscard]] std::uint32_t high_water() const noexcept { return bump_; }
  [[nodiscard]] std::uint64_t free_units() const noexcept { return free_units_ + (end_ - bump_); }
  /// Of the free ones, those in runs of a cache line or more: gaps hold small things only.
  [[nodiscard]] std::uint64_t free_units_in_lines() const noexcept;
  [[nodiscard]] std::uint64_t total_units() const noexcept { return end_ - first_; }

 private:
  static constexpr std::uint32_t kBins = 65;  // runs of 1..64 units have a bin each
  static constexpr std::uint32_t kLineUnits = 4;
  static constexpr std::uint32_t kLinesAtATime = 64;
  void Put(std::uint32_t at, std::uint32_t units);
  std::uint32_t Bump(std::uint32_t units);
  // Units to be left free so that a run which fits into a cache line lies in one: readers send for
  // one line.
  [[nodiscard]] std::uint32_t GapBefore(std::uint32_t units) const noexcept {
    const std::uint32_t left = kLineUnits - (bump_ % kLineUnits);
    return units <= kLineUnits && units > left ? left : 0;
  }
  std::uint32_t TakeLarge(std::uint32_t units);
  void Consolidate();

  std::uint32_t first_;
  std::uint32_t end_;
  std::uint32_t bump_;
  std::uint64_t free_units_ = 0;  // in bins, large_ and lines_
  std::array<std::vector<std::uint32_t>, kBins> bins_;
  std::multimap<std::uint32_t, std::uint32_t> large_;  // units -> at
  std::vector<std::uint32_t> lines_;
};

}  // namespace holdfast::control

#include "control/publish/arena.h"

#include <algorithm>

#include "dataplane/base/check.h"

namespace holdfast::control {

void Arena::Put(std::uint32_t at, std::uint32_t units) {
  free_units_ += units;
  if (units < kBins) {
    bins_[units].push_back(at);
  } else {
    large_.emplace(units, at);
  }
}

void Arena::Assume(std::vector<Extent> used) {
  for (auto& bin : bins_) {
    bin.clear();
  }
  large_.clear();
  lines_.clear();
  free_units_ = 0;
  std::ranges::sort(used);
  std::uint32_t at = first_;
  for (const Extent& extent : used) {
    HF_CHECK(extent.at >= at && extent.at + extent.units <= end_);
    if (extent.at > at) {
      Put(at, extent.at - at);
    }
    at = extent.at + extent.units;
  }
  bump_ = at;
}

std::uint32_t Arena::Bump(std::uint32_t units) {
  const std::uint32_t gap = GapBefore(units);
  if (gap + units > end_ - bump_) {
    return 0;
  }
  if (gap != 0) {
    Put(bump_, gap);
  }
  const std::uint32_t at = bump_ + gap;
  bump_ = at + units;
  return at;
}

std::uint32_t Arena::Allocate(std::uint32_t units) {
  HF_CHECK(units > 0);
  if (units < kBins && !bins_[units].empty()) {
    const std::uint32_t at = bins_[units].back();
    bins_[units].pop_back();
    free_units_ -= units;
    return at;
  }
  std::uint32_t at = Bump(units);
  if (at == 0) {
    at = TakeLarge(units);
  }
  if (at == 0) {
    Consolidate();  // which may have lowered the high-water mark
    at = Bump(units);
  }
  return at != 0 ? at : TakeLarge(units);
}

std::uint64_t Arena::free_units_in_lines() const noexcept {
  std::uint64_t small = 0;
  for (std::uint32_t units = 1; units < kLineUnits; ++units) {
    small += bins_[units].size() * std::uint64_t{units};
  }
  return free_units() - small;
}

// Best fit among the larger runs, then among the bins above; what is left over goes back.
std::uint32_t Arena::TakeLarge(std::uint32_t units) {
  std::uint32_t at = 0;
  std::uint32_t got = 0;
  for (std::uint32_t bin = units; bin < kBins && got == 0; ++bin) {
    if (!bins_[bin].empty()) {
      at = bins_[bin].back();
      got = bin;
      bins_[bin].pop_back();
    }
  }
  if (got == 0) {
    const auto found = large_.lower_bound(units);
    if (found == large_.end()) {
      return 0;
    }
    got = found->first;
    at = found->second;
    large_.erase(found);
  }
  free_units_ -= got;
  if (got > units) {
    Put(at + units, got - units);
  }
  return at;
}

std::vector<Extent> Arena::TakeFree() {
  std::vector<Extent> runs;
  for (std::uint32_t units = 1; units < kBins; ++units) {
    for (const std::uint32_t at : bins_[units]) {
      runs.push_back({at, units});
    }
    bins_[units].clear();
  }
  for (const auto& [units, at] : large_) {
    runs.push_back({at, units});
  }
  for (const std::uint32_t at : lines_) {
    runs.push_back({at, kLineUnits});
  }
  large_.clear();
  lines_.clear();
  free_units_ = 0;
  return runs;
}

// Joins neighbours. Only when memory is about to be refused: it looks at every free run.
void Arena::Consolidate() {
  std::vector<Extent> runs = TakeFree();
  std::ranges::sort(runs);
  for (std::size_t i = 0; i < runs.size();) {
    Extent joined = runs[i++];
    while (i < runs.size() && runs[i].at == joined.at + joined.units) {
      joined.units += runs[i++].units;
    }
    if (joined.at + joined.units == bump_) {
      bump_ = joined.at;
    } else {
      Put(joined.at, joined.units);
    }
  }
}

void Arena::Free(std::uint32_t at, std::uint32_t units) {
  Put(at, units);
}

std::uint32_t Arena::AllocateAligned(std::uint32_t units) {
  const std::uint32_t at = Allocate(units + kLineUnits - 1);
  if (at == 0) {
    return 0;
  }
  const std::uint32_t aligned = (at + kLineUnits - 1) / kLineUnits * kLineUnits;
  if (aligned > at) {
    Put(at, aligned - at);
  }
  if (const std::uint32_t behind = at + units + kLineUnits - 1 - (aligned + units); behind > 0) {
    Put(aligned + units, behind);
  }
  return aligned;
}

std::uint32_t Arena::AllocateLine() {
  if (lines_.empty()) {
    std::uint32_t lines = kLinesAtATime;
    std::uint32_t at = AllocateAligned(lines * kLineUnits);
    if (at == 0) {
      lines = 1;
      at = AllocateAligned(kLineUnits);
    }
    if (at == 0) {
      return 0;
    }
    free_units_ += std::uint64_t{lines} * kLineUnits;
    for (std::uint32_t i = lines; i > 0; --i) {
      lines_.push_back(at + ((i - 1) * kLineUnits));
    }
  }
  const std::uint32_t at = lines_.back();
  lines_.pop_back();
  free_units_ -= kLineUnits;
  return at;
}

}  // namespace holdfast::control

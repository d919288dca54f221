// Due times. Starts are spread by a golden-ratio sequence rather than at random: any number of
// checks set together lies evenly over the interval, without knowing beforehand how many come.
#include "health/schedule/schedule.h"

#include <algorithm>

#include "dataplane/base/check.h"

namespace holdfast::health {

namespace {

using std::chrono::nanoseconds;

// 2^64 divided by the golden ratio: multiples of it, modulo 2^64, never crowd.
constexpr std::uint64_t kGoldenStep = 0x9E3779B97F4A7C15U;

// The part of `whole` that `fraction` / 2^64 is.
nanoseconds Part(nanoseconds whole, std::uint64_t fraction) noexcept {
  __extension__ using Wide = unsigned __int128;
  return nanoseconds(static_cast<std::int64_t>(
      (static_cast<Wide>(static_cast<std::uint64_t>(whole.count())) * fraction) >> 64U));
}

// splitmix64.
std::uint64_t NextRandom(std::uint64_t& state) noexcept {
  state += kGoldenStep;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
  return mixed ^ (mixed >> 31U);
}

}  // namespace

void Schedule::Set(std::uint32_t slot, std::uint64_t version, Timing timing, TimePoint now) {
  HF_CHECK(timing.interval.count() > 0 && timing.jitter_percent <= 100);
  HF_CHECK(!timing.fixed_rate || timing.interval <= kMaxFixedInterval);
  Remove(slot);
  if (slot >= entries_.size()) {
    entries_.resize(slot + 1);
  }
  entries_[slot].version = version;
  entries_[slot].timing = timing;
  entries_[slot].respread = false;
  Await(slot, now + Spread(timing.interval));
}

void Schedule::Remove(std::uint32_t slot) {
  if (slot >= entries_.size()) {
    return;
  }
  Entry& entry = entries_[slot];
  if (entry.phase == Phase::kWaiting) {
    due_.erase({entry.due, slot});
  } else if (entry.phase == Phase::kInFlight) {
    --in_flight_;
  }
  entry.phase = Phase::kAbsent;
}

std::optional<Schedule::TimePoint> Schedule::NextDue() const {
  if (due_.empty()) {
    return std::nullopt;
  }
  return due_.begin()->first;
}

std::vector<Schedule::Ticket> Schedule::TakeDue(TimePoint now, std::size_t most) {
  std::vector<Ticket> taken;
  while (taken.size() < most && !due_.empty() && due_.begin()->first <= now) {
    const std::uint32_t slot = due_.begin()->second;
    due_.erase(due_.begin());
    Entry& entry = entries_[slot];
    // Once only: a check whose interval is shorter than the loop's usual delay must still run.
    if (now - entry.due > entry.timing.interval && !entry.respread) {
      entry.respread = true;
      if (entry.timing.fixed_rate) {
        AwaitGrid(slot, now);
      } else {
        Await(slot, now + nanoseconds(1) + Spread(entry.timing.interval));
      }
      continue;
    }
    entry.respread = false;
    entry.phase = Phase::kInFlight;
    ++in_flight_;
    taken.push_back({.slot = slot, .version = entry.version});
  }
  return taken;
}

bool Schedule::Finished(Ticket ticket, TimePoint now) {
  if (ticket.slot >= entries_.size()) {
    return false;
  }
  const Entry& entry = entries_[ticket.slot];
  if (entry.phase != Phase::kInFlight || entry.version != ticket.version) {
    return false;
  }
  --in_flight_;
  if (entry.timing.fixed_rate) {
    AwaitGrid(ticket.slot, now);
  } else {
    Await(ticket.slot, now + entry.timing.interval + Swing(entry.timing));
  }
  return true;
}

// Counts from the point that the last start belonged to, not from when it came.
void Schedule::AwaitGrid(std::uint32_t slot, TimePoint now) {
  const Entry& entry = entries_[slot];
  const nanoseconds interval = entry.timing.interval;
  const TimePoint last = entry.due - entry.off_grid;
  const std::int64_t points = std::max<std::int64_t>(1, ((now - last) / interval) + 1);
  const auto off_grid = std::chrono::duration_cast<Offset>(Swing(entry.timing));
  Await(slot, last + points * interval + off_grid, off_grid);
}

void Schedule::Await(std::uint32_t slot, TimePoint due, Offset off_grid) {
  entries_[slot].due = due;
  entries_[slot].off_grid = off_grid;
  entries_[slot].phase = Phase::kWaiting;
  due_.emplace(due, slot);
}

nanoseconds Schedule::Spread(Milliseconds interval) noexcept {
  return Part(interval, spread_++ * kGoldenStep);
}

// The jitter: uniform within its part of the interval, either way.
nanoseconds Schedule::Swing(const Timing& timing) noexcept {
  const nanoseconds swing = nanoseconds(timing.interval) * timing.jitter_percent / 100;
  return Part(2 * swing, NextRandom(random_)) - swing;
}

}  // namespace holdfast::health

// The schedule on a hand-moved clock: spread of starts, the gap, jitter, changes in flight, thaw.
#include "health/schedule/schedule.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace holdfast::health {
namespace {

using namespace std::chrono_literals;
using TimePoint = Schedule::TimePoint;
using Ticket = Schedule::Ticket;

constexpr std::size_t kAll = 1'000'000;
constexpr TimePoint kStart{1h};

Schedule::Timing Every(std::chrono::milliseconds interval, std::uint32_t jitter = 0) {
  return {.interval = interval, .jitter_percent = jitter};
}

TEST(Schedule, HasNothingDueWhenEmpty) {
  Schedule schedule(1);
  EXPECT_FALSE(schedule.NextDue().has_value());
  EXPECT_TRUE(schedule.TakeDue(kStart + 24h, kAll).empty());
}

TEST(Schedule, SpreadsManyStartsEvenlyOverTheInterval) {
  Schedule schedule(1);
  constexpr std::uint32_t kChecks = 10'000;
  for (std::uint32_t slot = 0; slot < kChecks; ++slot) {
    schedule.Set(slot, 1, Every(10s), kStart);
  }
  std::size_t most = 0;
  std::size_t total = 0;
  for (int step = 0; step < 100; ++step) {  // 100 ms each; the mean is 100 checks
    const std::size_t taken = schedule.TakeDue(kStart + (step + 1) * 100ms, kAll).size();
    most = std::max(most, taken);
    total += taken;
  }
  EXPECT_EQ(total, kChecks);
  EXPECT_LE(most, 130U);  // fault matrix D13: max/mean at most 1.3
  EXPECT_EQ(schedule.in_flight(), kChecks);
}

TEST(Schedule, ProbesALoneCheckAtOnce) {
  Schedule schedule(1);
  schedule.Set(0, 1, Every(30s), kStart);
  EXPECT_EQ(schedule.NextDue(), kStart);
}

TEST(Schedule, MeasuresTheGapFromTheEndOfTheProbe) {
  Schedule schedule(1);
  schedule.Set(3, 7, Every(10s), kStart);
  const auto taken = schedule.TakeDue(kStart, kAll);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0], (Ticket{.slot = 3, .version = 7}));
  EXPECT_FALSE(schedule.NextDue().has_value());
  EXPECT_TRUE(schedule.TakeDue(kStart + 60s, kAll).empty());  // never two probes of one check
  EXPECT_TRUE(schedule.Finished(taken[0], kStart + 4s));
  EXPECT_EQ(schedule.NextDue(), kStart + 14s);
  EXPECT_TRUE(schedule.TakeDue(kStart + 14s - 1ns, kAll).empty());
  EXPECT_EQ(schedule.TakeDue(kStart + 14s, kAll).size(), 1U);
}

TEST(Schedule, KeepsTheJitterWithinItsPartOfTheInterval) {
  Schedule schedule(42);
  schedule.Set(0, 1, Every(1000ms, 20), kStart);
  TimePoint now = kStart;
  auto shortest = 10s + 0ns;
  auto longest = 0ns;
  auto sum = 0ns;
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    const auto taken = schedule.TakeDue(now, kAll);
    ASSERT_EQ(taken.size(), 1U);
    ASSERT_TRUE(schedule.Finished(taken[0], now));
    const auto gap = *schedule.NextDue() - now;
    shortest = std::min(shortest, gap);
    longest = std::max(longest, gap);
    sum += gap;
    now = *schedule.NextDue();
  }
  EXPECT_GE(shortest, 800ms);
  EXPECT_LE(shortest, 810ms);
  EXPECT_LE(longest, 1200ms);
  EXPECT_GE(longest, 1190ms);
  EXPECT_NEAR(static_cast<double>(sum.count()) / kRounds, 1e9, 2e7);
}

TEST(Schedule, DropsTheResultOfAProbeWhoseCheckChangedInFlight) {
  Schedule schedule(1);
  schedule.Set(0, 1, Every(10s), kStart);
  const auto old = schedule.TakeDue(kStart, kAll);
  ASSERT_EQ(old.size(), 1U);
  schedule.Set(0, 2, Every(5s), kStart + 1s);
  EXPECT_EQ(schedule.in_flight(), 0U);
  EXPECT_FALSE(schedule.Finished(old[0], kStart + 2s));
  const auto fresh = schedule.TakeDue(kStart + 6s, kAll);
  ASSERT_EQ(fresh.size(), 1U);
  EXPECT_EQ(fresh[0].version, 2U);
  EXPECT_FALSE(schedule.Finished(old[0], kStart + 7s));  // also while the new one is under way
  EXPECT_TRUE(schedule.Finished(fresh[0], kStart + 7s));
  EXPECT_FALSE(schedule.Finished(fresh[0], kStart + 7s));  // and only once
}

TEST(Schedule, DropsTheResultOfAProbeWhoseCheckWasRemoved) {
  Schedule schedule(1);
  schedule.Set(0, 1, Every(10s), kStart);
  const auto old = schedule.TakeDue(kStart, kAll);
  ASSERT_EQ(old.size(), 1U);
  schedule.Remove(0);
  EXPECT_EQ(schedule.in_flight(), 0U);
  EXPECT_FALSE(schedule.Finished(old[0], kStart + 1s));
  schedule.Remove(0);
  schedule.Remove(99);
  EXPECT_FALSE(schedule.Finished({.slot = 99, .version = 1}, kStart));
  EXPECT_FALSE(schedule.NextDue().has_value());
}

TEST(Schedule, TakesNoMoreThanAsked) {
  Schedule schedule(1);
  for (std::uint32_t slot = 0; slot < 10; ++slot) {
    schedule.Set(slot, 1, Every(100ms), kStart);
  }
  EXPECT_EQ(schedule.TakeDue(kStart + 100ms, 4).size(), 4U);
  EXPECT_EQ(schedule.in_flight(), 4U);
  EXPECT_EQ(schedule.TakeDue(kStart + 100ms, kAll).size(), 6U);
}

TEST(Schedule, DoesNotBurstAfterTheProcessWasFrozen) {
  Schedule schedule(1);
  constexpr std::uint32_t kChecks = 1000;
  for (std::uint32_t slot = 0; slot < kChecks; ++slot) {
    schedule.Set(slot, 1, Every(1s), kStart);
  }
  const TimePoint thaw = kStart + 30s;
  EXPECT_TRUE(schedule.TakeDue(thaw, kAll).empty());
  std::size_t most = 0;
  std::size_t total = 0;
  for (int step = 1; step <= 10; ++step) {
    const std::size_t taken = schedule.TakeDue(thaw + step * 100ms + 1us, kAll).size();
    most = std::max(most, taken);
    total += taken;
  }
  EXPECT_EQ(total, kChecks);
  EXPECT_LE(most, 130U);
}

TEST(Schedule, StillProbesWhenTheLoopIsAlwaysLate) {
  Schedule schedule(1);
  schedule.Set(0, 1, Every(50ms), kStart);
  TimePoint now = kStart;
  int probes = 0;
  for (int turn = 0; turn < 100; ++turn) {
    now += 200ms;
    for (const Ticket ticket : schedule.TakeDue(now, kAll)) {
      ++probes;
      EXPECT_TRUE(schedule.Finished(ticket, now));
    }
  }
  EXPECT_GE(probes, 40);
}

Schedule::Timing OnAGrid(std::chrono::milliseconds interval, std::uint32_t jitter = 0) {
  return {.interval = interval, .jitter_percent = jitter, .fixed_rate = true};
}

TEST(FixedRate, RunsFromStartToStart) {
  Schedule schedule(1);
  schedule.Set(3, 7, OnAGrid(10s), kStart);
  TimePoint start = kStart;
  for (int round = 0; round < 1000; ++round) {
    const TimePoint late = start + 3ms;  // the loop is, a little, and the grid does not follow it
    const auto taken = schedule.TakeDue(late, kAll);
    ASSERT_EQ(taken.size(), 1U);
    ASSERT_TRUE(schedule.Finished(taken[0], late + 4s));
    start += 10s;
    ASSERT_EQ(schedule.NextDue(), start);
  }
}

TEST(FixedRate, LeavesOutWhatALongProbeMissed) {
  Schedule schedule(1);
  schedule.Set(0, 1, OnAGrid(10s), kStart);
  const auto after = [&schedule](TimePoint start, TimePoint end) {
    const auto taken = schedule.TakeDue(start, kAll);
    EXPECT_EQ(taken.size(), 1U);
    EXPECT_TRUE(!taken.empty() && schedule.Finished(taken[0], end));
    return *schedule.NextDue() - kStart;
  };
  EXPECT_EQ(after(kStart, kStart + 10s - 1ns), 10s);
  EXPECT_EQ(after(kStart + 10s, kStart + 20s), 30s);  // ended on a point: that one is missed
  EXPECT_EQ(after(kStart + 30s, kStart + 67s), 70s);
  EXPECT_TRUE(schedule.TakeDue(kStart + 70s - 1ns, kAll).empty());
  EXPECT_EQ(schedule.TakeDue(kStart + 70s, kAll).size(), 1U);  // one, whatever was missed
}

TEST(FixedRate, KeepsEachStartWithinTheJitterOfItsPoint) {
  Schedule schedule(42);
  schedule.Set(0, 1, OnAGrid(1000ms, 20), kStart);
  auto earliest = 10s + 0ns;
  auto latest = -10s + 0ns;
  auto sum = 0ns;
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    const TimePoint now = *schedule.NextDue();
    const auto off = now - (kStart + round * 1s);  // no point is left out, none comes twice
    const auto taken = schedule.TakeDue(now, kAll);
    ASSERT_EQ(taken.size(), 1U);
    ASSERT_TRUE(schedule.Finished(taken[0], now + 10ms));
    earliest = std::min(earliest, off);
    latest = std::max(latest, off);
    sum += off;
  }
  EXPECT_GE(earliest, -200ms);
  EXPECT_LE(earliest, -190ms);
  EXPECT_LE(latest, 200ms);
  EXPECT_GE(latest, 190ms);
  EXPECT_NEAR(static_cast<double>(sum.count()) / kRounds, 0.0, 1e7);
}

TEST(FixedRate, TakesTheLongestIntervalWithAllJitter) {
  Schedule schedule(7);
  schedule.Set(0, 1, OnAGrid(Schedule::kMaxFixedInterval, 100), kStart);
  for (int round = 0; round < 100; ++round) {
    const TimePoint now = *schedule.NextDue();
    const auto off = now - (kStart + round * Schedule::kMaxFixedInterval);
    ASSERT_LE(std::chrono::abs(off), Schedule::kMaxFixedInterval);
    const auto taken = schedule.TakeDue(now, kAll);
    ASSERT_EQ(taken.size(), 1U);
    // Never behind the next point: with all jitter, a start may be that late.
    ASSERT_TRUE(schedule.Finished(
        taken[0], std::min(now, kStart + (round + 1) * Schedule::kMaxFixedInterval - 1ns)));
  }
}

TEST(FixedRate, BeginsAnotherGridWithAChange) {
  Schedule schedule(1);
  schedule.Set(0, 1, OnAGrid(10s), kStart);
  const auto old = schedule.TakeDue(kStart, kAll);
  ASSERT_EQ(old.size(), 1U);
  schedule.Set(0, 2, OnAGrid(4s), kStart + 1s);
  EXPECT_FALSE(schedule.Finished(old[0], kStart + 2s));
  const TimePoint first = *schedule.NextDue();
  EXPECT_LE(first, kStart + 5s);
  auto taken = schedule.TakeDue(first, kAll);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].version, 2U);
  EXPECT_TRUE(schedule.Finished(taken[0], first + 1s));
  EXPECT_EQ(schedule.NextDue(), first + 4s);
  schedule.Set(0, 3, Every(4s), first + 1s);  // and back to gaps
  const TimePoint again = *schedule.NextDue();
  taken = schedule.TakeDue(again, kAll);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_TRUE(schedule.Finished(taken[0], again + 1s));
  EXPECT_EQ(schedule.NextDue(), again + 5s);
  schedule.Remove(0);
  EXPECT_FALSE(schedule.NextDue().has_value());
}

TEST(FixedRate, KeepsItsGridAndDoesNotBurstAfterTheProcessWasFrozen) {
  Schedule schedule(1);
  constexpr std::uint32_t kChecks = 1000;
  for (std::uint32_t slot = 0; slot < kChecks; ++slot) {
    schedule.Set(slot, 1, OnAGrid(1s), kStart);
  }
  const TimePoint thaw = kStart + 30s;
  EXPECT_TRUE(schedule.TakeDue(thaw, kAll).empty());
  std::size_t most = 0;
  std::size_t total = 0;
  for (int step = 1; step <= 10; ++step) {
    const std::size_t taken = schedule.TakeDue(thaw + step * 100ms + 1us, kAll).size();
    most = std::max(most, taken);
    total += taken;
  }
  EXPECT_EQ(total, kChecks);
  EXPECT_LE(most, 130U);
}

TEST(FixedRate, StillProbesWhenTheLoopIsAlwaysLate) {
  Schedule schedule(1);
  schedule.Set(0, 1, OnAGrid(50ms, 50), kStart);
  TimePoint now = kStart;
  int probes = 0;
  for (int turn = 0; turn < 100; ++turn) {
    now += 200ms;
    for (const Ticket ticket : schedule.TakeDue(now, kAll)) {
      ++probes;
      EXPECT_TRUE(schedule.Finished(ticket, now));
    }
  }
  EXPECT_GE(probes, 40);
}

}  // namespace
}  // namespace holdfast::health

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

}  // namespace
}  // namespace holdfast::health

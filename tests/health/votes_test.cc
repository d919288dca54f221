// Several checkers, and what keeps an endpoint out of service: aggregation, age of reports, damping
// and the history. The moments are moved by hand.
#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>

#include "health/verdict/check_verdict.h"

namespace holdfast::health {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kStartNs = 1'000 * kSecond;

Moment At(double seconds) {
  return {.monotonic_ns =
              kStartNs + static_cast<std::uint64_t>(static_cast<std::int64_t>(seconds * kSecond)),
          .wall_ms = 1'700'000'000'000 + static_cast<std::int64_t>(seconds * 1000)};
}

CheckConfig Check() {
  CheckConfig check;
  check.id = "check";
  check.ip_address = "192.0.2.1";
  check.interval = Milliseconds(10'000);
  return check;
}

/// A verdict whose checkers speak when they are told to.
struct Panel : CheckVerdict {
  explicit Panel(std::uint32_t checkers, const CheckConfig& check = Check())
      : CheckVerdict(check, At(0)) {
    std::vector<std::uint32_t> all(checkers);
    std::iota(all.begin(), all.end(), 0U);
    Assign(all, At(0));
  }
  bool Say(std::uint32_t checker, State side, double seconds = 0) {
    const bool pass = side == State::kHealthy;
    return Take(checker,
                side,
                {.outcome = side == State::kUnknown ? Outcome::kUnknown
                            : pass                  ? Outcome::kPass
                                                    : Outcome::kFail,
                 .reason = pass ? "Success: yes" : "Failure: no",
                 .at_ns = At(seconds).monotonic_ns},
                At(seconds));
  }
  /// The first `healthy` of `of` checkers say so, the others the contrary.
  Panel& Vote(std::uint32_t healthy, std::uint32_t of) {
    for (std::uint32_t n = 0; n < of; ++n) {
      Say(n, n < healthy ? State::kHealthy : State::kUnhealthy);
    }
    return *this;
  }
};

TEST(HealthVector, vector_025_3_of_16_checkers_are_enough) {
  EXPECT_EQ(Panel(16).Vote(3, 16).raw(), State::kHealthy);
}
TEST(HealthVector, vector_026_2_of_16_checkers_are_too_few) {
  EXPECT_EQ(Panel(16).Vote(2, 16).raw(), State::kUnhealthy);
}
TEST(HealthVector, vector_027_exactly_18_percent_are_too_few) {
  EXPECT_EQ(Panel(50).Vote(9, 50).raw(), State::kUnhealthy);
  EXPECT_EQ(Panel(50).Vote(10, 50).raw(), State::kHealthy);
}
TEST(HealthVector, vector_028_1_of_3_checkers_is_enough) {
  EXPECT_EQ(Panel(3).Vote(1, 3).raw(), State::kHealthy);
}
TEST(HealthVector, vector_029_1_of_6_checkers_is_too_few) {
  EXPECT_EQ(Panel(6).Vote(1, 6).raw(), State::kUnhealthy);
}
TEST(HealthVector, vector_030_only_the_reachable_checkers_count) {
  Panel panel(16);
  panel.Vote(16, 16);
  for (std::uint32_t n = 0; n < 5; ++n) {  // the other eleven are heard no more
    panel.Say(n, n == 0 ? State::kHealthy : State::kUnhealthy, 60);
  }
  EXPECT_EQ(panel.Tally(At(60).monotonic_ns).reporting, 5U);
  EXPECT_TRUE(panel.healthy());  // 20 %
  EXPECT_TRUE(panel.Say(0, State::kUnhealthy, 61));
  EXPECT_FALSE(panel.healthy());
}

TEST(Votes, NeedAsManyAsTheTableOfTheSpecificationSays) {
  for (std::uint32_t checkers = 1; checkers <= 27; ++checkers) {
    const std::uint32_t needed = checkers <= 5    ? 1
                                 : checkers <= 11 ? 2
                                 : checkers <= 16 ? 3
                                 : checkers <= 22 ? 4
                                                  : 5;
    EXPECT_EQ(Panel(checkers).Vote(needed, checkers).raw(), State::kHealthy) << checkers;
    EXPECT_EQ(Panel(checkers).Vote(needed - 1, checkers).raw(), State::kUnhealthy) << checkers;
  }
}

TEST(Votes, DecideFirstWhenHalfOfTheCheckersHaveAnOpinion) {
  Panel panel(5);
  EXPECT_FALSE(panel.Say(0, State::kUnhealthy));
  EXPECT_FALSE(panel.Say(1, State::kUnhealthy));
  EXPECT_TRUE(panel.healthy());
  EXPECT_TRUE(panel.Say(2, State::kUnhealthy));
  EXPECT_FALSE(panel.healthy());
}

TEST(Votes, OfOneCheckerThatIsCutOffChangeNothing) {
  Panel panel(3);
  panel.Vote(3, 3);
  EXPECT_FALSE(panel.Say(0, State::kUnhealthy, 1));  // D8
  EXPECT_FALSE(panel.Say(1, State::kUnknown, 1));    // says that it does not know
  EXPECT_TRUE(panel.healthy());
  EXPECT_TRUE(panel.Say(2, State::kUnhealthy, 1));
  EXPECT_FALSE(panel.healthy());
}

TEST(Votes, KeepTheLastStatusWhenNobodyReportsAnyMore) {
  Panel panel(2);
  panel.Vote(0, 2);
  ASSERT_EQ(panel.raw(), State::kUnhealthy);
  EXPECT_EQ(panel.ReviewNs(At(0).monotonic_ns), At(38).monotonic_ns);  // 3 x 10 s and a probe
  EXPECT_FALSE(panel.Review(At(100)));
  EXPECT_EQ(panel.Tally(At(100).monotonic_ns).reporting, 0U);
  EXPECT_EQ(panel.raw(), State::kUnhealthy);
  EXPECT_EQ(panel.ReviewNs(At(100).monotonic_ns), std::nullopt);
}

TEST(Votes, BecomeWhatIsWantedWhenTheyAreStale) {
  CheckConfig check = Check();
  check.quorum.report_ttl = Milliseconds(5'000);
  check.quorum.on_stale = OnStale::kUnhealthy;
  Panel panel(1, check);
  EXPECT_FALSE(panel.Review(At(100))) << "nobody has spoken yet";
  panel.Say(0, State::kHealthy, 100);
  EXPECT_EQ(panel.ReviewNs(At(100).monotonic_ns), At(105).monotonic_ns);
  EXPECT_FALSE(panel.Review(At(104.9)));
  EXPECT_TRUE(panel.Review(At(105)));
  EXPECT_EQ(panel.raw(), State::kUnhealthy);
  EXPECT_TRUE(panel.Say(0, State::kHealthy, 106));
}

TEST(Votes, OfTooFewReportersDecideNothing) {
  CheckConfig check = Check();
  check.quorum.min_reporters = 2;
  Panel panel(3, check);
  panel.Vote(3, 3);
  EXPECT_FALSE(panel.Say(0, State::kUnhealthy, 60));  // the only one that is heard: D9
  EXPECT_TRUE(panel.healthy());
  EXPECT_TRUE(panel.Say(1, State::kUnhealthy, 60));
}

TEST(Votes, OfCheckersThatAreNotAssignedAreDropped) {
  Panel panel(2);
  EXPECT_FALSE(panel.Say(7, State::kUnhealthy));
  panel.Vote(1, 2);
  EXPECT_TRUE(panel.Assign({1}, At(1)));  // the healthy one is taken off
  EXPECT_FALSE(panel.healthy());
  EXPECT_FALSE(panel.Say(0, State::kHealthy, 2));
}

// ---- draining -----------------------------------------------------------------------------------

/// Moves it to `now` as a change of regions does.
void Move(Panel& panel, const std::vector<std::uint32_t>& now, double seconds) {
  EXPECT_FALSE(panel.Assign(now, At(seconds), panel.votes().Leaving(now))) << seconds;
}

TEST(Drain, EndsAfterAMinuteWhereTheNewCheckersHaveAVerdict) {
  Panel panel(2);
  panel.Vote(2, 2);
  Move(panel, {2, 3}, 1);
  EXPECT_TRUE(panel.Drains());
  EXPECT_EQ(panel.Tally(At(1).monotonic_ns).assigned, 4U);
  EXPECT_EQ(panel.Tally(At(1).monotonic_ns).reporting, 2U);
  for (double at = 10; at < 61; at += 10) {
    for (std::uint32_t checker = 0; checker < 4; ++checker) {
      EXPECT_FALSE(panel.Say(checker, State::kHealthy, at));
    }
    EXPECT_FALSE(panel.MayEndDrain(At(at).monotonic_ns)) << at;
  }
  EXPECT_FALSE(panel.MayEndDrain(At(60.9).monotonic_ns));
  EXPECT_TRUE(panel.MayEndDrain(At(61).monotonic_ns));
  EXPECT_FALSE(panel.Assign({2, 3}, At(61)));
  EXPECT_FALSE(panel.Drains());
  EXPECT_EQ(panel.Tally(At(61).monotonic_ns).assigned, 2U);
  EXPECT_FALSE(panel.Say(0, State::kUnhealthy, 62)) << "has no vote any more";
  EXPECT_TRUE(panel.healthy());
}

TEST(Drain, NeverEndsBeforeTheNewCheckersHaveAVerdict) {
  Panel panel(1);
  panel.Say(0, State::kHealthy);
  Move(panel, {1, 2, 3}, 1);
  for (double at = 30; at <= 3600; at += 30) {
    EXPECT_FALSE(panel.Say(0, State::kHealthy, at));
    EXPECT_FALSE(panel.Say(1, State::kUnknown, at));
    EXPECT_FALSE(panel.MayEndDrain(At(at).monotonic_ns)) << at;
  }
  EXPECT_FALSE(panel.Say(1, State::kUnhealthy, 3610)) << "one of two is more than 18 %";
  EXPECT_FALSE(panel.MayEndDrain(At(3610).monotonic_ns)) << "fewer than half of the new ones";
  EXPECT_FALSE(panel.Say(2, State::kHealthy, 3611));
  EXPECT_TRUE(panel.MayEndDrain(At(3611).monotonic_ns));
  EXPECT_FALSE(panel.Assign({1, 2, 3}, At(3611)));
}

TEST(Drain, LetsTheOldCheckersSeeAFailureMeanwhile) {
  Panel panel(2);
  panel.Vote(2, 2);
  Move(panel, {2}, 1);
  EXPECT_FALSE(panel.Say(0, State::kUnhealthy, 11));
  EXPECT_TRUE(panel.Say(1, State::kUnhealthy, 11));
  EXPECT_FALSE(panel.healthy());
}

TEST(Drain, WaitsForMinReportersOfTheNewCheckers) {
  CheckConfig check = Check();
  check.quorum.min_reporters = 2;
  check.quorum.report_ttl = Milliseconds(3'600'000);
  Panel panel(2, check);
  panel.Vote(2, 2);
  Move(panel, {2, 3}, 1);
  panel.Say(2, State::kHealthy, 5);
  EXPECT_FALSE(panel.MayEndDrain(At(100).monotonic_ns));
  panel.Say(3, State::kHealthy, 101);
  EXPECT_TRUE(panel.MayEndDrain(At(101).monotonic_ns));
}

TEST(Drain, BeginsAnewWithMoreThatLeaveAndTakesBackWhoReturns) {
  CheckConfig check = Check();
  check.quorum.report_ttl = Milliseconds(3'600'000);
  Panel panel(2, check);
  panel.Vote(2, 2);
  Move(panel, {1}, 1);
  Move(panel, {2}, 31);  // another change: 0 drains still, 1 does so too
  EXPECT_EQ(panel.votes().all().size(), 3U);
  panel.Say(2, State::kHealthy, 32);
  EXPECT_FALSE(panel.MayEndDrain(At(61).monotonic_ns));
  EXPECT_TRUE(panel.MayEndDrain(At(91).monotonic_ns));
  Move(panel, {0, 1, 2}, 92);
  EXPECT_FALSE(panel.Drains());
  EXPECT_EQ(panel.Tally(At(92).monotonic_ns).reporting, 3U);
}

TEST(Drain, IsOfNobodyWhoNeverVoted) {
  Panel panel(2);
  panel.Say(0, State::kUnknown);
  Move(panel, {2}, 1);
  EXPECT_FALSE(panel.Drains());
  EXPECT_EQ(panel.votes().all().size(), 1U);
}

TEST(Votes, GrowNoOlderThanTheirNewestObservation) {
  Panel panel(1);
  panel.Say(0, State::kHealthy);
  // Shortages of the checker's own are heard, but say nothing of the endpoint.
  panel.Take(
      0, State::kHealthy, {.outcome = Outcome::kUnknown, .at_ns = At(30).monotonic_ns}, At(30));
  EXPECT_EQ(panel.Tally(At(37).monotonic_ns).reporting, 1U);
  EXPECT_EQ(panel.Tally(At(38).monotonic_ns).reporting, 0U);
}

// ---- damping ------------------------------------------------------------------------------------

TEST(Damping, HoldsDownTheWayBackAndNeverTheFall) {
  CheckConfig check = Check();
  check.damping.hold_down = Milliseconds(10'000);
  Panel panel(1, check);
  panel.Say(0, State::kHealthy, 0);
  EXPECT_TRUE(panel.Say(0, State::kUnhealthy, 1));
  EXPECT_FALSE(panel.Say(0, State::kHealthy, 2));
  EXPECT_EQ(panel.raw(), State::kUnhealthy);
  EXPECT_STREQ(panel.damping().held_by(), "until its hold-down ends");
  EXPECT_EQ(panel.ReviewNs(At(2).monotonic_ns), At(11).monotonic_ns);
  EXPECT_FALSE(panel.Review(At(10.9)));
  EXPECT_TRUE(panel.Review(At(11)));
  EXPECT_EQ(panel.raw(), State::kHealthy);
  EXPECT_EQ(panel.damping().held_by(), nullptr);
}

TEST(Damping, IsOfWhatRecordsSeeWhereACheckIsInverted) {
  CheckConfig check = Check();
  check.inverted = true;
  check.damping.hold_down = Milliseconds(10'000);
  Panel panel(1, check);
  EXPECT_TRUE(panel.Say(0, State::kUnhealthy, 0));
  EXPECT_TRUE(panel.healthy());
  EXPECT_TRUE(panel.Say(0, State::kHealthy, 1));  // a fall, at once
  EXPECT_FALSE(panel.healthy());
  EXPECT_FALSE(panel.Say(0, State::kUnhealthy, 2));  // the way back waits
  EXPECT_EQ(panel.raw(), State::kHealthy);
  EXPECT_EQ(panel.damping().Flaps(At(2).monotonic_ns), 1U);
  EXPECT_TRUE(panel.Review(At(11)));
  EXPECT_TRUE(panel.healthy());
}

TEST(Damping, BeginsAnewWhenInversionIsTurned) {
  CheckConfig check = Check();
  check.damping.manual_failback = true;
  Panel panel(1, check);
  panel.Say(0, State::kHealthy, 0);
  check.inverted = true;
  EXPECT_TRUE(panel.Reconfigure(check, At(1)));
  EXPECT_EQ(panel.raw(), State::kHealthy);
  EXPECT_FALSE(panel.healthy());
  check.inverted = false;
  EXPECT_TRUE(panel.Reconfigure(check, At(2)));
  EXPECT_TRUE(panel.healthy());
}

TEST(Damping, RemembersFallsOverARestart) {
  CheckConfig check = Check();
  check.damping.max_flaps_per_hour = 1;
  Panel before(1, check);
  for (const double at : {0.0, 100.0}) {
    before.Say(0, State::kHealthy, at);
    EXPECT_TRUE(before.Say(0, State::kUnhealthy, at + 50));
  }
  EXPECT_FALSE(before.Say(0, State::kHealthy, 151));
  Panel after(1, check);
  after.Restore(before.raw(), Override::kAuto, before.since_ms(), before.counters(), At(160));
  EXPECT_EQ(after.damping().Flaps(At(160).monotonic_ns), 2U);
  EXPECT_FALSE(after.Say(0, State::kHealthy, 161));
  EXPECT_FALSE(after.healthy());
  EXPECT_FALSE(after.Review(At(3649)));
  after.Say(0, State::kHealthy, 3645);
  EXPECT_TRUE(after.Review(At(3650)));  // an hour after the first fall
  EXPECT_TRUE(after.healthy());
}

TEST(Damping, KeepsDownWhatFellTooOftenWithinAnHour) {
  CheckConfig check = Check();
  check.quorum.report_ttl = Milliseconds(7'200'000);
  check.damping.max_flaps_per_hour = 2;
  Panel panel(1, check);
  for (int n = 0; n < 2; ++n) {
    EXPECT_TRUE(panel.Say(0, State::kHealthy, 100 * n));
    EXPECT_TRUE(panel.Say(0, State::kUnhealthy, (100 * n) + 10));
  }
  EXPECT_TRUE(panel.Say(0, State::kHealthy, 300));
  EXPECT_TRUE(panel.Say(0, State::kUnhealthy, 310));
  EXPECT_EQ(panel.damping().Flaps(At(310).monotonic_ns), 3U);
  EXPECT_FALSE(panel.Say(0, State::kHealthy, 400));
  EXPECT_EQ(panel.ReviewNs(At(400).monotonic_ns),
            At(3610).monotonic_ns);  // an hour after the first
  EXPECT_FALSE(panel.Review(At(3609)));
  EXPECT_TRUE(panel.Review(At(3610)));
}

TEST(Damping, WaitsForAHandWhereFailBackIsManual) {
  CheckConfig check = Check();
  check.damping.manual_failback = true;
  Panel panel(1, check);
  panel.Say(0, State::kHealthy, 0);
  panel.Say(0, State::kUnhealthy, 1);
  EXPECT_FALSE(panel.Release(At(1.5))) << "nothing to come back to yet";
  EXPECT_TRUE(panel.Say(0, State::kHealthy, 2));
  panel.Say(0, State::kUnhealthy, 3);
  EXPECT_FALSE(panel.Say(0, State::kHealthy, 4)) << "a release is for one time";
  EXPECT_FALSE(panel.Review(At(20)));
  EXPECT_TRUE(panel.Release(At(21)));
  EXPECT_EQ(panel.raw(), State::kHealthy);
}

TEST(Damping, GoesOnWithAHoldDownAfterARestart) {
  CheckConfig check = Check();
  check.damping.hold_down = Milliseconds(10'000);
  Panel panel(1, check);
  panel.Restore(State::kUnhealthy, Override::kAuto, At(-4).wall_ms, {}, At(0));
  EXPECT_FALSE(panel.Say(0, State::kHealthy, 1));
  EXPECT_EQ(panel.ReviewNs(At(1).monotonic_ns), At(6).monotonic_ns);
  EXPECT_TRUE(panel.Review(At(6)));
}

// ---- restarts -----------------------------------------------------------------------------------

TEST(Restored, VerdictsAreNotOverruledByTheFirstThatSpeaks) {
  for (const std::uint32_t checkers : {2U, 3U, 5U}) {
    Panel panel(checkers);
    panel.Restore(State::kHealthy, Override::kAuto, At(0).wall_ms, {}, At(100));
    EXPECT_FALSE(panel.Say(0, State::kUnhealthy, 101));
    EXPECT_TRUE(panel.healthy()) << checkers;
    for (std::uint32_t n = 1; n < checkers; ++n) {
      panel.Say(n, State::kHealthy, 102);
    }
    EXPECT_TRUE(panel.healthy()) << checkers;
    EXPECT_EQ(panel.changes(), 0U);
  }
}

TEST(Restored, VerdictsFallWhenMostSaySoOrTheOthersStayAway) {
  Panel most(3);
  most.Restore(State::kHealthy, Override::kAuto, At(0).wall_ms, {}, At(100));
  most.Say(0, State::kUnhealthy, 101);
  EXPECT_TRUE(most.Say(1, State::kUnhealthy, 102));
  Panel alone(3);  // report_ttl is 38 s
  alone.Restore(State::kHealthy, Override::kAuto, At(0).wall_ms, {}, At(100));
  EXPECT_FALSE(alone.Say(0, State::kUnhealthy, 137));
  EXPECT_TRUE(alone.Say(0, State::kUnhealthy, 139));
  Panel single(1);
  single.Restore(State::kHealthy, Override::kAuto, At(0).wall_ms, {}, At(100));
  EXPECT_TRUE(single.Say(0, State::kUnhealthy, 101));
}

TEST(Stale, IsNotWhoeverHasNoOpinionJustNow) {
  CheckConfig check = Check();
  check.quorum.on_stale = OnStale::kUnhealthy;
  Panel panel(1, check);
  panel.Say(0, State::kHealthy, 0);
  // Its uplink is gone: it knows nothing any more.
  EXPECT_FALSE(panel.Say(0, State::kUnknown, 1));
  EXPECT_TRUE(panel.healthy());
  EXPECT_EQ(panel.ReviewNs(At(1).monotonic_ns), At(38).monotonic_ns);
  EXPECT_FALSE(panel.Review(At(37)));
  EXPECT_TRUE(panel.Review(At(38)));
  EXPECT_FALSE(panel.healthy());
}

// ---- history ------------------------------------------------------------------------------------

TEST(History, TracesAVerdictBackToWhatItsCheckersSaw) {
  Panel panel(2);
  for (const double at : {0.0, 1.0, 2.0}) {
    panel.Say(0, State::kHealthy, at);
    panel.Say(1, State::kHealthy, at + 0.5);
  }
  panel.Say(0, State::kUnhealthy, 3);
  panel.Say(1, State::kUnhealthy, 4);
  const auto& lines = panel.history().lines();
  ASSERT_EQ(lines.size(), 7U);
  EXPECT_FALSE(lines[0].is_change);
  EXPECT_EQ(lines[0].times, 1U);
  EXPECT_TRUE(lines[1].is_change);  // the first verdict, of half of the checkers
  EXPECT_EQ(lines[2].checker, 1U);
  EXPECT_EQ(lines[2].times, 3U);
  EXPECT_EQ(lines[3].times, 2U);
  EXPECT_EQ(lines[4].outcome, Outcome::kFail);
  EXPECT_EQ(lines[5].checker, 1U);
  EXPECT_TRUE(lines[6].is_change);
  EXPECT_FALSE(lines[6].healthy);
  EXPECT_EQ(lines[6].reason,
            "0 of 2 reporting health checkers (2 assigned) find it healthy; last: Failure: no");
}

TEST(History, KeepsAChangeAndWhatLedToItBeforeWhatFollowed) {
  Panel panel(1);
  panel.Say(0, State::kHealthy, 0);
  EXPECT_TRUE(panel.Say(0, State::kUnhealthy, 1));
  for (int n = 0; n < 200; ++n) {
    panel.Take(0,
               State::kUnhealthy,
               {.outcome = Outcome::kFail,
                .reason = "Failure: " + std::to_string(n),
                .at_ns = At(2 + n).monotonic_ns},
               At(2 + n));
  }
  const auto& lines = panel.history().lines();
  ASSERT_EQ(lines.size(), History::kMaxLines);
  const auto change = std::ranges::find_if(
      lines, [](const HistoryLine& line) { return line.is_change && !line.healthy; });
  ASSERT_NE(change, lines.end());
  ASSERT_NE(change, lines.begin());
  EXPECT_EQ(std::prev(change)->reason, "Failure: no");
  EXPECT_EQ(lines.back().reason, "Failure: 199");
}

TEST(History, IsBounded) {
  Panel panel(1);
  for (int n = 0; n < 1000; ++n) {
    panel.Say(0, n % 2 == 0 ? State::kHealthy : State::kUnhealthy, n);
  }
  EXPECT_EQ(panel.history().lines().size(), History::kMaxLines);
  EXPECT_EQ(panel.history().lines().back().first_ms, At(999).wall_ms);
}

TEST(Counters, SurviveARestartWithTheLastFailure) {
  Panel before(1);
  before.Say(0, State::kHealthy, 1);
  before.Say(0, State::kUnhealthy, 2);
  Panel after(1);
  after.Restore(before.raw(), Override::kAuto, before.since_ms(), before.counters(), At(10));
  after.Say(0, State::kHealthy, 11);
  EXPECT_EQ(after.counters().passes, 2U);
  EXPECT_EQ(after.counters().failures, 1U);
  EXPECT_EQ(after.counters().last_failure, "Failure: no");
  EXPECT_EQ(after.counters().last_failure_ms, At(2).wall_ms);
  EXPECT_EQ(after.counters().last_seen_ms, At(11).wall_ms);
}

}  // namespace
}  // namespace holdfast::health

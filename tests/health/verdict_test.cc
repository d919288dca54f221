// Thresholds and final status: the tables of spec/health-checks.md section 13 that need no network,
// and what the specification leaves to us (restart, changes, overrides).
#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "health/verdict/check_verdict.h"
#include "health/verdict/threshold.h"

namespace holdfast::health {
namespace {

State After(Threshold machine, std::string_view results) {
  for (const char result : results) {
    machine.Apply(result == 'P');
  }
  return machine.state();
}

Threshold Healthy(std::uint32_t rise, std::uint32_t fall) {
  Threshold machine(rise, fall);
  machine.Restore(State::kHealthy);
  return machine;
}

TEST(HealthVector, vector_020_a_pass_resets_the_count_of_failures) {
  EXPECT_EQ(After(Healthy(3, 3), "FFPFF"), State::kHealthy);
}
TEST(HealthVector, vector_021_three_failures_in_a_row_are_unhealthy) {
  EXPECT_EQ(After(Healthy(3, 3), "FF"), State::kHealthy);
  EXPECT_EQ(After(Healthy(3, 3), "FFF"), State::kUnhealthy);
}
TEST(HealthVector, vector_022_a_failure_resets_the_count_of_passes) {
  EXPECT_EQ(After(Healthy(3, 3), "FFFPPFPP"), State::kUnhealthy);
}
TEST(HealthVector, vector_023_three_passes_in_a_row_recover) {
  EXPECT_EQ(After(Healthy(3, 3), "FFFPP"), State::kUnhealthy);
  EXPECT_EQ(After(Healthy(3, 3), "FFFPPP"), State::kHealthy);
}
TEST(HealthVector, vector_024_threshold_one_fails_at_once) {
  EXPECT_EQ(After(Healthy(1, 1), "F"), State::kUnhealthy);
}

TEST(Threshold, LeavesUnknownOnlyAfterAWholeRun) {
  const struct {
    const char* results;
    State state;
  } cases[] = {{"", State::kUnknown},
               {"PP", State::kUnknown},
               {"PPP", State::kHealthy},
               {"FFF", State::kUnhealthy},
               {"PPFPP", State::kUnknown},
               {"PFPFPF", State::kUnknown},
               {"PFFPPP", State::kHealthy},
               {"PPFFF", State::kUnhealthy},
               {"FFPFFPFFF", State::kUnhealthy}};
  for (const auto& c : cases) {
    EXPECT_EQ(After(Threshold(3, 3), c.results), c.state) << c.results;
  }
}

TEST(Threshold, CountsEachDirectionWithItsOwnNumber) {
  EXPECT_EQ(After(Healthy(4, 2), "F"), State::kHealthy);
  EXPECT_EQ(After(Healthy(4, 2), "FF"), State::kUnhealthy);
  EXPECT_EQ(After(Healthy(4, 2), "FFPPP"), State::kUnhealthy);
  EXPECT_EQ(After(Healthy(4, 2), "FFPPPP"), State::kHealthy);
}

TEST(Threshold, ForgetsARunButNotTheStateWhenLimitsChange) {
  Threshold machine = Healthy(3, 3);
  machine.Apply(false);
  machine.Apply(false);
  machine.SetLimits(3, 3);
  EXPECT_FALSE(machine.Apply(false));
  EXPECT_EQ(machine.state(), State::kHealthy);
  EXPECT_EQ(machine.run(), 1U);
}

constexpr Moment kStart{.monotonic_ns = 1'000'000, .wall_ms = 1'700'000'000'000};

CheckConfig Check(bool inverted = false, bool disabled = false) {
  CheckConfig check;
  check.id = "check";
  check.ip_address = "192.0.2.1";
  check.inverted = inverted;
  check.disabled = disabled;
  return check;
}

Observation Seen(Outcome outcome, std::uint64_t at_ns = 2'000'000) {
  return {.outcome = outcome,
          .reason = outcome == Outcome::kPass ? "Success: yes" : "Failure: no",
          .rtt = {},
          .at_ns = at_ns};
}

/// A check with the one checker that is there by default.
struct Watched : CheckVerdict {
  Threshold threshold{3, 3};
  explicit Watched(const CheckConfig& check) : CheckVerdict(check, kStart) { Assign({0}, kStart); }
  bool Apply(const Observation& seen, Moment now = kStart) {
    if (seen.outcome != Outcome::kUnknown) {
      threshold.Apply(seen.outcome == Outcome::kPass);
    }
    return Take(0, threshold.state(), seen, now);
  }
};

Watched After(const CheckConfig& check, Outcome outcome, int times) {
  Watched verdict(check);
  for (int n = 0; n < times; ++n) {
    verdict.Apply(Seen(outcome));
  }
  return verdict;
}

TEST(HealthVector, vector_031_a_new_check_without_data_is_healthy) {
  EXPECT_TRUE(Watched(Check()).healthy());
  EXPECT_TRUE(After(Check(), Outcome::kFail, 2).healthy());
}
TEST(HealthVector, vector_032_a_new_inverted_check_without_data_is_unhealthy) {
  EXPECT_FALSE(Watched(Check(true)).healthy());
}
TEST(HealthVector, vector_033_a_disabled_check_is_healthy_though_its_endpoint_is_down) {
  EXPECT_TRUE(FinalHealthy(State::kUnhealthy, true, false, Override::kAuto));
  Watched down = After(Check(), Outcome::kFail, 3);
  EXPECT_FALSE(down.healthy());
  EXPECT_TRUE(down.Reconfigure(Check(false, true), kStart));
  EXPECT_TRUE(down.healthy());
}
TEST(HealthVector, vector_034_a_disabled_and_inverted_check_is_unhealthy) {
  EXPECT_FALSE(FinalHealthy(State::kHealthy, true, true, Override::kAuto));
  EXPECT_FALSE(Watched(Check(true, true)).healthy());
}
TEST(HealthVector, vector_035_an_inverted_check_turns_its_endpoint_around) {
  EXPECT_FALSE(After(Check(true), Outcome::kPass, 3).healthy());
  EXPECT_TRUE(After(Check(true), Outcome::kFail, 3).healthy());
}

TEST(CheckVerdict, LetsAnOverrideOverruleEverything) {
  for (const State raw : {State::kUnknown, State::kHealthy, State::kUnhealthy}) {
    for (int bits = 0; bits < 4; ++bits) {
      EXPECT_TRUE(FinalHealthy(raw, (bits & 1) != 0, (bits & 2) != 0, Override::kHealthy));
      EXPECT_FALSE(FinalHealthy(raw, (bits & 1) != 0, (bits & 2) != 0, Override::kUnhealthy));
    }
  }
}

TEST(CheckVerdict, TellsOnceWhenTheRunIsCompleteAndNotAgain) {
  Watched verdict(Check());
  EXPECT_FALSE(verdict.Apply(Seen(Outcome::kFail)));
  EXPECT_FALSE(verdict.Apply(Seen(Outcome::kFail)));
  const Moment later{.monotonic_ns = 9, .wall_ms = kStart.wall_ms + 5000};
  EXPECT_TRUE(verdict.Apply(Seen(Outcome::kFail, 7'000'000), later));
  const Transition told = verdict.Tell("check");
  EXPECT_EQ(told.check_id, "check");
  EXPECT_EQ(told.raw, State::kUnhealthy);
  EXPECT_FALSE(told.healthy);
  EXPECT_EQ(told.since_ms, later.wall_ms);
  EXPECT_EQ(told.observed_ns, 7'000'000U);
  EXPECT_EQ(told.reason, "Failure: no");
  EXPECT_FALSE(verdict.Apply(Seen(Outcome::kFail)));
}

TEST(CheckVerdict, TellsWhenTheFirstVerdictConfirmsTheAssumption) {
  Watched verdict(Check());
  EXPECT_FALSE(verdict.Apply(Seen(Outcome::kPass)));
  EXPECT_FALSE(verdict.Apply(Seen(Outcome::kPass)));
  EXPECT_TRUE(verdict.Apply(Seen(Outcome::kPass)));
  EXPECT_EQ(verdict.Tell("check").raw, State::kHealthy);
}

TEST(CheckVerdict, NeverCountsWhatItsOwnSideLacked) {
  Watched verdict = After(Check(), Outcome::kFail, 2);
  for (int n = 0; n < 100; ++n) {
    EXPECT_FALSE(verdict.Apply(Seen(Outcome::kUnknown)));
  }
  EXPECT_EQ(verdict.raw(), State::kUnknown);
  EXPECT_EQ(verdict.counters().unknowns, 100U);
  EXPECT_EQ(verdict.counters().failures, 2U);
  EXPECT_TRUE(verdict.Apply(Seen(Outcome::kFail)));  // and it broke no run either
}

TEST(CheckVerdict, BeginsAfterARestartWithWhatWasStoredAndSaysItIsUnverified) {
  Watched verdict(Check());
  verdict.Restore(State::kUnhealthy, Override::kAuto, 42, {}, kStart);
  EXPECT_FALSE(verdict.healthy());
  EXPECT_EQ(verdict.since_ms(), 42);
  EXPECT_FALSE(verdict.verified());
  EXPECT_FALSE(verdict.Apply(Seen(Outcome::kFail)));  // confirmed: nothing to tell
  EXPECT_TRUE(verdict.verified());
  EXPECT_EQ(verdict.since_ms(), 42);
  EXPECT_FALSE(verdict.Apply(Seen(Outcome::kPass)));
  EXPECT_FALSE(verdict.Apply(Seen(Outcome::kPass)));
  EXPECT_FALSE(verdict.healthy());
  EXPECT_TRUE(verdict.Apply(Seen(Outcome::kPass)));
  EXPECT_TRUE(verdict.healthy());
}

TEST(CheckVerdict, TellsAnOverrideAndWhatItHidMeanwhile) {
  Watched verdict = After(Check(), Outcome::kPass, 3);
  EXPECT_TRUE(verdict.SetOverride(Override::kUnhealthy, kStart));
  EXPECT_FALSE(verdict.SetOverride(Override::kUnhealthy, kStart));
  EXPECT_FALSE(verdict.Tell("check").healthy);
  EXPECT_EQ(verdict.Tell("check").raw, State::kHealthy);
  verdict.Apply(Seen(Outcome::kFail));
  verdict.Apply(Seen(Outcome::kFail));
  EXPECT_TRUE(verdict.Apply(Seen(Outcome::kFail)));  // the stored raw state must follow
  const auto since_ms = verdict.since_ms();
  EXPECT_TRUE(verdict.SetOverride(Override::kAuto, {.monotonic_ns = 9, .wall_ms = 9}));
  EXPECT_FALSE(verdict.healthy());
  EXPECT_EQ(verdict.since_ms(), since_ms);  // the order ended, what it hid is the same
}

TEST(CheckVerdict, TellsAnOrderThatChangesNothingYet) {
  Watched verdict = After(Check(), Outcome::kPass, 3);
  EXPECT_TRUE(verdict.SetOverride(Override::kHealthy, kStart));
  EXPECT_FALSE(verdict.SetOverride(Override::kHealthy, kStart));
  Watched restarted(Check());
  restarted.Restore(verdict.raw(), verdict.ordered(), 42, {}, kStart);
  EXPECT_FALSE(restarted.SetOverride(Override::kHealthy, kStart));
  EXPECT_EQ(restarted.since_ms(), 42);
}

TEST(CheckVerdict, KeepsItsStateWhenSettingsChangeButNotWhenItWasDisabled) {
  Watched verdict = After(Check(), Outcome::kFail, 3);
  CheckConfig moved = Check();
  moved.ip_address = "192.0.2.2";
  EXPECT_FALSE(verdict.Reconfigure(moved, kStart));
  EXPECT_FALSE(verdict.healthy());
  EXPECT_FALSE(verdict.verified());
  EXPECT_TRUE(verdict.Reconfigure(Check(true), kStart));  // inverted now: healthy
  EXPECT_TRUE(verdict.Tell("check").healthy);
  EXPECT_TRUE(verdict.Reconfigure(Check(false, true), kStart));
  EXPECT_FALSE(verdict.Reconfigure(Check(), kStart));
  EXPECT_EQ(verdict.raw(), State::kUnknown);
  EXPECT_TRUE(verdict.healthy());
}

TEST(CheckVerdict, BeginsAnewWhenTheTypeChanges) {
  Watched verdict = After(Check(), Outcome::kFail, 3);
  CheckConfig other = Check();
  other.type = CheckType::kTcp;
  EXPECT_TRUE(verdict.Reconfigure(other, kStart));
  EXPECT_EQ(verdict.Tell("check").raw, State::kUnknown);
  EXPECT_TRUE(verdict.Tell("check").healthy);
}

}  // namespace
}  // namespace holdfast::health

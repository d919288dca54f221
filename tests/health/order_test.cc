// Orders by hand that end by themselves, with the time handed in.
#include <gtest/gtest.h>
#include <string>

#include "health/verdict/check_verdict.h"

namespace holdfast::health {
namespace {

constexpr std::int64_t kWallMs = 1'700'000'000'000;

Moment At(std::int64_t ms) {
  return {.monotonic_ns = static_cast<std::uint64_t>(1'000'000'000 + (ms * 1'000'000)),
          .wall_ms = kWallMs + ms};
}

/// Orders `to` until `ms`.
Order Until(Override to, std::int64_t ms) {
  return {to, kWallMs + ms};
}

CheckConfig Check() {
  CheckConfig check;
  check.id = "check";
  check.ip_address = "192.0.2.1";
  return check;
}

/// One checker that has said so at 0.
struct Seen : CheckVerdict {
  explicit Seen(State side) : CheckVerdict(Check(), At(0)) {
    Assign({0}, At(0));
    Say(side, 0);
  }
  bool Say(State side, std::int64_t ms) {
    const bool pass = side == State::kHealthy;
    return Take(0,
                side,
                {.outcome = pass ? Outcome::kPass : Outcome::kFail,
                 .reason = pass ? "Success: yes" : "Failure: no",
                 .rtt = {},
                 .at_ns = At(ms).monotonic_ns},
                At(ms));
  }
};

TEST(Order, EndsByItselfAndTheVerdictFollowsTheVotesAtOnce) {
  Seen verdict(State::kHealthy);
  EXPECT_TRUE(verdict.SetOverride(Until(Override::kUnhealthy, 10'000), At(0)));
  EXPECT_EQ(verdict.Tell("check").ordered, Until(Override::kUnhealthy, 10'000));
  EXPECT_EQ(verdict.ReviewNs(At(0).monotonic_ns), At(10'000).monotonic_ns);
  EXPECT_FALSE(verdict.Review(At(9'999)));
  EXPECT_FALSE(verdict.healthy());
  EXPECT_TRUE(verdict.Review(At(10'000)));
  EXPECT_TRUE(verdict.healthy());
  EXPECT_EQ(verdict.ordered(), Order());
  const Transition told = verdict.Tell("check");
  EXPECT_TRUE(told.healthy);
  EXPECT_EQ(told.ordered, Order());
  EXPECT_EQ(told.reason, "override ended; Success: yes");
  EXPECT_EQ(told.since_ms, At(10'000).wall_ms);
  const HistoryLine& line = verdict.history().lines().back();
  EXPECT_TRUE(line.is_change && line.healthy);
  EXPECT_EQ(line.first_ms, At(10'000).wall_ms);
  EXPECT_EQ(line.reason, "override ended; Success: yes");
  // Once, and what comes later has causes of its own.
  EXPECT_FALSE(verdict.Review(At(10'001)));
  EXPECT_NE(verdict.ReviewNs(At(10'001).monotonic_ns), At(10'000).monotonic_ns);
  EXPECT_EQ(verdict.Reason(At(10'001).monotonic_ns), "Success: yes");
  EXPECT_TRUE(verdict.Say(State::kUnhealthy, 10'002));
  EXPECT_EQ(verdict.Tell("check").reason, "Failure: no");
}

TEST(Order, ThatHidAFailureUncoversIt) {
  Seen verdict(State::kHealthy);
  verdict.SetOverride(Until(Override::kHealthy, 10'000), At(0));
  verdict.Say(State::kUnhealthy, 5'000);
  EXPECT_TRUE(verdict.healthy());
  EXPECT_TRUE(verdict.Review(At(10'000)));
  EXPECT_FALSE(verdict.healthy());
  EXPECT_EQ(verdict.Tell("check").reason, "override ended; Failure: no");
}

// Else what is stored would have it still.
TEST(Order, ThatChangedNothingTellsItsEndToo) {
  Seen verdict(State::kHealthy);
  EXPECT_TRUE(verdict.SetOverride(Until(Override::kHealthy, 10'000), At(0)));
  EXPECT_TRUE(verdict.Review(At(10'000)));
  EXPECT_EQ(verdict.Tell("check").ordered, Order());
}

TEST(Order, ReplacesTheOneBeforeAndItsEnd) {
  Seen verdict(State::kHealthy);
  EXPECT_TRUE(verdict.SetOverride(Until(Override::kUnhealthy, 10'000), At(0)));
  EXPECT_TRUE(verdict.SetOverride(Override::kUnhealthy, At(1)));  // to be stored
  EXPECT_EQ(verdict.Tell("check").ordered, Order(Override::kUnhealthy));
  EXPECT_FALSE(verdict.Review(At(20'000)));
  EXPECT_FALSE(verdict.healthy());
  EXPECT_TRUE(verdict.SetOverride(Until(Override::kUnhealthy, 40'000), At(20'000)));
  EXPECT_TRUE(verdict.SetOverride(Until(Override::kHealthy, 30'000), At(20'001)));
  EXPECT_TRUE(verdict.Review(At(30'000)));
  EXPECT_FALSE(verdict.Review(At(40'000)));
  EXPECT_TRUE(verdict.healthy());
}

TEST(Order, ThatIsTakenOffBeforeHasNoEndLeft) {
  Seen verdict(State::kHealthy);
  verdict.SetOverride(Until(Override::kUnhealthy, 10'000), At(0));
  EXPECT_TRUE(verdict.SetOverride(Override::kAuto, At(5'000)));
  EXPECT_TRUE(verdict.healthy());
  EXPECT_EQ(verdict.Tell("check").reason, "Success: yes");
  EXPECT_FALSE(verdict.Review(At(10'000)));
  // None has an end, whatever is given with it.
  verdict.SetOverride(Until(Override::kAuto, 20'000), At(10'000));
  EXPECT_EQ(verdict.ordered(), Order());
}

TEST(Order, ThatBeginsBehindItsEndIsNone) {
  Seen verdict(State::kHealthy);
  EXPECT_FALSE(verdict.SetOverride(Until(Override::kUnhealthy, 5'000), At(5'000)));
  EXPECT_TRUE(verdict.healthy());
  EXPECT_EQ(verdict.ordered(), Order());
}

TEST(Order, StaysWithItsEndWhenSettingsChange) {
  for (const CheckType type : {CheckType::kHttp, CheckType::kTcp}) {
    Seen verdict(State::kHealthy);
    verdict.SetOverride(Until(Override::kUnhealthy, 10'000), At(0));
    CheckConfig moved = Check();
    moved.ip_address = "192.0.2.2";
    moved.type = type;
    verdict.Reconfigure(moved, At(5'000));
    EXPECT_FALSE(verdict.healthy());
    EXPECT_EQ(verdict.ordered(), Until(Override::kUnhealthy, 10'000));
    EXPECT_TRUE(verdict.Review(At(10'000)));
    EXPECT_TRUE(verdict.healthy());
  }
}

TEST(Order, IsNotInForceBehindItsEndWhateverBringsTheNews) {
  Seen verdict(State::kHealthy);
  verdict.SetOverride(Until(Override::kUnhealthy, 10'000), At(0));
  EXPECT_FALSE(verdict.Say(State::kHealthy, 9'999));
  EXPECT_TRUE(verdict.Say(State::kHealthy, 10'000));
  EXPECT_TRUE(verdict.healthy());
  EXPECT_EQ(verdict.Tell("check").reason, "override ended; Success: yes");
  CheckConfig calculated = Check();
  calculated.type = CheckType::kCalculated;
  CheckVerdict derived(calculated, At(0));
  derived.SetOverride(Until(Override::kUnhealthy, 10'000), At(0));
  EXPECT_TRUE(derived.Review(At(10'000)));  // nobody has ever judged it
  EXPECT_TRUE(derived.healthy());
  EXPECT_EQ(derived.Tell("check").reason, "override ended");
}

TEST(Order, GoesOnAfterARestart) {
  CheckVerdict verdict(Check(), At(4'000));
  verdict.Restore(
      State::kHealthy, Until(Override::kUnhealthy, 10'000), At(0).wall_ms, {}, At(5'000));
  EXPECT_FALSE(verdict.healthy());
  EXPECT_EQ(verdict.ordered(), Until(Override::kUnhealthy, 10'000));
  EXPECT_FALSE(verdict.Review(At(9'999)));
  EXPECT_TRUE(verdict.Review(At(10'000)));
  EXPECT_TRUE(verdict.healthy());
}

TEST(Order, ThatEndedWhileNobodyWasThereIsNotRestoredAndItsEndIsTold) {
  CheckVerdict verdict(Check(), At(10'000));
  verdict.Restore(
      State::kHealthy, Until(Override::kUnhealthy, 10'000), At(0).wall_ms, {}, At(10'000));
  EXPECT_TRUE(verdict.healthy());  // before anything else has happened
  EXPECT_EQ(verdict.ordered(), Order());
  EXPECT_LE(verdict.ReviewNs(At(10'000).monotonic_ns), At(10'000).monotonic_ns);
  EXPECT_TRUE(verdict.Review(At(10'001)));
  EXPECT_TRUE(verdict.Tell("check").healthy);
  EXPECT_EQ(verdict.Tell("check").ordered, Order());
  EXPECT_EQ(verdict.Tell("check").reason, "override ended");
  EXPECT_FALSE(verdict.Review(At(10'002)));
}

TEST(Order, CountsDownOnTheSteadyClock) {
  constexpr std::int64_t kDayMs = 86'400'000;
  const auto jumped = [](std::int64_t ms, std::int64_t by_ms) {
    Moment moment = At(ms);
    moment.wall_ms += by_ms;
    return moment;
  };
  Seen verdict(State::kHealthy);
  verdict.SetOverride(Until(Override::kUnhealthy, 10'000), At(0));
  EXPECT_FALSE(verdict.Review(jumped(9'999, kDayMs)));
  EXPECT_TRUE(verdict.Review(jumped(10'000, -kDayMs)));
  // A wall clock that was set back by decades before a restart holds nothing for decades.
  CheckVerdict restarted(Check(), jumped(0, -kWallMs));
  restarted.Restore(State::kHealthy, Until(Override::kUnhealthy, 0), 0, {}, jumped(0, -kWallMs));
  EXPECT_FALSE(restarted.Review(At((kMaxOrderSeconds * 1000) - 1)));
  EXPECT_TRUE(restarted.Review(At(kMaxOrderSeconds * 1000)));
}

}  // namespace
}  // namespace holdfast::health

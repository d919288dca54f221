// Calculated checks (spec/health-checks.md section 8) through the monitor: children are moved by
// order, which is what records see of them.
#include <algorithm>
#include <gtest/gtest.h>

#include "health/monitor.h"

namespace holdfast::health {
namespace {

CheckConfig Child(std::string id) {
  CheckConfig check;
  check.id = std::move(id);
  check.type = CheckType::kTcp;
  check.ip_address = "127.0.0.1";
  check.port = 1;
  return check;
}

CheckConfig Calculated(std::uint32_t needed, std::vector<std::string> children) {
  CheckConfig check;
  check.id = "sum";
  check.type = CheckType::kCalculated;
  check.health_threshold = needed;
  check.children = std::move(children);
  return check;
}

class CalculatedChecks : public testing::Test {
 protected:
  CalculatedChecks() {
    auto made = Monitor::Create({.local = {.resolvers = "127.0.0.1:1"}});
    EXPECT_TRUE(made.has_value()) << made.error().message;
    monitor_ = std::move(*made);
  }
  void Configure(const std::vector<CheckConfig>& checks) {
    const Status done = monitor_->Configure(checks);
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }
  void Order(const std::string& id, Override ordered) {
    ASSERT_TRUE(monitor_->SetOverride(id, ordered).has_value());
  }
  CheckStatus StatusOf(const std::string& id) {
    const auto statuses = monitor_->Statuses();
    const auto at = std::ranges::find(statuses, id, &CheckStatus::id);
    EXPECT_NE(at, statuses.end()) << id;
    return at != statuses.end() ? *at : CheckStatus{};
  }
  /// Ids told since the last call, in their order; "!" in front of those that are unhealthy.
  std::vector<std::string> Told() {
    std::vector<std::string> told;
    for (const Transition& transition : monitor_->queue().Drain()) {
      told.push_back((transition.healthy ? "" : "!") + transition.check_id);
    }
    return told;
  }
  std::unique_ptr<Monitor> monitor_;
};

using Ids = std::vector<std::string>;

TEST_F(CalculatedChecks, vector_036_TwoOfThreeWithADisabledOne) {
  CheckConfig disabled = Child("c");
  disabled.disabled = true;
  Configure({Child("a"), Child("b"), disabled, Calculated(2, {"a", "b", "c"})});
  Order("b", Override::kUnhealthy);
  EXPECT_EQ(Told(), Ids{"!b"});  // nothing changed for the sum, whose state stays
  EXPECT_TRUE(StatusOf("sum").healthy);
  EXPECT_EQ(StatusOf("sum").reason, "Success: 2 of 3 health checks healthy, 2 needed");
  EXPECT_EQ(StatusOf("sum").target, "at least 2 of 3 checks");
}

TEST_F(CalculatedChecks, vector_037_NoneNeededAndNoChildren) {
  Configure({Calculated(0, {})});
  EXPECT_TRUE(StatusOf("sum").healthy);
  EXPECT_EQ(StatusOf("sum").raw, State::kHealthy);
}

TEST_F(CalculatedChecks, vector_038_MoreNeededThanThereAre) {
  Configure({Child("a"), Child("b"), Calculated(3, {"a", "b"})});
  EXPECT_FALSE(StatusOf("sum").healthy);
  EXPECT_EQ(StatusOf("sum").reason, "Failure: 2 of 2 health checks healthy, 3 needed");
  EXPECT_TRUE(Told().empty());  // it begins so: control asks
}

TEST_F(CalculatedChecks, vector_039_InvertedWithAHealthyChild) {
  CheckConfig sum = Calculated(1, {"a"});
  sum.inverted = true;
  Configure({Child("a"), sum});
  EXPECT_FALSE(StatusOf("sum").healthy);
  EXPECT_EQ(StatusOf("sum").raw, State::kHealthy);
}

TEST_F(CalculatedChecks, FollowTheirChildrenAtOnce) {
  Configure({Child("a"), Child("b"), Calculated(1, {"a", "b"})});
  Order("a", Override::kUnhealthy);
  EXPECT_EQ(Told(), Ids{"!a"});
  Order("b", Override::kUnhealthy);
  EXPECT_EQ(Told(), (Ids{"!b", "!sum"}));
  Order("a", Override::kHealthy);
  EXPECT_EQ(Told(), (Ids{"a", "sum"}));
}

TEST_F(CalculatedChecks, SeeTheInversionOfAChild) {
  CheckConfig inverted = Child("a");
  inverted.inverted = true;  // no verdict yet: unhealthy
  Configure({inverted, Calculated(1, {"a"})});
  EXPECT_FALSE(StatusOf("sum").healthy);
}

TEST_F(CalculatedChecks, CountAChildThatIsGoneAsNotHealthy) {
  Configure({Child("a"), Child("b"), Calculated(2, {"a", "b"})});
  EXPECT_TRUE(StatusOf("sum").healthy);
  Configure({Child("a"), Calculated(2, {"a", "b"})});
  EXPECT_EQ(Told(), Ids{"!sum"});
  EXPECT_EQ(StatusOf("sum").reason,
            "Failure: 1 of 2 health checks healthy, 2 needed (1 of them do not exist)");
}

TEST_F(CalculatedChecks, FollowNewSettings) {
  Configure({Child("a"), Child("b"), Calculated(2, {"a", "b"})});
  Order("a", Override::kUnhealthy);
  EXPECT_EQ(Told(), (Ids{"!a", "!sum"}));
  Configure({Child("a"), Child("b"), Calculated(1, {"a", "b"})});
  EXPECT_EQ(Told(), Ids{"sum"});
  CheckConfig off = Calculated(2, {"a", "b"});
  off.disabled = true;
  Configure({Child("a"), Child("b"), off});
  EXPECT_TRUE(StatusOf("sum").healthy);
  Order("b", Override::kUnhealthy);
  EXPECT_TRUE(StatusOf("sum").healthy);
}

TEST_F(CalculatedChecks, KeepSinceWhenOverARestart) {
  const std::vector<CheckConfig> checks{Child("a"), Child("b"), Calculated(1, {"a", "b"})};
  Configure(checks);
  for (const char* id : {"sum", "a", "b"}) {
    ASSERT_TRUE(monitor_->Restore(id, State::kUnhealthy, Override::kAuto, 1234, {}).has_value());
  }
  Configure(checks);
  EXPECT_FALSE(StatusOf("sum").healthy);
  EXPECT_EQ(StatusOf("sum").since_ms, 1234);
  EXPECT_TRUE(Told().empty());
}

TEST_F(CalculatedChecks, AreRefusedWithSettingsThatMeanNothing) {
  EXPECT_EQ(monitor_->Configure({Calculated(257, {})}).error().message,
            "health check \"sum\": HealthThreshold is 257, expected 0 to 256");
  EXPECT_EQ(monitor_->Configure({Calculated(1, {"a", "a"})}).error().message,
            "health check \"sum\": ChildHealthChecks is \"a\", expected ids of checks, each once");
  EXPECT_EQ(monitor_->Configure({Calculated(1, Ids(256, "a"))}).error().message,
            "health check \"sum\": ChildHealthChecks is 256 ids, expected 0 to 255");
}

}  // namespace
}  // namespace holdfast::health

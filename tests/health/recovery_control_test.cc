// Checks that go by a routing control (spec/health-checks.md section 8), through the monitor.
#include <gtest/gtest.h>
#include <memory>
#include <vector>

#include "health/monitor.h"

namespace holdfast::health {
namespace {

CheckConfig Of(const std::string& id, const std::string& control, bool inverted = false) {
  CheckConfig check;
  check.id = id;
  check.type = CheckType::kRecoveryControl;
  check.routing_control = control;
  check.inverted = inverted;
  return check;
}

class RecoveryControls : public testing::Test {
 protected:
  RecoveryControls() {
    auto made = Monitor::Create({.local = {.resolvers = "127.0.0.1:1"}});
    EXPECT_TRUE(made.has_value()) << made.error().message;
    monitor_ = std::move(*made);
  }
  CheckStatus StatusNow(std::size_t place = 0) { return monitor_->Statuses().at(place); }
  std::unique_ptr<Monitor> monitor_;
};

TEST_F(RecoveryControls, vector_043_OffAndInvertedIsHealthy) {
  monitor_->SetRoutingControls({{"web", false}});
  ASSERT_TRUE(monitor_->Configure({Of("c", "web", true)}));
  EXPECT_TRUE(StatusNow().healthy);
  EXPECT_EQ(StatusNow().raw, State::kUnhealthy);
}

TEST_F(RecoveryControls, FollowTheirControlAtOnceAndTellWhatChangedAlone) {
  monitor_->SetRoutingControls({{"a", true}, {"b", true}});
  ASSERT_TRUE(monitor_->Configure({Of("c1", "a"), Of("c2", "a"), Of("c3", "b")}));
  EXPECT_TRUE(StatusNow(0).healthy && StatusNow(0).verified);
  EXPECT_TRUE(monitor_->queue().Drain().empty()) << "control asks for the first status";
  monitor_->SetRoutingControls({{"a", false}, {"b", true}});
  const auto told = monitor_->queue().Drain();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].check_id, "c1");
  EXPECT_FALSE(told[0].healthy);
  EXPECT_EQ(told[0].reason, "Failure: the routing control is Off.");
  EXPECT_TRUE(StatusNow(2).healthy);
  monitor_->SetRoutingControls({{"a", true}, {"b", true}});
  EXPECT_EQ(monitor_->queue().Drain().size(), 2U);
}

TEST_F(RecoveryControls, KeepSinceWhenOverARestart) {
  monitor_->SetRoutingControls({{"a", false}});
  ASSERT_TRUE(monitor_->Configure({Of("c", "a")}));
  ASSERT_TRUE(monitor_->Restore("c", State::kUnhealthy, Override::kAuto, 1234, {}));
  monitor_->SetRoutingControls({{"a", false}});
  EXPECT_EQ(StatusNow().since_ms, 1234);
  EXPECT_TRUE(monitor_->queue().Drain().empty());
}

TEST_F(RecoveryControls, AreRefusedWithoutAName) {
  const auto refused = monitor_->Configure({Of("c", "")});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("RoutingControlArn"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::health

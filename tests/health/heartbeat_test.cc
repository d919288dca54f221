// PUSH checks: what heartbeats and silence make of them, on a hand-moved clock and through the
// monitor.
#include "health/verdict/heartbeat.h"

#include <gtest/gtest.h>
#include <memory>
#include <poll.h>
#include <unistd.h>
#include <vector>

#include "health/monitor.h"

namespace holdfast::health {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

CheckConfig Push(std::uint32_t rise = 2, std::uint32_t fall = 3, int interval_ms = 100) {
  CheckConfig check;
  check.id = "job";
  check.type = CheckType::kPush;
  check.port = 0;
  check.interval = Milliseconds(interval_ms);
  check.healthy_threshold = rise;
  check.unhealthy_threshold = fall;
  return check;
}

TEST(Heartbeat, TurnsHealthyByARunAndUnhealthyBySilence) {
  Heartbeat heartbeat(Push());  // patience: 300 ms
  heartbeat.Listen(1000 * kMs);
  EXPECT_EQ(heartbeat.Beat(true, 1050 * kMs), State::kUnknown);
  EXPECT_EQ(heartbeat.Beat(true, 1150 * kMs), State::kHealthy);
  EXPECT_EQ(heartbeat.DueNs(), 1450 * kMs);
  EXPECT_FALSE(heartbeat.Review(1449 * kMs));
  const auto reason = heartbeat.Review(1450 * kMs);
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(*reason, "Failure: no heartbeat came for 300 ms.");
  EXPECT_FALSE(heartbeat.DueNs().has_value());  // told once
  EXPECT_FALSE(heartbeat.Review(9000 * kMs));
  EXPECT_EQ(heartbeat.Beat(true, 9000 * kMs), State::kUnhealthy);
  EXPECT_EQ(heartbeat.Beat(true, 9100 * kMs), State::kHealthy);
}

TEST(Heartbeat, BeginsItsRunAnewAfterAGapOrAFailure) {
  Heartbeat heartbeat(Push(3));
  heartbeat.Restore(State::kUnhealthy);
  heartbeat.Listen(0);
  EXPECT_EQ(heartbeat.Beat(true, 10 * kMs), State::kUnhealthy);
  EXPECT_EQ(heartbeat.Beat(true, 310 * kMs), State::kUnhealthy);  // just in time
  EXPECT_EQ(heartbeat.Beat(true, 611 * kMs), State::kUnhealthy);  // too late: the first of a run
  EXPECT_EQ(heartbeat.Beat(true, 650 * kMs), State::kUnhealthy);
  EXPECT_EQ(heartbeat.Beat(false, 660 * kMs), State::kUnhealthy);
  EXPECT_EQ(heartbeat.Beat(true, 670 * kMs), State::kUnhealthy);
  EXPECT_EQ(heartbeat.Beat(true, 680 * kMs), State::kUnhealthy);
  EXPECT_EQ(heartbeat.Beat(true, 690 * kMs), State::kHealthy);
  EXPECT_EQ(heartbeat.Beat(false, 700 * kMs), State::kUnhealthy);  // says so: at once
}

TEST(Heartbeat, CountsNoSilenceBeforeItCanBeHeard) {
  Heartbeat heartbeat(Push());
  heartbeat.Restore(State::kHealthy);
  EXPECT_FALSE(heartbeat.DueNs().has_value());
  EXPECT_FALSE(heartbeat.Review(1'000'000 * kMs));
  heartbeat.Listen(1'000'000 * kMs);
  EXPECT_EQ(heartbeat.DueNs(), 1'000'300 * kMs);
  EXPECT_EQ(heartbeat.Beat(true, 1'000'200 * kMs), State::kHealthy);  // as it was stored
}

TEST(Heartbeat, BlamesNobodyForATimeThatThisProcessStoodStill) {
  Heartbeat heartbeat(Push(1));
  heartbeat.Listen(0);
  EXPECT_EQ(heartbeat.Beat(true, 0), State::kHealthy);
  EXPECT_FALSE(heartbeat.Review(1301 * kMs));  // was due at 300
  EXPECT_EQ(heartbeat.DueNs(), 1601 * kMs);
  EXPECT_TRUE(heartbeat.Review(2601 * kMs));  // a second late is not too late
}

TEST(Heartbeat, KeepsItsStateOverNewSettings) {
  Heartbeat heartbeat(Push(1));
  heartbeat.Listen(0);
  EXPECT_EQ(heartbeat.Beat(true, 100 * kMs), State::kHealthy);
  heartbeat.Reconfigure(Push(5, 10), 200 * kMs);
  EXPECT_EQ(heartbeat.DueNs(), 1200 * kMs);
  EXPECT_EQ(heartbeat.Beat(true, 300 * kMs), State::kHealthy);
}

class PushChecks : public testing::Test {
 protected:
  PushChecks() {
    auto made = Monitor::Create({.local = {.resolvers = "127.0.0.1:1"}});
    EXPECT_TRUE(made.has_value()) << made.error().message;
    monitor_ = std::move(*made);
  }
  CheckStatus StatusNow() { return monitor_->Statuses().at(0); }
  std::vector<Transition> Next() {
    pollfd wait{.fd = monitor_->queue().fd(), .events = POLLIN, .revents = 0};
    poll(&wait, 1, 5000);
    return monitor_->queue().Drain();
  }
  std::unique_ptr<Monitor> monitor_;
};

TEST_F(PushChecks, FollowTheirAgent) {
  ASSERT_TRUE(monitor_->Configure({Push(1, 5)}));
  ASSERT_TRUE(monitor_->Start());
  EXPECT_TRUE(StatusNow().healthy);
  EXPECT_EQ(StatusNow().raw, State::kUnknown);
  EXPECT_EQ(StatusNow().target, "heartbeats at /heartbeat/job");
  usleep(700'000);
  EXPECT_EQ(StatusNow().raw, State::kUnknown);  // nobody could be heard
  monitor_->ListenForHeartbeats();
  ASSERT_TRUE(monitor_->ReportHeartbeat("job", true, "Success: heartbeat"));
  auto told = Next();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].raw, State::kHealthy);
  ASSERT_TRUE(monitor_->ReportHeartbeat("job", false, "Failure: heartbeat says fail: disk full"));
  told = Next();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_FALSE(told[0].healthy);
  EXPECT_EQ(told[0].reason, "Failure: heartbeat says fail: disk full");
  ASSERT_TRUE(monitor_->ReportHeartbeat("job", true, "Success: heartbeat"));
  EXPECT_TRUE(Next().at(0).healthy);
  const auto began = std::chrono::steady_clock::now();
  told = Next();  // silence
  ASSERT_EQ(told.size(), 1U);
  EXPECT_FALSE(told[0].healthy);
  EXPECT_EQ(told[0].reason, "Failure: no heartbeat came for 500 ms.");
  const auto silence = std::chrono::steady_clock::now() - began;
  EXPECT_GE(silence, std::chrono::milliseconds(450));
  monitor_->Stop();
}

TEST_F(PushChecks, GiveTheirAgentsAWholePatienceAfterARestart) {
  ASSERT_TRUE(monitor_->Configure({Push(3, 5)}));
  ASSERT_TRUE(monitor_->Restore("job", State::kHealthy, Override::kAuto, 1234, {}));
  ASSERT_TRUE(monitor_->Start());
  monitor_->ListenForHeartbeats();
  usleep(250'000);
  EXPECT_TRUE(StatusNow().healthy);
  ASSERT_TRUE(monitor_->ReportHeartbeat("job", true, "Success: heartbeat"));
  EXPECT_EQ(StatusNow().raw, State::kHealthy);
  EXPECT_EQ(StatusNow().since_ms, 1234);
  EXPECT_TRUE(monitor_->queue().Drain().empty());
  monitor_->Stop();
}

TEST_F(PushChecks, AreOfTheirTypeAloneAndHearNothingWhileDisabled) {
  CheckConfig other = Push();
  other.id = "zz";
  other.type = CheckType::kRecoveryControl;
  other.routing_control = "x";
  CheckConfig disabled = Push(1);
  disabled.disabled = true;
  ASSERT_TRUE(monitor_->Configure({disabled, other}));
  ASSERT_TRUE(monitor_->ReportHeartbeat("job", false, "Failure: heartbeat says fail"));
  EXPECT_TRUE(StatusNow().healthy);
  EXPECT_EQ(monitor_->ReportHeartbeat("nothing", true, "").error().code, ErrorCode::kNotFound);
  const auto wrong = monitor_->ReportHeartbeat("zz", true, "");
  EXPECT_EQ(wrong.error().message, "health check \"zz\" is RECOVERY_CONTROL, expected PUSH");
  ASSERT_TRUE(monitor_->Configure({Push(1)}));  // enabled again: begins anew
  EXPECT_EQ(StatusNow().raw, State::kUnknown);
  ASSERT_TRUE(monitor_->ReportHeartbeat("job", false, "Failure: heartbeat says fail"));
  EXPECT_FALSE(StatusNow().healthy);
}

TEST_F(PushChecks, AreRefusedOutOfRange) {
  for (const CheckConfig& check :
       {Push(0), Push(101), Push(1, 0), Push(1, 101), Push(1, 1, 49), Push(1, 1, 300'001)}) {
    EXPECT_FALSE(monitor_->Configure({check}));
  }
  EXPECT_TRUE(monitor_->Configure({Push(1, 1, 50)}));
  EXPECT_TRUE(monitor_->Configure({Push(100, 100, 300'000)}));
}

}  // namespace
}  // namespace holdfast::health

// Metric checks (spec/health-checks.md section 8): from data to an alarm, from an alarm to the
// status of a check, through the monitor.
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "health/monitor.h"

namespace holdfast::health {
namespace {

CheckConfig Metric(InsufficientData setting) {
  CheckConfig check;
  check.id = "metric";
  check.type = CheckType::kCloudwatchMetric;
  check.alarm = "eu-1/errors";
  check.insufficient_data = setting;
  return check;
}

class MetricChecks : public testing::Test {
 protected:
  MetricChecks() {
    auto made = Monitor::Create({.local = {.resolvers = "127.0.0.1:1"}});
    EXPECT_TRUE(made.has_value()) << made.error().message;
    monitor_ = std::move(*made);
  }
  void Configure(const std::vector<CheckConfig>& checks) {
    const Status done = monitor_->Configure(checks);
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }
  void Report(AlarmState alarm) {
    const Status done = monitor_->ReportAlarm("metric", alarm, AlarmStateText(alarm));
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }
  CheckStatus StatusNow(std::size_t place = 0) { return monitor_->Statuses().at(place); }
  std::unique_ptr<Monitor> monitor_;
};

TEST_F(MetricChecks, vector_040_InsufficientDataIsAsTheSettingSays) {
  Configure({Metric(InsufficientData::kHealthy)});
  Report(AlarmState::kAlarm);
  EXPECT_FALSE(StatusNow().healthy);
  Report(AlarmState::kInsufficientData);
  EXPECT_TRUE(StatusNow().healthy);

  Configure({Metric(InsufficientData::kUnhealthy)});
  Report(AlarmState::kInsufficientData);
  EXPECT_FALSE(StatusNow().healthy);
  Report(AlarmState::kOk);
  EXPECT_TRUE(StatusNow().healthy);
}

TEST_F(MetricChecks, vector_041_AlarmThenInsufficientDataStaysUnhealthy) {
  Configure({Metric(InsufficientData::kLastKnownStatus)});
  Report(AlarmState::kAlarm);
  Report(AlarmState::kInsufficientData);
  const CheckStatus status = StatusNow();
  EXPECT_FALSE(status.healthy);
  EXPECT_EQ(status.raw, State::kUnhealthy);
  EXPECT_EQ(status.reason, "INSUFFICIENT_DATA");
  EXPECT_EQ(status.changes, 1U);
  Report(AlarmState::kOk);
  Report(AlarmState::kInsufficientData);
  EXPECT_TRUE(StatusNow().healthy);
}

TEST_F(MetricChecks, vector_042_NeverAnyDataIsHealthy) {
  Configure({Metric(InsufficientData::kLastKnownStatus)});
  Report(AlarmState::kInsufficientData);
  const CheckStatus status = StatusNow();
  EXPECT_TRUE(status.healthy);
  EXPECT_EQ(status.raw, State::kUnknown);
  EXPECT_FALSE(status.verified);
  EXPECT_EQ(status.target, "alarm eu-1/errors");
  CheckConfig inverted = Metric(InsufficientData::kLastKnownStatus);
  inverted.inverted = true;
  Configure({inverted});
  Report(AlarmState::kInsufficientData);
  EXPECT_FALSE(StatusNow().healthy);
}

TEST_F(MetricChecks, TellTheirTransitionsAndMoveTheirParents) {
  CheckConfig parent;
  parent.id = "sum";
  parent.type = CheckType::kCalculated;
  parent.health_threshold = 1;
  parent.children = {"metric"};
  Configure({Metric(InsufficientData::kLastKnownStatus), parent});
  Report(AlarmState::kAlarm);
  const auto told = monitor_->queue().Drain();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].check_id, "metric");
  EXPECT_EQ(told[0].reason, "ALARM");
  EXPECT_EQ(told[1].check_id, "sum");
  EXPECT_FALSE(StatusNow(1).healthy);
  Report(AlarmState::kAlarm);
  EXPECT_TRUE(monitor_->queue().Drain().empty());
}

TEST_F(MetricChecks, GoOnFromWhatWasStored) {
  Configure({Metric(InsufficientData::kLastKnownStatus)});
  ASSERT_TRUE(monitor_->Restore("metric", State::kUnhealthy, Override::kAuto, 1000, {}));
  Report(AlarmState::kInsufficientData);
  EXPECT_FALSE(StatusNow().healthy);
  EXPECT_EQ(StatusNow().since_ms, 1000);
}

TEST_F(MetricChecks, KeepWhatWasStoredUntilAsManyPeriodsWereAskedAsAreLookedAt) {
  const struct {
    InsufficientData setting;
    State stored;
    State as_set;
  } table[] = {{InsufficientData::kHealthy, State::kUnhealthy, State::kHealthy},
               {InsufficientData::kUnhealthy, State::kHealthy, State::kUnhealthy},
               {InsufficientData::kLastKnownStatus, State::kUnhealthy, State::kUnhealthy}};
  for (const auto& row : table) {
    Configure({});
    Configure({Metric(row.setting)});
    ASSERT_TRUE(monitor_->Restore("metric", row.stored, Override::kAuto, 1000, {}));
    for (int period = 0; period < 5; ++period) {
      Report(AlarmState::kNotYet);
      EXPECT_EQ(StatusNow().raw, row.stored);
      EXPECT_EQ(StatusNow().since_ms, 1000);
      EXPECT_EQ(StatusNow().reason, "INSUFFICIENT_DATA so far");
    }
    EXPECT_TRUE(monitor_->queue().Drain().empty());
    Report(AlarmState::kInsufficientData);
    EXPECT_EQ(StatusNow().raw, row.as_set);
    (void)monitor_->queue().Drain();
  }
}

TEST_F(MetricChecks, AreHealthyAsNewUntilAsManyPeriodsWereAskedAsAreLookedAt) {
  Configure({Metric(InsufficientData::kUnhealthy)});
  Report(AlarmState::kNotYet);
  EXPECT_TRUE(StatusNow().healthy);
  EXPECT_EQ(StatusNow().raw, State::kUnknown);
  Report(AlarmState::kInsufficientData);
  EXPECT_FALSE(StatusNow().healthy);
}

TEST_F(MetricChecks, HearNothingWhileDisabledAndAreTheOnlyOnesThatDo) {
  CheckConfig disabled = Metric(InsufficientData::kUnhealthy);
  disabled.disabled = true;
  CheckConfig tcp;
  tcp.id = "tcp";
  tcp.type = CheckType::kTcp;
  tcp.ip_address = "127.0.0.1";
  tcp.port = 1;
  Configure({disabled, tcp});
  Report(AlarmState::kAlarm);
  EXPECT_TRUE(StatusNow().healthy);
  const Status other = monitor_->ReportAlarm("tcp", AlarmState::kOk, "");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(other.error().message, "health check \"tcp\" is TCP, expected CLOUDWATCH_METRIC");
  EXPECT_EQ(monitor_->ReportAlarm("none", AlarmState::kOk, "").error().code, ErrorCode::kNotFound);
}

TEST_F(MetricChecks, AreRefusedWithoutAnAlarm) {
  CheckConfig check = Metric(InsufficientData::kHealthy);
  check.alarm.clear();
  const Status refused = monitor_->Configure({check});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "health check \"metric\": AlarmIdentifier is \"\", expected a region and a name");
}

// ---- points -------------------------------------------------------------------------------------

using Points = std::vector<std::optional<double>>;
constexpr std::nullopt_t kNone = std::nullopt;

AlarmState Judged(std::uint32_t periods, const Points& points) {
  return JudgePoints({.comparison = Comparison::kGreaterThanThreshold,
                      .threshold = 10,
                      .evaluation_periods = periods},
                     points);
}

TEST(MetricPoints, AlarmOnlyWhenAllThatAreEvaluatedBreach) {
  constexpr auto kOk = AlarmState::kOk;
  constexpr auto kAlarm = AlarmState::kAlarm;
  constexpr auto kTooFew = AlarmState::kInsufficientData;
  constexpr auto kNotYet = AlarmState::kNotYet;
  const struct {
    std::uint32_t periods;
    Points points;
    AlarmState wanted;
  } table[] = {
      {1, {}, kNotYet},
      {1, {11}, kAlarm},
      {1, {10}, kOk},
      {1, {11, 9}, kOk},
      {1, {9, 11}, kAlarm},
      {1, {11, kNone, kNone}, kAlarm},
      {1, {11, kNone, kNone, kNone}, kTooFew},
      {1, {std::nan("")}, kNotYet},
      {1, {kNone, 11, kNone}, kAlarm},
      {1, {kNone, kNone}, kNotYet},
      {1, {kNone, kNone, kNone}, kTooFew},
      {1, {std::numeric_limits<double>::infinity()}, kAlarm},
      {1, {-std::numeric_limits<double>::infinity()}, kOk},
      {3, {11, 11}, kNotYet},
      {3, {11, kNone, 11, kNone}, kNotYet},
      {3, {11, kNone, 11, kNone, kNone}, kTooFew},
      {3, {11, 11, 11}, kAlarm},
      {3, {9, 11, 11}, kOk},
      {3, {9, 11, 11, 11}, kAlarm},
      {3, {11, 11, 11, 9}, kOk},
      {3, {11, 11, 11, kNone, kNone}, kAlarm},
      {3, {11, kNone, 11, kNone, 11}, kAlarm},
      {3, {11, 11, kNone, kNone, kNone}, kTooFew},
      {3, {9, kNone, kNone, kNone, kNone}, kOk},
      {3, {9, kNone, kNone, kNone, kNone, kNone}, kTooFew},
  };
  for (const auto& row : table) {
    EXPECT_EQ(Judged(row.periods, row.points), row.wanted) << &row - table;
  }
}

TEST(MetricPoints, CompareInTheFourWays) {
  const struct {
    Comparison comparison;
    bool below;
    bool same;
    bool above;
  } table[] = {{Comparison::kGreaterThanOrEqualToThreshold, false, true, true},
               {Comparison::kGreaterThanThreshold, false, false, true},
               {Comparison::kLessThanThreshold, true, false, false},
               {Comparison::kLessThanOrEqualToThreshold, true, true, false}};
  for (const auto& row : table) {
    const MetricRule rule{.comparison = row.comparison, .threshold = 1.5};
    const auto breaches = [&](double value) {
      return JudgePoints(rule, Points{value}) == AlarmState::kAlarm;
    };
    EXPECT_EQ(breaches(1.4), row.below) << ComparisonText(row.comparison);
    EXPECT_EQ(breaches(1.5), row.same) << ComparisonText(row.comparison);
    EXPECT_EQ(breaches(1.6), row.above) << ComparisonText(row.comparison);
  }
  const MetricRule rule{.comparison = Comparison::kLessThanThreshold, .threshold = 90};
  EXPECT_EQ(PointText(rule, 12.25), "12.25 is LessThanThreshold 90");
  EXPECT_EQ(PointText(rule, 97), "97 is not LessThanThreshold 90");
}

}  // namespace
}  // namespace holdfast::health

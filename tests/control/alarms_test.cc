// What a Prometheus replies and an Alertmanager posts, and what alarms come to by it.
#include <algorithm>
#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "control/alarms/alertmanager.h"
#include "control/alarms/promql.h"
#include "control/alarms/sources.h"
#include "tests/control/http_kit.h"

namespace holdfast::control {
namespace {

using namespace testing;
using health::AlarmState;
using std::chrono::seconds;
using ::testing::HasSubstr;

MetricSource Promql() {
  return {.id = "eu-1/errors",
          .url = "http://127.0.0.1:9090",
          .query = "sum(errors) or vector(0)",
          .rule = {.comparison = health::Comparison::kGreaterThanThreshold, .threshold = 10},
          .period_s = 1};
}

// ---- Prometheus ---------------------------------------------------------------------------------

TEST(Promql, AsksForTheValueOfNow) {
  HttpCall call = PromqlCall(Promql());
  EXPECT_EQ(call.url, "http://127.0.0.1:9090/api/v1/query");
  EXPECT_EQ(call.body, "query=sum%28errors%29%20or%20vector%280%29");
  EXPECT_EQ(call.timeout, milliseconds(1000));
  MetricSource source = Promql();
  source.statistic = Statistic::kAverage;
  source.query = "up";
  source.period_s = 60;
  call = PromqlCall(source);
  EXPECT_EQ(call.body, "query=avg_over_time%28%28up%0A%29%5B60s%3A6s%5D%29");
  EXPECT_EQ(call.timeout, milliseconds(10'000));
  source.statistic = Statistic::kSampleCount;
  source.period_s = 1;
  EXPECT_EQ(PromqlCall(source).body, "query=count_over_time%28%28up%0A%29%5B1s%3A1s%5D%29");
}

std::string Vector(const std::string& elements) {
  return R"({"status":"success","data":{"resultType":"vector","result":[)" + elements + "]}}";
}
std::string Element(const std::string& value) {
  return R"({"metric":{"a":"b"},"value":[1763820000.123,")" + value + "\"]}";
}

TEST(Promql, ReadsOneValueOrNone) {
  const double infinite = std::numeric_limits<double>::infinity();
  const std::vector<std::pair<std::string, std::optional<double>>> table{
      {Vector(Element("1.5")), 1.5},
      {Vector(Element("-2e3")), -2000},
      {Vector(Element("+Inf")), infinite},
      {Vector(Element("-Inf")), -infinite},
      {Vector(Element("NaN")), std::nullopt},
      {Vector(""), std::nullopt},
      {R"({"status":"success","data":{"resultType":"scalar","result":[1,"7"]},"warnings":[]})", 7},
  };
  for (const auto& [body, value] : table) {
    const auto read = ReadPromqlReply(200, body);
    ASSERT_TRUE(read) << body << read.error().message;
    EXPECT_EQ(*read, value) << body;
  }
}

TEST(Promql, RefusesWhatIsNoValue) {
  const std::vector<std::tuple<long, std::string, const char*>> table{
      {200, Vector(Element("1") + "," + Element("2")), "the query gives 2 series; expected one"},
      {200, Vector(Element("x")), "'x' is no number"},
      {200, Vector(Element("1x")), "'1x' is no number"},
      {200, Vector(Element("")), "'' is no number"},
      {200, Vector("{}"), "expected a value in each series"},
      {200, Vector(R"({"value":[1]})"), "expected a value as [time, \"number\"]"},
      {200, Vector(R"({"value":[1,2]})"), "expected a value as [time, \"number\"]"},
      {200, Vector("7"), "expected a value in each series"},
      {200,
       R"({"status":"success","data":{"resultType":"matrix","result":[]}})",
       "the query gives a matrix; expected a scalar or a vector of one"},
      {200, R"({"status":"success","data":{"resultType":"vector"}})", "expected a result of"},
      {200, R"({"status":"success","data":7})", "expected a result of"},
      {200, R"({"status":"success"})", "expected a result of"},
      {200, R"({"status":"error","error":"boom"})", "HTTP status 200: boom"},
      {400, R"({"status":"error","error":"parse\nerror"})", "HTTP status 400: parse error"},
      {503, "<html>", "HTTP status 503, and reply:1:"},
      {200, "", "HTTP status 200, and reply:1:"},
      {200, "[]", "HTTP status 200: "},
      {200, std::string(100, '['), "reply:1:"},
  };
  for (const auto& [status, body, part] : table) {
    const auto read = ReadPromqlReply(status, body);
    ASSERT_FALSE(read) << body;
    EXPECT_THAT(read.error().message, HasSubstr(part)) << body;
    EXPECT_EQ(read.error().message.find('\n'), std::string::npos);
  }
}

// ---- Alertmanager -------------------------------------------------------------------------------

std::string Notice(const std::string& status,
                   const std::string& group = "{}:{alertname=\\\"Down\\\"}") {
  return R"({"version":"4","groupKey":")" + group + R"(","truncatedAlerts":0,"status":")" + status +
         R"(","receiver":"holdfast","groupLabels":{"alertname":"Down"},)"
         R"("commonLabels":{"alertname":"Down"},"commonAnnotations":{},"externalURL":"http://x",)"
         R"("alerts":[{"status":"firing","labels":{},"fingerprint":"0123456789abcdef"}]})";
}

TEST(Alertmanager, SaysFiringOrResolvedOfAGroup) {
  const auto firing = ReadAlertNotice(Notice("firing"));
  ASSERT_TRUE(firing) << firing.error().message;
  EXPECT_TRUE(firing->firing);
  EXPECT_EQ(firing->group, "{}:{alertname=\"Down\"}");
  EXPECT_EQ(firing->summary, "Down firing");
  const auto resolved = ReadAlertNotice(Notice("resolved"));
  ASSERT_TRUE(resolved);
  EXPECT_FALSE(resolved->firing);
  const auto nameless =
      ReadAlertNotice(R"({"version":"4","groupKey":"x","status":"firing","alerts":[]})");
  ASSERT_TRUE(nameless);
  EXPECT_EQ(nameless->summary, "alerts firing");
}

TEST(Alertmanager, RefusesOtherBodies) {
  const std::vector<std::pair<std::string, const char*>> table{
      {"", "body:1:"},
      {"[]", "expected the object that an Alertmanager posts"},
      {"{}", "body:1: notification: version is missing; expected \"4\""},
      {R"({"version":"3","groupKey":"x","status":"firing","alerts":[]})",
       "version is \"3\"; expec"},
      {R"({"version":"4","groupKey":"x","status":"on","alerts":[]})", "status is \"on\"; expected"},
      {R"({"version":"4","groupKey":"x","alerts":[]})", "status is missing; expected \"firing\""},
      {R"({"version":"4","groupKey":"","status":"firing","alerts":[]})",
       "groupKey has 0 character"},
      {R"({"version":"4","groupKey":7,"status":"firing","alerts":[]})", "groupKey is 7; expected"},
      {R"({"version":"4","status":"firing","alerts":[]})", "groupKey is missing; expected the key"},
      {R"({"version":"4","groupKey":"x","status":"firing"})", "alerts is missing; expected an arr"},
      {R"({"version":"4","groupKey":"x","status":"firing","alerts":{}})", "alerts is a table; exp"},
      {std::string(100, '[') + std::string(100, ']'), "body:1:"},
  };
  for (const auto& [body, part] : table) {
    const auto read = ReadAlertNotice(body);
    ASSERT_FALSE(read) << body;
    EXPECT_THAT(read.error().message, HasSubstr(part)) << body;
  }
}

TEST(AlertGroups, AlarmWhileAnyFiresAndKnowNothingAfterASilence) {
  AlertGroups::Time now{};
  AlertGroups groups(seconds(10), now);
  const auto take = [&](const char* group, bool firing) {
    ASSERT_TRUE(groups.Take({.group = group, .firing = firing, .summary = group}, now));
  };
  EXPECT_EQ(groups.Judge(now), AlarmState::kInsufficientData);  // nothing was heard yet
  take("a", true);
  EXPECT_EQ(groups.Judge(now), AlarmState::kAlarm);
  take("b", true);
  take("a", false);
  EXPECT_EQ(groups.Judge(now), AlarmState::kAlarm);
  EXPECT_EQ(groups.Summary(), "b");
  take("b", false);
  EXPECT_EQ(groups.Judge(now), AlarmState::kOk);
  EXPECT_EQ(groups.Judge(now + milliseconds(9'999)), AlarmState::kOk);
  EXPECT_EQ(groups.SilentAt(), now + seconds(10));
  EXPECT_EQ(groups.Judge(now + seconds(10)), AlarmState::kInsufficientData);
  // One that fires and is not heard of again does not fire for ever.
  take("a", true);
  now += seconds(6);
  take("b", false);
  EXPECT_EQ(groups.Judge(now), AlarmState::kAlarm);
  now += seconds(4);
  EXPECT_EQ(groups.Judge(now), AlarmState::kOk);
}

TEST(AlertGroups, TakeSoManyThatFireAndNoMore) {
  AlertGroups groups(seconds(10), {});
  for (std::size_t i = 0; i < AlertGroups::kMost; ++i) {
    ASSERT_TRUE(groups.Take({.group = std::to_string(i), .firing = true, .summary = ""}, {}));
  }
  const AlertNotice more{.group = "more", .firing = true, .summary = ""};
  ASSERT_FALSE(groups.Take(more, {}));
  EXPECT_TRUE(groups.Take({.group = "7", .firing = true, .summary = ""}, {}));
  EXPECT_TRUE(groups.Take({.group = "7", .firing = false, .summary = ""}, {}));
  EXPECT_TRUE(groups.Take(more, {}));
}

// ---- both, alive --------------------------------------------------------------------------------

class Sources : public ::testing::Test {
 protected:
  Sources() {
    auto made = HttpClient::Create();
    EXPECT_TRUE(made);
    client_ = std::move(*made);
    sources_ = std::make_unique<AlarmSources>(
        *client_, [this](const std::string& check, AlarmState alarm, const std::string& reason) {
          const std::lock_guard lock(mutex_);
          told_.push_back(check + " " + reason);
          last_ = alarm;
        });
  }
  ~Sources() override { client_ = nullptr; }
  static health::CheckConfig CheckOf(const std::string& id, const std::string& alarm) {
    health::CheckConfig check;
    check.id = id;
    check.type = health::CheckType::kCloudwatchMetric;
    check.alarm = alarm;
    return check;
  }
  bool Comes(const std::string& line, milliseconds patience = milliseconds(8000)) {
    return Within(patience, [&] {
      const std::lock_guard lock(mutex_);
      return std::ranges::find(told_, line) != told_.end();
    });
  }
  std::vector<std::string> Told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

  std::mutex mutex_;
  std::vector<std::string> told_;
  AlarmState last_ = AlarmState::kInsufficientData;
  std::unique_ptr<AlarmSources> sources_;
  std::unique_ptr<HttpClient> client_;
};

TEST_F(Sources, AskAPrometheusEachPeriodAndTellEachCheck) {
  std::atomic<int> mode = 0;
  ScriptedTarget server([&](const std::string&) {
    return mode == 0   ? ScriptedTarget::Reply(200, Vector(Element("3")))
           : mode == 1 ? ScriptedTarget::Reply(200, Vector(Element("30")))
                       : ScriptedTarget::Reply(500, "no");
  });
  MetricSource source = Promql();
  source.url = server.url();
  sources_->Configure({source}, {CheckOf("m1", source.id), CheckOf("m2", source.id)});
  const std::string ok = " Success: alarm eu-1/errors is OK: 3 is not GreaterThanThreshold 10";
  EXPECT_TRUE(Comes("m1" + ok));
  EXPECT_TRUE(Comes("m2" + ok));
  mode = 1;
  EXPECT_TRUE(Comes("m1 Failure: alarm eu-1/errors is ALARM: 30 is GreaterThanThreshold 10"));
  mode = 2;
  // Two periods without data do not change it, the third does.
  EXPECT_TRUE(Within(milliseconds(8000), [&] {
    const auto told = Told();
    return std::ranges::any_of(told, [](const std::string& line) {
      return line.starts_with(
          "m1 Unknown: alarm eu-1/errors is INSUFFICIENT_DATA: HTTP status 500");
    });
  }));
  const auto told = Told();
  EXPECT_EQ(std::ranges::count_if(told,
                                  [](const std::string& line) {
                                    return line.starts_with(
                                        "m1 Failure: alarm eu-1/errors is ALARM: HTTP status 500");
                                  }),
            2);
}

TEST_F(Sources, SayNothingOfTooFewDataBeforeAsManyPeriodsWereAskedAsAreLookedAt) {
  std::atomic<bool> has_data = true;
  ScriptedTarget server([&](const std::string&) {
    return ScriptedTarget::Reply(200, Vector(has_data ? Element("30") : ""));
  });
  MetricSource source = Promql();
  source.url = server.url();
  source.rule.evaluation_periods = 3;
  const auto all_told = [&](std::size_t count) {
    return Within(milliseconds(12'000), [&] { return Told().size() >= count; });
  };
  const std::string not_yet = "m Unknown: alarm eu-1/errors is INSUFFICIENT_DATA so far: ";
  const std::string breach = "30 is GreaterThanThreshold 10";
  // As after a restart: all that is asked for breaches, and nothing else is said before the alarm.
  sources_->Configure({source}, {CheckOf("m", source.id)});
  ASSERT_TRUE(all_told(3));
  EXPECT_THAT(
      Told(),
      ::testing::ElementsAre(
          not_yet + breach, not_yet + breach, "m Failure: alarm eu-1/errors is ALARM: " + breach));
  // A change of the source begins anew; a source without data is known after five periods.
  has_data = false;
  source.rule.threshold = 20;
  sources_->Configure({source}, {CheckOf("m", source.id)});
  ASSERT_TRUE(all_told(8));
  const auto told = Told();
  const std::string none = "the query gives no value";
  EXPECT_EQ(std::ranges::count(told, not_yet + none), 4);
  EXPECT_EQ(told.at(7), "m Unknown: alarm eu-1/errors is INSUFFICIENT_DATA: " + none);
}

TEST_F(Sources, TakeWhatIsPostedAndNoticeSilence) {
  MetricSource source{
      .id = "eu-1/web", .kind = MetricSource::Kind::kAlertmanager, .heartbeat_s = 1};
  sources_->Configure({source, Promql()}, {CheckOf("m", source.id)});
  EXPECT_EQ(sources_->Receive("eu-1/web", Notice("firing")).status, 200U);
  EXPECT_TRUE(Comes("m Failure: alarm eu-1/web is ALARM: Down firing"));
  EXPECT_EQ(sources_->Receive("eu-1/web", Notice("resolved")).status, 200U);
  EXPECT_TRUE(Comes("m Success: alarm eu-1/web is OK: Down resolved"));
  EXPECT_TRUE(Comes("m Unknown: alarm eu-1/web is INSUFFICIENT_DATA: nothing was posted for 1 s"));
  EXPECT_EQ(sources_->Receive("eu-1/web", "{").status, 400U);
  EXPECT_EQ(sources_->Receive("eu-1/none", Notice("firing")).status, 404U);
  EXPECT_EQ(sources_->Receive("eu-1/errors", Notice("firing")).status, 404U);
}

TEST_F(Sources, TellANewCheckWhatTheyKnowAlready) {
  const MetricSource source{.id = "eu-1/web", .kind = MetricSource::Kind::kAlertmanager};
  sources_->Configure({source}, {});
  EXPECT_EQ(sources_->Receive("eu-1/web", Notice("firing")).status, 200U);
  EXPECT_TRUE(Told().empty());
  sources_->Configure({source}, {CheckOf("late", source.id)});
  EXPECT_TRUE(Comes("late Failure: alarm eu-1/web is ALARM: Down firing"));
  MetricSource other = source;
  other.heartbeat_s = 7;
  sources_->Configure({other}, {CheckOf("later", source.id)});  // begins without data
  EXPECT_EQ(sources_->Receive("eu-1/web", Notice("resolved", "other")).status, 200U);
  EXPECT_TRUE(Comes("later Success: alarm eu-1/web is OK: Down resolved"));
}

}  // namespace
}  // namespace holdfast::control

// Webhooks: what they send, and what targets that hang, fail or come back get of it.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "control/notify/event.h"
#include "control/notify/mass.h"
#include "control/notify/webhooks.h"
#include "tests/control/http_kit.h"

namespace holdfast::control {
namespace {

using namespace testing;
using nlohmann::json;
using ::testing::HasSubstr;

const Sender kSender{.node = "ns1", .started_ms = 1763820000000};

Event Down() {
  return {.kind = Event::Kind::kTransition,
          .id = "web-1",
          .name = "first web server",
          .type = "HTTP",
          .was = "healthy",
          .is = "unhealthy",
          .reason = "Failure: \"x\"\xff",
          .time_ms = 1763820001234};
}

TEST(EventBody, SaysWhatAndWhenAndWhichOne) {
  const json body = json::parse(EventBody(Down(), kSender, 7));
  EXPECT_EQ(body,
            json({{"event", "transition"},
                  {"node", "ns1"},
                  {"started", "2025-11-22T14:00:00.000Z"},
                  {"sequence", 7},
                  {"time", "2025-11-22T14:00:01.234Z"},
                  {"id", "web-1"},
                  {"name", "first web server"},
                  {"type", "HTTP"},
                  {"old_status", "healthy"},
                  {"new_status", "unhealthy"},
                  {"reason", "Failure: \"x\"\xef\xbf\xbd"},
                  {"views", json::array()}}));
  Event nameless = Down();
  nameless.name.clear();
  EXPECT_TRUE(json::parse(EventBody(nameless, kSender, 1))["name"].is_null());
}

TEST(EventBody, SaysOfATransitionWhatEachCheckerSaw) {
  Event event = Down();
  event.views = {{.checker = "fra-1",
                  .region = "eu",
                  .side = health::State::kUnhealthy,
                  .age_ms = 12,
                  .reason = "Failure: \xff"},
                 {.checker = "local", .region = "", .age_ms = {}, .reason = ""}};
  const json body = json::parse(EventBody(event, kSender, 1));
  EXPECT_EQ(body["views"],
            json::array({{{"checker", "fra-1"},
                          {"region", "eu"},
                          {"side", "unhealthy"},
                          {"age_ms", 12},
                          {"reason", "Failure: \xef\xbf\xbd"}},
                         {{"checker", "local"},
                          {"region", ""},
                          {"side", "unknown"},
                          {"age_ms", nullptr},
                          {"reason", ""}}}));
  event.kind = Event::Kind::kLastResort;
  EXPECT_FALSE(json::parse(EventBody(event, kSender, 1)).contains("views"));
}

TEST(EventBody, SaysOfAMassWhatItCameTo) {
  Event event = Down();
  EXPECT_FALSE(json::parse(EventBody(event, kSender, 1)).contains("mass"));
  event.kind = Event::Kind::kMass;
  event.mass = {.changes = 5,
                .checks = 4,
                .unhealthy = 3,
                .rule_changes = 2,
                .at_last_resort = 1,
                .quorums_lost = 7,
                .quorums_regained = 6};
  EXPECT_EQ(json::parse(EventBody(event, kSender, 1))["mass"],
            json({{"changes", 5},
                  {"checks", 4},
                  {"unhealthy", 3},
                  {"rule_changes", 2},
                  {"at_last_resort", 1},
                  {"quorums_lost", 7},
                  {"quorums_regained", 6}}));
  event.mass->at_last_resort.reset();
  EXPECT_TRUE(json::parse(EventBody(event, kSender, 1))["mass"]["at_last_resort"].is_null());
}

TEST(EventBody, NamesEachKind) {
  Event event = Down();
  EXPECT_EQ(json::parse(EventBody(event, kSender, 1))["event"], "transition");
  event.kind = Event::Kind::kLastResort;
  EXPECT_EQ(json::parse(EventBody(event, kSender, 1))["event"], "last_resort");
  event.kind = Event::Kind::kQuorum;
  EXPECT_EQ(json::parse(EventBody(event, kSender, 1))["event"], "quorum");
}

TEST(EventBody, MayTravelAsSnsWouldSendIt) {
  const json body = json::parse(SnsBody(Down(), kSender, 7));
  EXPECT_EQ(body["Type"], "Notification");
  EXPECT_EQ(body["MessageId"], "ns1-1763820000000-7");
  EXPECT_EQ(body["Subject"], "web-1 is unhealthy");
  EXPECT_EQ(json::parse(body["Message"].get<std::string>())["sequence"], 7);
}

TEST(Signature, IsTheHmacOfTimeAndBody) {
  // printf '1763820001.{}' | openssl dgst -sha256 -hmac 0123456789abcdef
  EXPECT_EQ(SignatureHeader("0123456789abcdef", 1763820001, "{}"),
            "Holdfast-Signature: t=1763820001,v1="
            "ef751af667d1c00518939fa6f9d439bedc0754a13410d8cb8d56e7cc27c11483");
}

class WebhooksAlive : public ::testing::Test {
 protected:
  WebhooksAlive() {
    std::ofstream(secret_) << "0123456789abcdef\n";
    chmod(secret_.c_str(), 0600);
    auto made = HttpClient::Create();
    EXPECT_TRUE(made);
    client_ = std::move(*made);
  }
  ~WebhooksAlive() override {
    client_ = nullptr;
    std::remove(secret_.c_str());
  }
  void Make(const std::vector<std::string>& urls, WebhookLimits limits = {}) {
    limits.first_pause = milliseconds(20);
    limits.longest_pause = milliseconds(100);
    webhooks_ = std::make_unique<Webhooks>(*client_, kSender, limits);
    std::vector<WebhookConfig> configs;
    for (const std::string& url : urls) {
      configs.push_back({.url = url, .secret_file = secret_, .transitions = true});
    }
    webhooks_->Configure(configs, {{.id = "a", .name = "", .type = "TCP", .healthy = true}});
  }
  /// The check's status from now on.
  void Tell(bool healthy, const std::string& id = "a") {
    webhooks_->Tell(
        {{.check_id = id,
          .raw = healthy ? health::State::kHealthy : health::State::kUnhealthy,
          .healthy = healthy,
          .since_ms = 1763820001234,
          .reason = healthy ? "Success: x" : "Failure: x",
          .sides = {{.checker = "local",
                     .region = "",
                     .side = healthy ? health::State::kHealthy : health::State::kUnhealthy,
                     .age_ms = 3,
                     .reason = "x"}}}});
  }
  WebhookFigures Figures(std::size_t place = 0) {
    const auto all = webhooks_->Figures();
    return place < all.size() ? all[place] : WebhookFigures{};
  }
  static json BodyOf(const std::string& request) {
    return json::parse(request.substr(request.find("\r\n\r\n") + 4));
  }

  const std::string secret_ = ::testing::TempDir() + "hook-" + std::to_string(getpid());
  std::unique_ptr<Webhooks> webhooks_;
  std::unique_ptr<HttpClient> client_;
};

TEST_F(WebhooksAlive, TellChangesOfStatusInOrderAndSigned) {
  ScriptedTarget target([](const std::string&) { return ScriptedTarget::Reply(204); });
  Make({target.url() + "/hook"});
  Tell(true);  // no change: the verdict was made, the status stays
  Tell(false);
  Tell(false);
  Tell(false, "gone");
  Tell(true);
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures().delivered == 2; }));
  const auto requests = target.requests();
  ASSERT_EQ(requests.size(), 2U);
  const json first = BodyOf(requests[0]);
  EXPECT_EQ(first["sequence"], 1);
  EXPECT_EQ(first["old_status"], "healthy");
  EXPECT_EQ(first["new_status"], "unhealthy");
  EXPECT_EQ(first["reason"], "Failure: x");
  ASSERT_EQ(first["views"].size(), 1U);
  EXPECT_EQ(first["views"][0]["checker"], "local");
  EXPECT_EQ(first["views"][0]["side"], "unhealthy");
  EXPECT_EQ(BodyOf(requests[1])["sequence"], 2);
  EXPECT_EQ(BodyOf(requests[1])["new_status"], "healthy");
  EXPECT_THAT(requests[0], HasSubstr("POST /hook HTTP/1.1\r\n"));
  EXPECT_THAT(requests[0], HasSubstr("Content-Type: application/json\r\n"));
  const std::size_t at = requests[0].find("Holdfast-Signature: t=");
  ASSERT_NE(at, std::string::npos);
  const std::string header = requests[0].substr(at, requests[0].find("\r\n", at) - at);
  const std::int64_t time = std::stoll(header.substr(22));
  const std::string body = requests[0].substr(requests[0].find("\r\n\r\n") + 4);
  EXPECT_EQ(header, SignatureHeader("0123456789abcdef", time, body));
  EXPECT_EQ(Figures().target, "127.0.0.1:" + std::to_string(target.port()));
  EXPECT_EQ(Figures().waiting, 0U);
}

TEST_F(WebhooksAlive, RepeatUntilTheTargetTakesIt) {
  std::atomic<int> calls = 0;
  ScriptedTarget target([&](const std::string&) {
    return ++calls <= 3 ? ScriptedTarget::Reply(500) : ScriptedTarget::Reply(200);
  });
  Make({target.url()});
  Tell(false);
  Tell(true);
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures().delivered == 2; }));
  EXPECT_EQ(Figures().failed, 3U);
  EXPECT_EQ(Figures().dropped, 0U);
  EXPECT_EQ(Figures().problem, "");
  std::vector<int> sequence;
  for (const std::string& request : target.requests()) {
    sequence.push_back(BodyOf(request)["sequence"]);
  }
  EXPECT_EQ(sequence, (std::vector<int>{1, 1, 1, 1, 2}));
}

TEST_F(WebhooksAlive, DropTheOldestThatAreNotOnTheirWay) {
  ScriptedTarget hangs([](const std::string&) { return std::string(); });
  ScriptedTarget well([](const std::string&) { return ScriptedTarget::Reply(200); });
  WebhookLimits limits;
  limits.queue = 4;
  limits.timeout = milliseconds(60'000);
  Make({hangs.url(), well.url()}, limits);
  Tell(false);
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return hangs.requests().size() == 1; }));
  for (int i = 0; i < 9; ++i) {
    Tell(i % 2 == 0);
    // The other target is not held up by it.
    ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures(1).delivered == i + 2U; })) << i;
  }
  EXPECT_EQ(Figures().waiting, 4U);
  EXPECT_EQ(Figures().dropped, 6U);
  EXPECT_EQ(Figures().delivered, 0U);
  EXPECT_EQ(Figures(1).dropped, 0U);
}

class WebhooksInAMass : public WebhooksAlive {
 protected:
  static constexpr std::uint32_t kMost = 3;
  /// One target that takes all events, and `kMost` + 1 checks.
  void Make(const std::string& url, std::size_t queue = 1024) {
    WebhookLimits limits;
    limits.queue = queue;
    limits.first_pause = milliseconds(20);
    limits.longest_pause = milliseconds(100);
    webhooks_ = std::make_unique<Webhooks>(*client_, kSender, limits);
    std::vector<CheckWords> checks;
    for (std::uint32_t i = 0; i <= kMost; ++i) {
      checks.push_back({.id = std::to_string(i), .name = "", .type = "TCP", .healthy = true});
    }
    webhooks_->Configure(
        {{.url = url, .secret_file = secret_, .transitions = true, .last_resort = true}},
        checks,
        kMost);
  }
  void Fail() {
    for (std::uint32_t i = 0; i <= kMost; ++i) {
      Tell(false, std::to_string(i));
    }
  }
  void Rules(std::size_t count, std::size_t lost = 0) {
    webhooks_->SetAtLastResort(count + lost);
    std::vector<Event> events;
    for (std::size_t i = 0; i < count; ++i) {
      events.push_back({.kind = Event::Kind::kLastResort,
                        .id = std::to_string(i) + ". A",
                        .name = "",
                        .type = "A",
                        .was = "normal",
                        .is = "last_resort",
                        .reason = "",
                        .time_ms = 1});
    }
    webhooks_->Tell(std::move(events), Event::Kind::kLastResort, lost);
  }
};

TEST_F(WebhooksInAMass, TellItOnceAndNotWhatFollowsFromIt) {
  ScriptedTarget target([](const std::string&) { return ScriptedTarget::Reply(200); });
  Make(target.url());
  Fail();
  Rules(1024, 976);
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures().delivered == 1; }));
  EXPECT_TRUE(webhooks_->mass());
  Rules(500);
  std::this_thread::sleep_for(2 * MassGate::kHold);
  EXPECT_EQ(Figures().delivered, 1U);
  EXPECT_EQ(Figures().dropped, 0U);
  const json body = BodyOf(target.requests().at(0));
  EXPECT_EQ(body["event"], "mass");
  EXPECT_EQ(body["mass"]["changes"], kMost + 1);
  EXPECT_EQ(body["mass"]["rule_changes"], 2000);
  EXPECT_EQ(body["mass"]["at_last_resort"], 2000);
}

TEST_F(WebhooksInAMass, DropEverythingElseBeforeIt) {
  std::atomic<bool> well = false;
  std::mutex mutex;
  std::vector<std::string> taken;
  ScriptedTarget target([&](const std::string& request) {
    if (!well) {
      return ScriptedTarget::Reply(503);
    }
    const std::lock_guard lock(mutex);
    const json body = BodyOf(request);
    taken.push_back(body["event"].get<std::string>() + " " + body["new_status"].get<std::string>());
    return ScriptedTarget::Reply(200);
  });
  Make(target.url(), 4);
  Rules(2);  // before it: told one by one
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures().waiting == 2; }));
  Fail();
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures().waiting == 3; }));
  // Its end, after its window; what comes then is told one by one again.
  ASSERT_TRUE(Within(milliseconds(20'000), [&] { return Figures().waiting == 4; }));
  Rules(40);
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures().dropped == 40; }));
  well = true;
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures().waiting == 0; }));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(std::ranges::count(taken, "mass mass"), 1);
  EXPECT_EQ(std::ranges::count(taken, "mass normal"), 1);
  EXPECT_EQ(std::ranges::count(taken, "last_resort last_resort"), 2);
}

TEST_F(WebhooksAlive, KeepTheirQueueWhenTheyStayTheSame) {
  std::atomic<bool> well = false;
  ScriptedTarget target(
      [&](const std::string&) { return ScriptedTarget::Reply(well ? 200 : 503); });
  Make({target.url()});
  Tell(false);
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures().failed >= 1; }));
  EXPECT_EQ(Figures().problem, "HTTP status 503");
  webhooks_->Configure(
      {{.url = target.url(), .secret_file = secret_, .transitions = true, .place = "elsewhere"}},
      {{.id = "a", .name = "", .type = "TCP", .healthy = true}});
  well = true;
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures().delivered == 1; }));
  Tell(false);  // known: the status that a load brings is not newer than what was told
  Tell(true);
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures().delivered == 2; }));
  EXPECT_EQ(BodyOf(target.requests().back())["sequence"], 2);
}

TEST_F(WebhooksAlive, KeepTheirQueueWhenAReloadChangesAnythingButTheirUrl) {
  std::atomic<bool> well = false;
  const auto reply = [&](const std::string&) { return ScriptedTarget::Reply(well ? 200 : 503); };
  ScriptedTarget target(reply);
  ScriptedTarget twin(reply);
  Make({target.url(), twin.url()});
  Tell(false);
  Tell(true);
  ASSERT_TRUE(Within(milliseconds(5000), [&] {
    return Figures(0).waiting == 2 && Figures(1).waiting == 2 && Figures(0).failed >= 1;
  }));
  // The other way round, and one of them otherwise.
  webhooks_->Configure(
      {{.url = twin.url(), .secret_file = secret_, .transitions = true},
       {.url = target.url(), .secret_file = secret_, .last_resort = true, .sns_envelope = true}},
      {{.id = "a", .name = "", .type = "TCP", .healthy = true}});
  well = true;
  ASSERT_TRUE(Within(milliseconds(5000),
                     [&] { return Figures(0).delivered == 2 && Figures(1).delivered == 2; }));
  EXPECT_EQ(Figures(1).target, "127.0.0.1:" + std::to_string(target.port()));
  EXPECT_THAT(target.requests().back(), HasSubstr("x-amz-sns-message-type: Notification\r\n"));
  EXPECT_EQ(json::parse(BodyOf(target.requests().back())["Message"].get<std::string>())["sequence"],
            2);
  EXPECT_EQ(webhooks_->dropped_with_removed(), 0U);
}

TEST_F(WebhooksAlive, CountWhatWaitedForATargetThatAReloadTakesAway) {
  ScriptedTarget down([](const std::string&) { return ScriptedTarget::Reply(503); });
  ScriptedTarget well([](const std::string&) { return ScriptedTarget::Reply(200); });
  Make({down.url()});
  Tell(false);
  Tell(true);
  Tell(false);
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures().waiting == 3; }));
  webhooks_->Configure({{.url = well.url(), .secret_file = secret_, .transitions = true}},
                       {{.id = "a", .name = "", .type = "TCP", .healthy = true}});
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return webhooks_->dropped_with_removed() == 3; }));
  EXPECT_EQ(Figures().waiting, 0U);
  webhooks_->Configure({}, {});
  Tell(true);
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return webhooks_->Figures().empty(); }));
  EXPECT_EQ(webhooks_->dropped_with_removed(), 3U);
}

TEST_F(WebhooksAlive, CountWhatTheirThreadNeverSaw) {
  ScriptedTarget target([](const std::string&) { return ScriptedTarget::Reply(200); });
  WebhookLimits limits;
  limits.handed_over = 3;
  Make({target.url()}, limits);
  webhooks_->Tell(std::vector<health::Transition>(4));
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures().dropped == 4; }));
  Tell(false);
  ASSERT_TRUE(Within(milliseconds(5000), [&] { return Figures().delivered == 1; }));
  EXPECT_EQ(BodyOf(target.requests().at(0))["sequence"], 5);  // the gap says so
}

TEST_F(WebhooksAlive, TellEachTargetTheEventsThatItWants) {
  ScriptedTarget all([](const std::string&) { return ScriptedTarget::Reply(200); });
  ScriptedTarget rules([](const std::string&) { return ScriptedTarget::Reply(200); });
  Make({});
  webhooks_->Configure(
      {{.url = all.url(), .secret_file = secret_, .transitions = true, .last_resort = true},
       {.url = rules.url(), .secret_file = secret_, .last_resort = true, .sns_envelope = true}},
      {{.id = "a", .name = "first", .type = "TCP", .healthy = true}});
  Tell(false);
  webhooks_->Tell(std::vector<Event>{{.kind = Event::Kind::kLastResort,
                                      .id = "www.example.test. A",
                                      .name = "",
                                      .type = "A",
                                      .was = "normal",
                                      .is = "last_resort",
                                      .reason = "no member is healthy",
                                      .time_ms = 1}},
                  Event::Kind::kLastResort,
                  7);
  ASSERT_TRUE(Within(milliseconds(5000),
                     [&] { return Figures(0).delivered == 2 && Figures(1).delivered == 1; }));
  EXPECT_EQ(Figures(0).dropped, 7U);
  EXPECT_EQ(Figures(1).dropped, 7U);
  EXPECT_EQ(BodyOf(all.requests().at(0))["name"], "first");
  EXPECT_EQ(BodyOf(all.requests().at(1))["event"], "last_resort");
  EXPECT_THAT(rules.requests().at(0), HasSubstr("x-amz-sns-message-type: Notification\r\n"));
  EXPECT_EQ(BodyOf(rules.requests().at(0))["Type"], "Notification");
}

}  // namespace
}  // namespace holdfast::control

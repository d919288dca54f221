// The client against servers that answer, hang, flood or are not there.
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "control/http/client.h"
#include "tests/control/http_kit.h"

namespace holdfast::control {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::unique_ptr<HttpClient> Make() {
  auto made = HttpClient::Create();
  EXPECT_TRUE(made) << made.error().message;
  return std::move(*made);
}

Result<HttpAnswer> Ask(HttpClient& client, const HttpCall& call) {
  auto said = std::make_shared<std::promise<Result<HttpAnswer>>>();
  auto answer = said->get_future();
  client.Post([&client, call, said] {
    client.Send(call, [said](Result<HttpAnswer> got) { said->set_value(std::move(got)); });
  });
  EXPECT_EQ(answer.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  return answer.get();
}

TEST(HttpClient, PostsAndReadsTheAnswer) {
  ScriptedTarget target([](const std::string&) { return ScriptedTarget::Reply(418, "tea"); });
  const auto client = Make();
  const auto answer = Ask(*client,
                          {.url = target.url() + "/x?y=1",
                           .headers = {"Content-Type: text/x", "X-More: 1"},
                           .body = "hello"});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 418);
  EXPECT_EQ(answer->body, "tea");
  const std::string request = target.requests().at(0);
  EXPECT_THAT(request, StartsWith("POST /x?y=1 HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Content-Type: text/x\r\n"));
  EXPECT_THAT(request, HasSubstr("User-Agent: Holdfast/"));
  EXPECT_THAT(request, ::testing::EndsWith("\r\n\r\nhello"));
}

TEST(HttpClient, FollowsNoRedirect) {
  ScriptedTarget target([](const std::string&) {
    return std::string("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
  });
  const auto client = Make();
  const auto answer = Ask(*client, {.url = target.url()});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(target.requests().size(), 1U);
}

TEST(HttpClient, RefusesWhatItShouldNotReadOrReach) {
  ScriptedTarget large(
      [](const std::string&) { return ScriptedTarget::Reply(200, std::string(70'000, 'x')); });
  ScriptedTarget header([](const std::string&) {
    return "HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n";
  });
  const auto client = Make();
  const auto too_large = Ask(*client, {.url = large.url()});
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().message, "the reply is larger than 65536 octets");
  EXPECT_FALSE(Ask(*client, {.url = header.url()}));
  EXPECT_FALSE(Ask(*client, {.url = "file:///etc/hostname"}));
  const auto nobody = Ask(*client, {.url = "http://127.0.0.1:" + std::to_string(FreePort())});
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, ErrorCode::kUnavailable);
}

TEST(HttpClient, WaitsForNoCallWithAnother) {
  ScriptedTarget hangs([](const std::string&) { return std::string(); });
  ScriptedTarget quick([](const std::string&) { return ScriptedTarget::Reply(200); });
  const auto client = Make();
  auto late = std::make_shared<std::promise<std::string>>();
  auto ended = late->get_future();
  client->Post([&client, &hangs, late] {
    client->Send({.url = hangs.url(), .timeout = milliseconds(500)},
                 [late](Result<HttpAnswer> got) { late->set_value(got.error().message); });
  });
  const auto began = Clock::now();
  EXPECT_TRUE(Ask(*client, {.url = quick.url()}));
  EXPECT_LT(Clock::now() - began, milliseconds(450));
  EXPECT_THAT(ended.get(), HasSubstr("Timeout"));
}

TEST(HttpClient, EndsWithCallsAndWorkUnderWay) {
  ScriptedTarget hangs([](const std::string&) { return std::string(); });
  auto client = Make();
  bool called = false;
  client->Post([&] {
    client->Send({.url = hangs.url()}, [&](const Result<HttpAnswer>&) { called = true; });
    client->After(std::chrono::hours(1), [&] { called = true; });
  });
  ASSERT_TRUE(Within(milliseconds(3000), [&] { return hangs.requests().size() == 1; }));
  const auto began = Clock::now();
  client = nullptr;
  EXPECT_LT(Clock::now() - began, milliseconds(1000));
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace holdfast::control

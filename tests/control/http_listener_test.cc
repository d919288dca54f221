// The listener against clients that behave and clients that do not, on real sockets.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "control/http/listener.h"
#include "tests/control/http_kit.h"

namespace holdfast::control {
namespace {

using namespace testing;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kToken = "a-token-of-this-node";

class Listener : public ::testing::Test {
 protected:
  void Start(const HttpLimits& limits = {}, const std::string& token = kToken) {
    port_ = FreePort();
    std::vector<HttpRoute> routes{
        {.path = "/metrics",
         .handle = [](std::string_view,
                      const std::string&) { return Sentence(200, std::string(5000, 'm')); }},
        {.method = HttpRoute::Method::kPost,
         .path = "/v1/alerts/",
         .guarded = true,
         .handle =
             [this](std::string_view rest, const std::string& body) {
               if (body == "throw") {
                 throw std::runtime_error("planted");
               }
               posted_.push_back(std::string(rest) + "=" + body);
               return Sentence(200, "taken");
             }},
        {.method = HttpRoute::Method::kPost,
         .path = "/own/",
         .permits = [](std::string_view rest,
                       std::string_view given) { return rest == "a" && given == "secret-of-a"; },
         .body_octets = 10,
         .handle =
             [this](std::string_view rest, const std::string& body) {
               posted_.push_back(std::string(rest) + "=" + body);
               return Sentence(200, "taken");
             }}};
    auto started =
        HttpListener::Start({.listen = {{.address = "127.0.0.1", .port = port_}}, .token_file = ""},
                            token,
                            std::move(routes),
                            limits);
    ASSERT_TRUE(started) << started.error().message;
    listener_ = std::move(*started);
  }
  /// The whole of what one request gets; the connection is one of its own.
  std::string Ask(const std::string& request) {
    Caller caller(port_);
    EXPECT_TRUE(caller.Send(request));
    std::string got = caller.Read(milliseconds(3000));
    EXPECT_TRUE(caller.closed()) << request;
    return got;
  }
  std::string Post(const std::string& path,
                   const std::string& body,
                   const std::string& headers = std::string("Authorization: Bearer ") + kToken +
                                                "\r\nContent-Type: application/json\r\n") {
    return Ask("POST " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers +
               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  std::uint16_t port_ = 0;
  std::vector<std::string> posted_;
  std::unique_ptr<HttpListener> listener_;
};

TEST_F(Listener, AnswersAndKeepsTheConnection) {
  Start();
  Caller caller(port_);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(caller.Send("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"));
    const std::string got = caller.Read(milliseconds(3000), "m\n");
    EXPECT_THAT(got, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(got, HasSubstr("Content-Length: 5001\r\n"));
    EXPECT_FALSE(caller.closed());
  }
  // Two at once, and a HEAD, whose reply has no body.
  ASSERT_TRUE(caller.Send(
      "GET /metrics HTTP/1.1\r\n\r\nHEAD /metrics HTTP/1.1\r\nConnection: close\r\n\r\n"));
  const std::string got = caller.Read(milliseconds(3000));
  EXPECT_TRUE(caller.closed());
  EXPECT_EQ(std::ranges::count(got, 'm'), 5000);
  EXPECT_THAT(got, EndsWith("\r\n\r\n"));
}

TEST_F(Listener, TakesWhatIsPostedByWhoMay) {
  Start();
  EXPECT_THAT(Post("/v1/alerts/eu-1/load%20of%20web", "{}"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Post("/v1/alerts/a/b", std::string(256 * 1024, 'x')), StartsWith("HTTP/1.1 200"));
  ASSERT_EQ(posted_.size(), 2U);
  EXPECT_EQ(posted_[0], "eu-1/load of web={}");
  EXPECT_EQ(posted_[1].size(), 256U * 1024 + 4);
}

TEST_F(Listener, SaysWhatIsWrongWithARequest) {
  Start();
  const std::string json = "Content-Type: application/json\r\n";
  const std::string bearer = std::string("Authorization: Bearer ") + kToken + "\r\n";
  const std::vector<std::pair<std::string, const char*>> table{
      {Ask("nonsense\r\n\r\n"), "HTTP/1.1 400 "},
      {Ask("GET /metrics HTTP/9.1\r\n\r\n"), "HTTP/1.1 400 "},
      {Ask("GET /metrics HTTP/1.1\r\nno colon\r\n\r\n"), "HTTP/1.1 400 "},
      {Ask("GET /metr%zzics HTTP/1.1\r\nConnection: close\r\n\r\n"), "HTTP/1.1 400 "},
      {Ask("GET /metrics%00 HTTP/1.1\r\nConnection: close\r\n\r\n"), "HTTP/1.1 400 "},
      {Ask("GET http://x/metrics HTTP/1.1\r\nConnection: close\r\n\r\n"), "HTTP/1.1 400 "},
      {Ask("GET /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"), "HTTP/1.1 400 "},
      {Ask("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"), "HTTP/1.1 404 "},
      {Ask("GET /metrics/ HTTP/1.1\r\nConnection: close\r\n\r\n"), "HTTP/1.1 404 "},
      {Post("/metrics", "{}"), "HTTP/1.1 405 "},
      {Ask("GET /v1/alerts/a/b HTTP/1.1\r\nConnection: close\r\n\r\n"), "HTTP/1.1 405 "},
      {Ask("OPTIONS /v1/alerts/a/b HTTP/1.1\r\nConnection: close\r\n\r\n"), "HTTP/1.1 405 "},
      {Post("/v1/alerts/a/b", "{}", json), "HTTP/1.1 401 "},
      {Post("/v1/alerts/a/b", "{}", json + "Authorization: Bearer a-token-of-this-nodf\r\n"),
       "HTTP/1.1 401 "},
      {Post("/v1/alerts/a/b", "{}", json + "Authorization: Bearer a-token-of-this-nod\r\n"),
       "HTTP/1.1 401 "},
      {Post("/v1/alerts/a/b", "{}", json + "Authorization: Bearer \r\n"), "HTTP/1.1 401 "},
      {Post("/v1/alerts/a/b", "{}", json + "Authorization: Basic " + kToken + "\r\n"),
       "HTTP/1.1 401 "},
      {Post("/v1/alerts/a/b", "{}", bearer), "HTTP/1.1 415 "},
      {Post("/v1/alerts/a/b", "{}", bearer + "Content-Type: text/plain\r\n"), "HTTP/1.1 415 "},
      {Post("/v1/alerts/a/b", "{}", bearer + json + "Expect: 100-continue\r\n"), "HTTP/1.1 417 "},
      {Post("/v1/alerts/a/b", std::string(256 * 1024 + 1, 'x')), "HTTP/1.1 413 "},
      {Post("/v1/alerts/a/b", std::string(700 * 1024, 'x')), "HTTP/1.1 413 "},
      {Ask("GET /metrics HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"), "HTTP/1.1 431 "},
      {Post("/v1/alerts/a/b", "throw"), "HTTP/1.1 500 "},
  };
  for (const auto& [got, wanted] : table) {
    EXPECT_THAT(got, StartsWith(wanted)) << &got - &table[0].first;
    EXPECT_THAT(got, HasSubstr("\r\nConnection: close\r\n"));
  }
  EXPECT_THAT(table[9].first, HasSubstr("Allow: GET, HEAD\r\n"));
  EXPECT_THAT(table[10].first, HasSubstr("Allow: POST\r\n"));
  EXPECT_THAT(table[12].first, HasSubstr("WWW-Authenticate: Bearer\r\n"));
  EXPECT_TRUE(posted_.empty());
  // And it goes on.
  EXPECT_THAT(Post("/v1/alerts/a/b", "{}"), StartsWith("HTTP/1.1 200"));
}

TEST_F(Listener, AsksForTheSecretOfAPathThatHasItsOwn) {
  Start();
  const std::string mine = "Authorization: Bearer secret-of-a\r\n";
  EXPECT_THAT(Post("/own/a", "", mine), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Post("/own/a", "0123456789", mine), StartsWith("HTTP/1.1 200"));  // of any type
  EXPECT_THAT(Post("/own/a", "01234567890", mine), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Ask("POST /own/a HTTP/1.1\r\nConnection: close\r\n" + mine +
                  "Transfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n6\r\n012345\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Ask("POST /own/a HTTP/1.1\r\nConnection: close\r\n" + mine + "\r\n"),
              StartsWith("HTTP/1.1 200"));
  const std::string wrong = Post("/own/a", "", "Authorization: Bearer secret-of-b\r\n");
  EXPECT_THAT(wrong, StartsWith("HTTP/1.1 403"));
  // A path that there is not is refused alike.
  EXPECT_EQ(Post("/own/b", "", mine), wrong);
  EXPECT_EQ(Post("/own/a", "", std::string("Authorization: Bearer ") + kToken + "\r\n"), wrong);
  EXPECT_EQ(Post("/own/a", "", ""), wrong);
  EXPECT_EQ(posted_, (std::vector<std::string>{"a=", "a=0123456789", "a="}));
}

TEST_F(Listener, TakesPostsWithoutATokenWhereThereIsNone) {
  Start({}, "");
  EXPECT_THAT(Post("/v1/alerts/a/b", "{}", "Content-Type: application/json; charset=utf-8\r\n"),
              StartsWith("HTTP/1.1 200"));
}

TEST_F(Listener, EndsWhoIsTooSlowAtEachStage) {
  const milliseconds least(60);
  Start({.header = milliseconds(80), .body = milliseconds(80), .idle = milliseconds(80)});
  const std::string head = std::string("POST /v1/alerts/a/b HTTP/1.1\r\nAuthorization: Bearer ") +
                           kToken + "\r\nContent-Type: application/json\r\n";
  for (const std::string& begin :
       {std::string(), std::string("GET /met"), head + "Content-Length: 5\r\n\r\nab"}) {
    Caller caller(port_);
    const auto began = Clock::now();
    ASSERT_TRUE(caller.Send(begin));
    EXPECT_EQ(caller.Read(milliseconds(3000)), "");
    EXPECT_TRUE(caller.closed());
    EXPECT_GE(Clock::now() - began, least) << begin;
    EXPECT_LE(Clock::now() - began, milliseconds(2500)) << begin;
  }
  // An octet now and then wins no time.
  Caller caller(port_);
  const auto began = Clock::now();
  while (caller.Send("x") && Clock::now() - began < milliseconds(3000)) {
    usleep(20'000);
  }
  EXPECT_LE(Clock::now() - began, milliseconds(2500));
}

TEST_F(Listener, MakesRoomForNewOnesAtItsBound) {
  Start({.connections = 8});
  std::vector<std::unique_ptr<Caller>> idle;
  for (int i = 0; i < 40; ++i) {
    idle.push_back(std::make_unique<Caller>(port_));
    ASSERT_TRUE(idle.back()->connected());
    // Served once, so that it is known to be there.
    ASSERT_TRUE(idle.back()->Send("GET /metrics HTTP/1.1\r\n\r\n"));
    EXPECT_THAT(idle.back()->Read(milliseconds(3000), "m\n"), StartsWith("HTTP/1.1 200")) << i;
  }
  int open = 0;
  for (const auto& caller : idle) {
    (void)caller->Read(milliseconds(10));
    open += caller->closed() ? 0 : 1;
  }
  EXPECT_LE(open, 8);
  EXPECT_GE(open, 7);
  EXPECT_FALSE(idle.back()->closed());
}

TEST_F(Listener, ClosesNewOnesWhileAllAreBusy) {
  Start({.connections = 4});
  std::vector<std::unique_ptr<Caller>> busy;
  for (int i = 0; i < 4; ++i) {
    busy.push_back(std::make_unique<Caller>(port_));
    ASSERT_TRUE(busy.back()->Send("GET /me"));
  }
  usleep(50'000);
  Caller late(port_);
  (void)late.Send("GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_EQ(late.Read(milliseconds(3000)), "");
  EXPECT_TRUE(late.closed());
  ASSERT_TRUE(busy[0]->Send("trics HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(busy[0]->Read(milliseconds(3000), "m\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(Listener, SaysWhichAddressCannotBeHad) {
  Start();
  const auto second = HttpListener::Start(
      {.listen = {{.address = "127.0.0.1", .port = port_}}, .token_file = ""}, "", {});
  ASSERT_FALSE(second);
  EXPECT_EQ(
      second.error().message,
      "[http] cannot listen on 127.0.0.1:" + std::to_string(port_) + ": Address already in use");
}

TEST_F(Listener, EndsWithConnectionsOpen) {
  Start();
  Caller idle(port_);
  Caller half(port_);
  ASSERT_TRUE(half.Send("GET /met"));
  listener_ = nullptr;
  (void)idle.Read(milliseconds(3000));
  EXPECT_TRUE(idle.closed());
}

}  // namespace
}  // namespace holdfast::control

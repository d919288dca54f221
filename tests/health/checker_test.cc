// The checker against real servers: what it shares, what it counts, and what it believes of itself
// when its own uplink is gone.
#include "health/checker/checker.h"

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/health/probe_run.h"
#include "tests/health/scripted_server.h"

namespace holdfast::health {
namespace {

using std::chrono::milliseconds;
using testing::Answer;
using testing::LoopbackCheck;
using testing::ScriptedServer;

/// Takes TCP connections as long as it lives: the kernel does.
class Listener {
 public:
  explicit Listener(std::uint16_t port = 0) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    socklen_t octets = sizeof(address);
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), octets), 0);
    EXPECT_EQ(listen(fd_, 4096), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &octets);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { close(fd_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  int fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::uint16_t port_ = 0;
};

class Watching : public ::testing::Test {
 protected:
  std::unique_ptr<Checker> Make(CheckerOptions options = {}) {
    options.resolvers = "127.0.0.1:1";
    options.targets = testing::Loopback();
    auto made = Checker::Create(std::move(options), [this](const Report& report) {
      const std::lock_guard lock(mutex_);
      reports_[report.slot].push_back(report);
    });
    EXPECT_TRUE(made.has_value()) << made.error().message;
    return std::move(*made);
  }
  std::vector<Report> Of(std::uint32_t slot) {
    const std::lock_guard lock(mutex_);
    return reports_[slot];
  }
  bool Says(std::uint32_t slot, State side) {
    return Within([&] {
      const auto reports = Of(slot);
      return !reports.empty() && reports.back().side == side;
    });
  }
  template <class Condition>
  static bool Within(Condition holds) {
    const auto until = std::chrono::steady_clock::now() + milliseconds(5000);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > until) {
        return false;
      }
      usleep(2000);
    }
    return true;
  }
  static CheckConfig Fast(const std::string& id, std::uint16_t port) {
    CheckConfig check = LoopbackCheck(CheckType::kTcp, port);
    check.id = id;
    check.interval = Milliseconds(50);
    check.connect_timeout = Milliseconds(500);
    check.healthy_threshold = check.unhealthy_threshold = 2;
    check.jitter_percent = 0;
    return check;
  }
  static std::string Target(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

 private:
  std::mutex mutex_;
  std::map<std::uint32_t, std::vector<Report>> reports_;
};

TEST_F(Watching, ProbesOnceWhatSeveralChecksLookAtAndCountsForEach) {
  Listener server;
  const auto checker = Make();
  CheckConfig patient = Fast("b", server.port());
  patient.healthy_threshold = 4;
  patient.inverted = true;
  CheckConfig slower = Fast("c", server.port());
  slower.interval = Milliseconds(60);
  ASSERT_TRUE(checker->Assign({{0, 1, Fast("a", server.port())}, {1, 2, patient}, {2, 3, slower}}));
  EXPECT_EQ(checker->targets(), 2U);
  ASSERT_TRUE(checker->Start());
  EXPECT_TRUE(Says(0, State::kHealthy));
  EXPECT_TRUE(Says(1, State::kHealthy));
  checker->Stop();
  const auto a = Of(0);
  const auto b = Of(1);
  ASSERT_GE(a.size(), 4U);
  ASSERT_GE(b.size(), 4U);
  for (std::size_t n = 0; n < 4; ++n) {  // the same observation, each with its own threshold
    EXPECT_EQ(a[n].seen.at_ns, b[n].seen.at_ns);
    EXPECT_EQ(a[n].side, n >= 1 ? State::kHealthy : State::kUnknown);
    EXPECT_EQ(b[n].side, n >= 3 ? State::kHealthy : State::kUnknown);
  }
  EXPECT_EQ(a[0].version, 1U);
  EXPECT_EQ(b[0].version, 2U);
}

TEST_F(Watching, TakesAnotherRhythmOrOriginForAnotherTarget) {
  Listener server;
  const auto checker = Make();
  CheckConfig usual = Fast("a", server.port());
  CheckConfig on_grid = Fast("b", server.port());
  on_grid.fixed_rate = true;
  CheckConfig from_there = Fast("c", server.port());
  from_there.origin = Origin{.source_address = "127.0.0.2"};
  CheckConfig from_nowhere = Fast("d", server.port());
  from_nowhere.origin = Origin{.source_address = "192.0.2.1"};
  ASSERT_TRUE(checker->Assign(
      {{0, 1, usual}, {1, 2, on_grid}, {2, 3, from_there}, {3, 4, from_nowhere}, {4, 5, on_grid}}));
  EXPECT_EQ(checker->targets(), 4U);
  ASSERT_TRUE(checker->Start());
  for (const std::uint32_t slot : {0U, 1U, 2U, 4U}) {
    EXPECT_TRUE(Says(slot, State::kHealthy)) << slot;
  }
  ASSERT_TRUE(Within([&] { return Of(3).size() >= 5; }));  // more than twice the threshold
  for (const Report& report : Of(3)) {
    EXPECT_EQ(report.side, State::kUnknown) << report.seen.reason;
  }
}

TEST_F(Watching, SearchesForManyStringsAndProbesOnWhileMoreAreAdded) {
  ScriptedServer server(Answer(testing::Response(200, "it is holdfast here")));
  const auto match = [&server](const std::string& id, const std::string& text) {
    CheckConfig check = Fast(id, server.port());
    check.type = CheckType::kHttpStrMatch;
    check.search_string = text;
    check.response_timeout = check.body_timeout = Milliseconds(5000);
    return check;
  };
  const auto checker = Make();
  // A prefix, the same in two checks (one of them slower, so a target of its own), and a stranger.
  CheckConfig again = match("c", "holdfast");
  again.interval = Milliseconds(60);
  std::vector<Assignment> checks{{0, 1, match("a", "hold")},
                                 {1, 2, match("b", "holdfast")},
                                 {2, 3, again},
                                 {3, 4, match("d", "holdfaster")}};
  ASSERT_TRUE(checker->Assign(checks));
  EXPECT_EQ(checker->targets(), 4U);
  ASSERT_TRUE(checker->Start());
  for (const std::uint32_t slot : {0U, 1U, 2U}) {
    EXPECT_TRUE(Says(slot, State::kHealthy)) << slot;
  }
  EXPECT_TRUE(Says(3, State::kUnhealthy));
  // A thousand more; those that were there go on while they are compiled, and after.
  for (std::uint32_t n = 0; n < 1000; ++n) {
    CheckConfig slow = match("x" + std::to_string(n), "holdfast number " + std::to_string(n));
    slow.interval = Milliseconds(300'000);
    slow.port = 1;
    checks.push_back({4 + n, 5, slow});
  }
  const auto before = Of(0).size();
  const auto from = std::chrono::steady_clock::now();
  ASSERT_TRUE(checker->Assign(checks));
  const auto took = std::chrono::steady_clock::now() - from;
  std::printf("1,000 checks with strings of their own added in %.0f ms, %zu probes meanwhile\n",
              std::chrono::duration<double, std::milli>(took).count(),
              Of(0).size() - before);
  ASSERT_TRUE(Within([&] { return Of(0).size() > before + 4 && Of(3).size() > before; }));
  for (const std::uint32_t slot : {0U, 1U, 2U}) {
    for (const Report& report : Of(slot)) {
      EXPECT_NE(report.seen.outcome, Outcome::kFail) << report.seen.reason;
    }
  }
  EXPECT_EQ(Of(3).back().side, State::kUnhealthy);
  checks.resize(1);
  ASSERT_TRUE(checker->Assign(checks));
  const auto alone = Of(0).size();
  ASSERT_TRUE(Within([&] { return Of(0).size() > alone + 2; }));
  EXPECT_EQ(Of(0).back().side, State::kHealthy);
}

TEST_F(Watching, WaitsForNoStringsThatAreCompiled) {
  ScriptedServer server(Answer(testing::Response(200, "it is holdfast here")));
  const auto match = [](const std::string& id, const std::string& text, std::uint16_t port) {
    CheckConfig check = Fast(id, port);
    check.type = CheckType::kHttpStrMatch;
    check.search_string = text;
    check.response_timeout = check.body_timeout = Milliseconds(5000);
    return check;
  };
  const auto took_ms = [](auto assign) {
    const auto from = std::chrono::steady_clock::now();
    EXPECT_TRUE(assign());
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - from)
        .count();
  };
  const auto checker = Make();
  std::vector<Assignment> checks{{0, 1, match("old", "holdfast", server.port())}};
  ASSERT_TRUE(checker->Assign(checks));
  ASSERT_TRUE(checker->Start());
  ASSERT_TRUE(Says(0, State::kHealthy));
  checks.push_back({1, 2, match("new", "fast here", server.port())});
  for (std::uint32_t n = 0; n < 10'000; ++n) {  // nobody is there; each is probed once
    CheckConfig slow = match("x", "some string of number " + std::to_string(n * 7919), 1);
    slow.resource_path = "/" + std::to_string(n);  // a target of its own
    slow.interval = Milliseconds(300'000);
    checks.push_back({2 + n, 3, slow});
  }
  const auto from = std::chrono::steady_clock::now();
  const double first_ms = took_ms([&] { return checker->Assign(checks); });
  const auto before = Of(0).size();
  // Another one meanwhile, with a check that searches for nothing and one more string.
  checks.push_back({20'000, 4, Fast("plain", server.port())});
  checks.push_back({20'001, 5, match("newer", "it is", server.port())});
  const double second_ms = took_ms([&] { return checker->Assign(checks); });
  EXPECT_TRUE(Of(1).empty());
  EXPECT_TRUE(Says(20'000, State::kHealthy)) << "needs no string";
  EXPECT_TRUE(Of(1).empty()) << "its string is being compiled";
  EXPECT_TRUE(Within([&] { return Of(0).size() > before + 2; }));
  const auto until = from + std::chrono::seconds(120);  // of a sanitizer
  while ((Of(1).empty() || Of(20'001).empty()) && std::chrono::steady_clock::now() < until) {
    usleep(5000);
  }
  const std::chrono::duration<double, std::milli> compiled =
      std::chrono::steady_clock::now() - from;
  std::printf(
      "10,000 strings: Assign %.0f and %.0f ms, compiled twice in %.0f ms, %zu probes "
      "meanwhile\n",
      first_ms,
      second_ms,
      compiled.count(),
      Of(0).size() - before);
  EXPECT_LT(first_ms + second_ms, compiled.count() / 2);
  for (const std::uint32_t slot : {0U, 1U, 20'001U}) {
    EXPECT_TRUE(Says(slot, State::kHealthy)) << slot;
    for (const Report& report : Of(slot)) {
      EXPECT_NE(report.seen.outcome, Outcome::kFail) << slot << report.seen.reason;
    }
  }
}

TEST_F(Watching, KeepsASideWhileTheNewStringIsCompiled) {
  ScriptedServer server(Answer(testing::Response(200, "it is holdfast here")));
  CheckConfig check = Fast("web", server.port());
  check.type = CheckType::kHttpStrMatch;
  check.search_string = "holdfast";
  check.healthy_threshold = 1;
  check.response_timeout = check.body_timeout = Milliseconds(5000);
  const auto checker = Make();
  ASSERT_TRUE(checker->Assign({{0, 1, check}}));
  ASSERT_TRUE(checker->Start());
  ASSERT_TRUE(Says(0, State::kHealthy));
  check.search_string = "here";
  check.unhealthy_threshold = 100;
  ASSERT_TRUE(checker->Assign({{0, 2, check}}));
  ASSERT_TRUE(Within([&] { return Of(0).back().version == 2; }));
  for (const Report& report : Of(0)) {
    EXPECT_EQ(report.side, State::kHealthy);
    EXPECT_EQ(report.seen.outcome, Outcome::kPass) << report.seen.reason;
  }
  ASSERT_TRUE(checker->Assign({}));
  check.search_string = "holdfast";
  ASSERT_TRUE(checker->Assign({{0, 3, check}})) << "after nobody searched";
  ASSERT_TRUE(Within([&] { return Of(0).back().version == 3; }));
}

TEST_F(Watching, KeepsConnectionsOverNewAssignmentsAndLetsThemGoAtTheEnd) {
  Listener other;
  std::atomic<int> asked = 0;
  const ScriptedServer server([&asked](testing::Peer& peer) {
    while (!peer.ReadRequest().empty() && peer.Send(testing::Response(200))) {
      ++asked;
    }
  });
  const auto checker = Make();
  CheckConfig check = Fast("a", server.port());
  check.type = CheckType::kHttp;
  check.keep_alive = true;
  check.response_timeout = Milliseconds(2000);
  ASSERT_TRUE(checker->Assign({{0, 1, check}}));
  ASSERT_TRUE(checker->Start());
  ASSERT_TRUE(Within([&asked] { return asked > 3; }));
  ASSERT_TRUE(checker->Assign({{0, 1, check}, {1, 2, Fast("b", other.port())}}));
  const int before = asked;
  ASSERT_TRUE(Within([&asked, before] { return asked > before + 3; }));
  EXPECT_EQ(server.connections(), 1);
  checker->Stop();
  ASSERT_TRUE(checker->Start());
  ASSERT_TRUE(Within([&server] { return server.connections() == 2; }));
  ASSERT_TRUE(checker->Assign({}));  // with the check goes its connection
  ASSERT_TRUE(checker->Assign({{0, 3, Fast("c", server.port())}}));
  EXPECT_TRUE(Within([&server] { return server.connections() > 2; }));
  for (const Report& report : Of(0)) {
    EXPECT_EQ(report.seen.outcome, Outcome::kPass) << report.seen.reason;
  }
}

TEST_F(Watching, KeepsTheSideOverNewSettingsAndForgetsItWithAnotherType) {
  Listener server;
  const auto checker = Make();
  ASSERT_TRUE(checker->Assign({{0, 1, Fast("a", server.port())}}));
  ASSERT_TRUE(checker->Start());
  ASSERT_TRUE(Says(0, State::kHealthy));
  CheckConfig changed = Fast("a", server.port());
  changed.interval = Milliseconds(55);
  ASSERT_TRUE(checker->Assign({{0, 2, changed}}));
  ASSERT_TRUE(Within([&] { return Of(0).back().version == 2; }));
  for (const Report& report : Of(0)) {
    EXPECT_TRUE(report.version == 1 || report.side == State::kHealthy);
  }
  changed.type = CheckType::kHttp;
  changed.response_timeout = Milliseconds(100);
  ASSERT_TRUE(checker->Assign({{0, 3, changed}}));
  ASSERT_TRUE(Within([&] { return Of(0).back().version == 3; }));
  EXPECT_EQ(Of(0).back().side, State::kUnknown);
  EXPECT_EQ(checker->targets(), 1U);
}

TEST_F(Watching, ChangesNothingWhenOneCheckCannotBeProbed) {
  Listener server;
  const auto checker = Make();
  ASSERT_TRUE(checker->Assign({{0, 1, Fast("a", server.port())}}));
  CheckConfig wrong = Fast("b", server.port());
  wrong.ip_address = "nowhere";
  EXPECT_EQ(checker->Assign({{1, 2, wrong}}).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(checker->targets(), 1U);
  ASSERT_TRUE(checker->Start());
  EXPECT_TRUE(Says(0, State::kHealthy));
}

TEST_F(Watching, RefusesControlTargetsItCannotRead) {
  for (const char* text : {"",
                           "192.0.2.1",
                           "192.0.2.1:",
                           "192.0.2.1:0",
                           "192.0.2.1:65536",
                           "192.0.2.1:8o",
                           "2001:db8::1:80",
                           "[2001:db8::1]",
                           "name.test:80"}) {
    const auto made = Checker::Create({.control_targets = {"192.0.2.1:80", text}}, [](auto&) {});
    ASSERT_FALSE(made.has_value()) << text;
    EXPECT_EQ(made.error().code, ErrorCode::kInvalid);
    EXPECT_NE(made.error().message.find("control target \"" + std::string(text) + "\""),
              std::string::npos)
        << made.error().message;
  }
  EXPECT_TRUE(Checker::Create({.control_targets = {"[2001:db8::1]:80"}}, [](auto&) {}));
}

TEST_F(Watching, TurnsNothingDownWhileItHasNoUplink) {
  auto endpoint = std::make_unique<Listener>();
  auto control = std::make_unique<Listener>();
  const std::uint16_t port = endpoint->port();
  const std::uint16_t control_port = control->port();
  const auto checker = Make({.control_targets = {Target(control_port)}});
  ASSERT_TRUE(checker->Assign({{0, 1, Fast("a", port)}}));
  ASSERT_TRUE(checker->Start());
  ASSERT_TRUE(Says(0, State::kHealthy));
  EXPECT_TRUE(checker->has_uplink());

  control.reset();
  endpoint.reset();
  ASSERT_TRUE(Says(0, State::kUnknown));
  EXPECT_FALSE(checker->has_uplink());
  usleep(300'000);
  for (const Report& report : Of(0)) {
    EXPECT_NE(report.side, State::kUnhealthy);
  }
  EXPECT_EQ(Of(0).back().seen.outcome, Outcome::kUnknown);

  control = std::make_unique<Listener>(control_port);
  EXPECT_TRUE(Says(0, State::kUnhealthy));  // now it is known to be the endpoint
  EXPECT_TRUE(checker->has_uplink());
}

TEST_F(Watching, BelievesAFailureWhenOneControlTargetAnswers) {
  auto endpoint = std::make_unique<Listener>();
  Listener control;
  const std::uint16_t port = endpoint->port();
  const auto checker = Make({.control_targets = {"127.0.0.1:1", Target(control.port())}});
  ASSERT_TRUE(checker->Assign({{0, 1, Fast("a", port)}, {1, 2, Fast("b", control.port())}}));
  ASSERT_TRUE(checker->Start());
  ASSERT_TRUE(Says(0, State::kHealthy) && Says(1, State::kHealthy));
  endpoint.reset();
  EXPECT_TRUE(Says(0, State::kUnhealthy));
  for (const Report& report : Of(0)) {
    EXPECT_NE(report.seen.outcome, Outcome::kUnknown);
  }
  EXPECT_EQ(Of(1).back().side, State::kHealthy);
}

// Fault matrix D12: what has an address is probed, what has a name waits, nothing becomes down.
TEST_F(Watching, D12_GoesOnWithoutAnyResolver) {
  Listener server;
  const auto checker = Make();  // nobody listens where it asks
  CheckConfig named = Fast("b", server.port());
  named.ip_address.clear();
  named.fqdn = "web.example.test";
  ASSERT_TRUE(checker->Assign({{0, 1, Fast("a", server.port())}, {1, 2, named}}));
  ASSERT_TRUE(checker->Start());
  ASSERT_TRUE(Says(0, State::kHealthy));
  ASSERT_TRUE(Within([&] { return Of(1).size() >= 10; }));
  checker->Stop();
  for (const Report& report : Of(1)) {
    EXPECT_EQ(report.side, State::kUnknown);
    EXPECT_EQ(report.seen.outcome, Outcome::kUnknown) << report.seen.reason;
  }
  std::printf("D12: %zu reports by address, healthy; %zu by name, 0 of them down\n",
              Of(0).size(),
              Of(1).size());
}

}  // namespace
}  // namespace holdfast::health

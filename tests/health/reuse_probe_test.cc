// Probes that leave something to the next: a connection that stays open, a TLS session that is
// resumed; and that neither ever fails an endpoint which a fresh connection finds well.
#include <atomic>
#include <gtest/gtest.h>
#include <thread>

#include "health/probe/probe.h"
#include "health/probe/response_reader.h"
#include "tests/health/probe_run.h"
#include "tests/health/scripted_server.h"

namespace holdfast::health {
namespace {

using namespace testing;

/// Probes of one target, one after the other.
class Row {
 public:
  explicit Row(const CheckConfig& check)
      : task_(MakeTask(check, nullptr).value()),
        reuse_(LeavesSomething(check) ? std::make_shared<Reuse>() : nullptr) {}
  Observation Next() {
    Observation seen;
    bool done = false;
    Probe::Make(
        loop_,
        task_,
        [&](Observation observation) {
          seen = std::move(observation);
          done = true;
        },
        reuse_)
        ->Start();
    io_.restart();
    while (!done && io_.run_one_for(std::chrono::seconds(10)) != 0) {
    }
    EXPECT_TRUE(done);
    return seen;
  }
  Reuse& reuse() { return *reuse_; }
  ProbeLoop& loop() { return loop_; }

 private:
  boost::asio::io_context io_;
  std::unique_ptr<TlsContext> tls_ = std::move(*TlsContext::Create());
  std::unique_ptr<Resolver> resolver_ =
      std::move(*Resolver::Create(io_, {.servers = "127.0.0.1:1"}));
  ProbeLoop loop_{.io = io_,
                  .resolver = *resolver_,
                  .tls = *tls_,
                  .targets = TargetRules::Create(Loopback()).value()};
  std::shared_ptr<const ProbeTask> task_;
  std::shared_ptr<Reuse> reuse_;
};

CheckConfig KeptCheck(std::uint16_t port, CheckType type = CheckType::kHttp) {
  CheckConfig check = LoopbackCheck(type, port);
  check.keep_alive = true;
  check.tls_resume = false;
  return check;
}

/// Answers request after request until the client is gone.
ScriptedServer::Script AnswerAll(std::string response) {
  return [response = std::move(response)](Peer& peer) {
    while (!peer.ReadRequest().empty() && peer.Send(response)) {
    }
  };
}

TEST(KeepAlive, AsksAgainOnTheConnectionThatStands) {
  for (const CheckType type : {CheckType::kHttp, CheckType::kHttpStrMatch}) {
    ScriptedServer server([&server](Peer& peer) {
      for (std::string asked = peer.ReadRequest(); !asked.empty(); asked = peer.ReadRequest()) {
        server.Note(asked);
        peer.Send(Response(200, "it is holdfast here"));
      }
    });
    Row row(KeptCheck(server.port(), type));
    const Observation first = row.Next();
    EXPECT_EQ(first.outcome, Outcome::kPass) << first.reason;
    EXPECT_GT(first.phases.connect.count(), 0);
    for (int n = 0; n < 3; ++n) {
      const Observation seen = row.Next();
      EXPECT_EQ(seen.reason, "Success: HTTP Status Code 200, Scripted");
      EXPECT_EQ(seen.phases.connect.count(), 0);  // there was none
      EXPECT_GT(seen.phases.first_byte.count(), 0);
    }
    EXPECT_EQ(server.connections(), 1);
    EXPECT_EQ(server.notes().size(), 4U);
    EXPECT_NE(server.notes()[0].find("\r\nConnection: keep-alive\r\n"), std::string::npos);
  }
}

TEST(KeepAlive, TakesTheRestOfABodyThatComesLater) {
  const ScriptedServer server([](Peer& peer) {
    while (!peer.ReadRequest().empty()) {
      peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
      std::this_thread::sleep_for(milliseconds(10));
      peer.Send("3\r\nyou\r\n0\r\n\r\n");
    }
  });
  Row row(KeptCheck(server.port()));
  EXPECT_EQ(row.Next().outcome, Outcome::kPass);
  EXPECT_EQ(row.Next().outcome, Outcome::kPass);
  EXPECT_EQ(server.connections(), 1);
}

TEST(KeepAlive, ConnectsAnewWhereTheResponseLeavesNoChoice) {
  const struct {
    const char* what;
    std::string response;
  } cases[] = {
      {"it says so", Response(200, "x", "Connection: close\r\n")},
      {"it ends with the connection", "HTTP/1.1 200 OK\r\n\r\nx"},
      {"an old server", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"},
      {"a long body", Response(200, std::string(kMaxReuseOctets + 1, 'x'))},
      {"something behind it", Response(200, "x") + "y"},
      {"framing that breaks off",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nzz\r\n"},
  };
  for (const auto& c : cases) {
    const ScriptedServer server(AnswerAll(c.response));
    Row row(KeptCheck(server.port()));
    EXPECT_EQ(row.Next().outcome, Outcome::kPass) << c.what;
    EXPECT_FALSE(row.reuse().connection) << c.what;
    const Observation seen = row.Next();
    EXPECT_EQ(seen.outcome, Outcome::kPass) << c.what;
    EXPECT_GT(seen.phases.connect.count(), 0) << c.what;
    EXPECT_EQ(server.connections(), 2) << c.what;
  }
}

TEST(KeepAlive, DoesNotHoldAConnectionAgainstTheEndpointThatEndedMeanwhile) {
  const std::string good = Response(200);
  const struct {
    const char* what;
    ScriptedServer::Script script;
  } cases[] = {
      {"closed while nothing was asked", Answer(good)},
      {"closed on the next request",
       [&good](Peer& peer) {
         peer.ReadRequest();
         peer.Send(good);
         peer.ReadRequest();
       }},
      {"says what nobody asked for",
       [&good](Peer& peer) {
         peer.ReadRequest();
         peer.Send(good);
         std::this_thread::sleep_for(milliseconds(5));
         peer.Send(Response(408));
       }},
      {"refuses a second request",
       [&good](Peer& peer) {
         peer.ReadRequest();
         peer.Send(good);
         peer.ReadRequest();
         peer.Send(Response(503));
       }},
      {"falls silent",
       [&good](Peer& peer) {
         peer.ReadRequest();
         peer.Send(good);
         peer.ReadRequest();
         peer.PauseUntil(milliseconds(1500));
       }},
  };
  for (const auto& c : cases) {
    const ScriptedServer server(c.script);
    CheckConfig check = KeptCheck(server.port());
    check.response_timeout = Milliseconds(1000);
    check.connect_timeout = Milliseconds(3000);
    Row row(check);
    EXPECT_EQ(row.Next().outcome, Outcome::kPass) << c.what;
    std::this_thread::sleep_for(milliseconds(20));
    const Observation seen = row.Next();
    EXPECT_EQ(seen.outcome, Outcome::kPass) << c.what << ": " << seen.reason;
    EXPECT_GT(seen.phases.connect.count(), 0) << c.what;  // of the fresh connection
    EXPECT_EQ(server.connections(), 2) << c.what;
  }
}

TEST(KeepAlive, FailsAnEndpointThatAFreshConnectionFindsUnwell) {
  std::atomic<bool> well = true;
  const ScriptedServer server([&well](Peer& peer) {
    while (!peer.ReadRequest().empty() && peer.Send(Response(well ? 200 : 503))) {
    }
  });
  Row row(KeptCheck(server.port()));
  EXPECT_EQ(row.Next().outcome, Outcome::kPass);
  well = false;
  EXPECT_EQ(row.Next().reason, "Failure: HTTP Status Code 503, Scripted");
  EXPECT_EQ(server.connections(), 2);
  EXPECT_FALSE(row.reuse().connection);
}

TEST(KeepAlive, PassesThoughTheRestOfTheBodyNeverComes) {
  const ScriptedServer server([](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx");
    peer.PauseUntil(milliseconds(2000));
  });
  CheckConfig check = KeptCheck(server.port());
  check.response_timeout = Milliseconds(500);
  Row row(check);
  const Observation seen = row.Next();
  if (seen.outcome != Outcome::kUnknown) {  // else this machine was late
    EXPECT_EQ(seen.reason, "Success: HTTP Status Code 200, OK");
  }
  EXPECT_FALSE(row.reuse().connection);
}

TEST(KeepAlive, KeepsNoMoreConnectionsThanMayStayOpen) {
  const ScriptedServer server(AnswerAll(Response(200)));
  Row row(KeptCheck(server.port()));
  row.loop().most_kept = std::make_shared<const std::size_t>(0);
  EXPECT_EQ(row.Next().outcome, Outcome::kPass);
  EXPECT_FALSE(row.reuse().connection);
  row.loop().most_kept = std::make_shared<const std::size_t>(1);
  EXPECT_EQ(row.Next().outcome, Outcome::kPass);
  EXPECT_TRUE(row.reuse().connection);
  EXPECT_EQ(row.Next().outcome, Outcome::kPass);
  EXPECT_TRUE(row.reuse().connection);
  EXPECT_EQ(server.connections(), 2);
}

TEST(KeepAlive, ShakesHandsOnceOverTls) {
  const ScriptedServer server(TlsSetup{}, AnswerAll(Response(200, "holdfast")));
  Row row(KeptCheck(server.port(), CheckType::kHttpsStrMatch));
  EXPECT_GT(row.Next().phases.tls_handshake.count(), 0);
  const Observation seen = row.Next();
  EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
  EXPECT_EQ(seen.phases.tls_handshake.count(), 0);
  EXPECT_EQ(server.connections(), 1);
}

ScriptedServer::Script AnswerAndNote(ScriptedServer*& server) {
  return [&server](Peer& peer) {
    server->Note(peer.resumed() ? "resumed" : "full");
    peer.ReadRequest();
    peer.Send(Response(200));
  };
}

TEST(TlsResume, GoesOnFromTheLastSessionUnderEitherVersion) {
  for (const bool tls12 : {false, true}) {
    ScriptedServer* self = nullptr;
    ScriptedServer server({.tls12 = tls12}, AnswerAndNote(self));
    self = &server;
    CheckConfig check = LoopbackCheck(CheckType::kHttps, server.port());
    check.fqdn = "www.example.test";
    Row row(check);
    for (int n = 0; n < 4; ++n) {
      const Observation seen = row.Next();
      EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
      EXPECT_GT(seen.phases.tls_handshake.count(), 0);
      EXPECT_LE(row.reuse().session.size(), 1024U);  // no certificate in it
    }
    const std::vector<std::string> wanted{"full", "resumed", "resumed", "resumed"};
    EXPECT_EQ(server.notes(), wanted) << tls12;
  }
}

TEST(TlsResume, IsNotTriedWhereTheCheckOptsOut) {
  ScriptedServer* self = nullptr;
  ScriptedServer server(TlsSetup{}, AnswerAndNote(self));
  self = &server;
  CheckConfig check = LoopbackCheck(CheckType::kHttps, server.port());
  check.tls_resume = false;
  EXPECT_FALSE(LeavesSomething(check));
  Row row(check);
  EXPECT_EQ(row.Next().outcome, Outcome::kPass);
  EXPECT_EQ(row.Next().outcome, Outcome::kPass);
  EXPECT_EQ(server.notes(), (std::vector<std::string>{"full", "full"}));
}

TEST(TlsResume, ShakesHandsInFullWhereTheSessionMeansNothing) {
  ScriptedServer* self = nullptr;
  ScriptedServer server(TlsSetup{}, AnswerAndNote(self));
  self = &server;
  std::string foreign;
  {
    ScriptedServer* other = nullptr;
    ScriptedServer another(TlsSetup{}, AnswerAndNote(other));
    other = &another;
    Row row(LoopbackCheck(CheckType::kHttps, another.port()));
    EXPECT_EQ(row.Next().outcome, Outcome::kPass);
    foreign = row.reuse().session;
    EXPECT_FALSE(foreign.empty());
  }
  for (const std::string& session : {foreign, std::string("garbage"), foreign.substr(0, 40)}) {
    Row row(LoopbackCheck(CheckType::kHttps, server.port()));
    row.reuse().session = session;
    EXPECT_EQ(row.Next().outcome, Outcome::kPass);
    EXPECT_NE(row.reuse().session, session);  // a new one
  }
  EXPECT_EQ(server.notes(), std::vector<std::string>(3, "full"));
}

TEST(TlsResume, FailsNoEndpointThatAFullHandshakeFindsWell) {
  const struct {
    const char* what;
    std::function<void(Peer&)> when_resumed;
  } cases[] = {
      {"hangs up", [](Peer&) {}},
      {"answers nonsense", [](Peer& peer) { peer.Send("nonsense\r\n\r\n"); }},
      {"answers 421", [](Peer& peer) { peer.Send(Response(421)); }},
      {"falls silent", [](Peer& peer) { peer.PauseUntil(milliseconds(1500)); }},
  };
  for (const auto& c : cases) {
    const ScriptedServer server(TlsSetup{}, [&c](Peer& peer) {
      peer.ReadRequest();
      peer.resumed() ? c.when_resumed(peer) : static_cast<void>(peer.Send(Response(200)));
    });
    CheckConfig check = LoopbackCheck(CheckType::kHttps, server.port());
    check.response_timeout = Milliseconds(1000);
    Row row(check);
    EXPECT_EQ(row.Next().outcome, Outcome::kPass) << c.what;
    ASSERT_FALSE(row.reuse().session.empty()) << c.what;
    const Observation seen = row.Next();
    EXPECT_EQ(seen.outcome, Outcome::kPass) << c.what << ": " << seen.reason;
    EXPECT_EQ(server.connections(), 3) << c.what;
  }
}

TEST(TlsResume, KeepsNoSessionOfAHandshakeWithoutTheUsualName) {
  ScriptedServer* self = nullptr;
  ScriptedServer server({.name = "other.test"}, AnswerAndNote(self));
  self = &server;
  CheckConfig check = LoopbackCheck(CheckType::kHttps, server.port());
  check.fqdn = "www.example.test";
  Row row(check);
  EXPECT_EQ(row.Next().outcome, Outcome::kPass);
  EXPECT_TRUE(row.reuse().session.empty());
  EXPECT_EQ(row.Next().outcome, Outcome::kPass);
  const std::vector<std::string> twice{"www.example.test", "", "www.example.test", ""};
  EXPECT_EQ(server.names(), twice);
}

TEST(TlsResume, FailsAnEndpointThatIsGone) {
  std::uint16_t port = 0;
  std::string session;
  {
    ScriptedServer server(TlsSetup{}, Answer(Response(200)));
    port = server.port();
    Row row(LoopbackCheck(CheckType::kHttps, port));
    EXPECT_EQ(row.Next().outcome, Outcome::kPass);
    session = row.reuse().session;
  }
  Row row(LoopbackCheck(CheckType::kHttps, port));
  row.reuse().session = session;
  EXPECT_EQ(row.Next().reason,
            "Failure: The health checker could not establish a connection: Connection refused.");
}

TEST(TlsReuse, ACertificateThatIsJudgedIsShownEachTime) {
  std::vector<bool> resumed;
  const ScriptedServer server(TlsSetup{.days = 20}, [&resumed](Peer& peer) {
    peer.ReadRequest();
    resumed.push_back(peer.resumed());
    peer.Send(Response(200));
  });
  CheckConfig check = LoopbackCheck(CheckType::kHttps, server.port());
  for (const auto days : {std::optional<std::uint32_t>(), std::optional<std::uint32_t>(5)}) {
    check.https = TlsSettings{.min_days_valid = days};
    Row row(check);
    EXPECT_EQ(row.Next().outcome, Outcome::kPass);
    EXPECT_EQ(row.Next().outcome, Outcome::kPass);
  }
  EXPECT_EQ(resumed, (std::vector<bool>{false, true, false, false}));
}

// What was good when the connection began may not be good for ever.
TEST(KeepAlive, TheCertificateOfAKeptConnectionIsJudgedAgain) {
  const ScriptedServer server(TlsSetup{.days = 20}, [](Peer& peer) {
    while (!peer.ReadRequest().empty() && peer.Send(Response(200))) {
    }
  });
  CheckConfig check = KeptCheck(server.port(), CheckType::kHttps);
  check.https = TlsSettings{.min_days_valid = 5};
  Row row(check);
  EXPECT_EQ(row.Next().outcome, Outcome::kPass);
  EXPECT_EQ(row.Next().outcome, Outcome::kPass);
  EXPECT_EQ(server.connections(), 1);
}

}  // namespace
}  // namespace holdfast::health

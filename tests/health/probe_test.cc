// What probes send, how they end when an endpoint misbehaves (fault matrix D1-D4), and what they
// never hold against it.
#include <arpa/inet.h>
#include <cerrno>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "health/probe/endpoint_probe.h"
#include "tests/health/probe_run.h"
#include "tests/health/scripted_dns.h"
#include "tests/health/scripted_server.h"

namespace holdfast::health {
namespace {

using namespace testing;

long ResidentKb() {
  std::ifstream status("/proc/self/statm");
  long total = 0;
  long resident = 0;
  status >> total >> resident;
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

std::string Request(const CheckConfig& check) {
  return RequestOf(*MakeTask(check, nullptr).value());
}

TEST(ProbeRequest, NamesTheHostAsTheSpecificationSays) {
  const auto field = [](const CheckConfig& made) {
    return HostField(*MakeTask(made, nullptr).value());
  };
  CheckConfig check = LoopbackCheck(CheckType::kHttp, 80);
  EXPECT_EQ(field(check), "127.0.0.1");
  check.port = 443;
  EXPECT_EQ(field(check), "127.0.0.1:443");
  check.type = CheckType::kHttps;
  EXPECT_EQ(field(check), "127.0.0.1");
  check.port = 80;
  EXPECT_EQ(field(check), "127.0.0.1:80");
  check.fqdn = "www.example.test";
  EXPECT_EQ(field(check), "www.example.test:80");
  check.port = 443;
  EXPECT_EQ(field(check), "www.example.test");
  check.fqdn.clear();
  check.ip_address = "2001:db8::1";
  EXPECT_EQ(field(check), "[2001:db8::1]");
  check.port = 8443;
  EXPECT_EQ(field(check), "[2001:db8::1]:8443");
}

TEST(ProbeRequest, IsAPlainGetThatClosesAndSaysWhoAsks) {
  CheckConfig check = LoopbackCheck(CheckType::kHttp, 8080);
  check.resource_path = "/up?full=1";
  EXPECT_EQ(Request(check),
            "GET /up?full=1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
            "User-Agent: Holdfast-Health-Check/0.1.0 (check c1)\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n");
  check.resource_path.clear();
  EXPECT_TRUE(Request(check).starts_with("GET / HTTP/1.1\r\n"));
}

TEST(ProbeRequest, SendsAServerNameOnlyIfItIsOne) {
  CheckConfig check = LoopbackCheck(CheckType::kHttps, 443);
  const auto sni = [&check] { return ServerName(*MakeTask(check, nullptr).value()); };
  EXPECT_EQ(sni(), "");
  check.fqdn = "www.example.test.";
  EXPECT_EQ(sni(), "www.example.test");
  check.fqdn = "192.0.2.1";
  EXPECT_EQ(sni(), "");
  check.fqdn = "www.example.test";
  check.enable_sni = false;
  EXPECT_EQ(sni(), "");
  check.enable_sni = true;
  check.type = CheckType::kHttp;
  EXPECT_EQ(sni(), "");
}

TEST(Probe, ReachesTheEndpointWithItsRequestAndClosesTheConnection) {
  ScriptedServer server([&server](Peer& peer) {
    server.Note(peer.ReadRequest());
    peer.Send(Response(200));
    server.Note(peer.ReadRequest());  // empty: the client closed
  });
  const CheckConfig check = LoopbackCheck(CheckType::kHttp, server.port());
  EXPECT_EQ(ProbeOnce(check).outcome, Outcome::kPass);
  for (int wait = 0; wait < 100 && server.notes().size() < 2; ++wait) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  ASSERT_EQ(server.notes().size(), 2U);
  EXPECT_EQ(server.notes()[0], Request(check));
  EXPECT_EQ(server.notes()[1], "");
}

TEST(Probe, PassesTcpOnAnOpenPortAndFailsOnARefusedOne) {
  const ScriptedServer server([](Peer&) {});
  EXPECT_EQ(ProbeOnce(LoopbackCheck(CheckType::kTcp, server.port())).outcome, Outcome::kPass);
  const Observation seen = ProbeOnce(LoopbackCheck(CheckType::kTcp, RefusedPort()));
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason,
            "Failure: The health checker could not establish a connection: Connection refused.");
}

TEST(Probe, MeasuresThePhasesThatItReached) {
  const auto slowly = [](Peer& peer) {
    peer.ReadRequest();
    peer.PauseUntil(milliseconds(60));
    peer.Send(Response(200));
  };
  const ScriptedServer plain(slowly);
  PhaseTimes phases = ProbeOnce(LoopbackCheck(CheckType::kHttp, plain.port())).phases;
  EXPECT_GT(phases.connect.count(), 0);
  EXPECT_EQ(phases.tls_handshake.count(), 0);
  EXPECT_GT(phases.first_byte, milliseconds(40));
  const ScriptedServer secure(TlsSetup{}, slowly);
  const Observation seen = ProbeOnce(LoopbackCheck(CheckType::kHttps, secure.port()));
  phases = seen.phases;
  EXPECT_GT(phases.connect.count(), 0);
  EXPECT_GT(phases.tls_handshake.count(), 0);
  EXPECT_GT(phases.first_byte.count(), 0);
  EXPECT_LE(phases.connect + phases.tls_handshake + phases.first_byte, seen.rtt);
  phases = ProbeOnce(LoopbackCheck(CheckType::kTcp, plain.port())).phases;
  EXPECT_GT(phases.connect.count(), 0);
  EXPECT_EQ(phases.first_byte.count(), 0);
  phases = ProbeOnce(LoopbackCheck(CheckType::kHttp, RefusedPort())).phases;
  EXPECT_EQ(phases.connect.count(), 0);
}

TEST(Probe, ReachesAnIpv6Endpoint) {
  const int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  socklen_t octets = sizeof(address);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    close(listener);
    GTEST_SKIP() << "no IPv6 on loopback";
  }
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &octets), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  CheckConfig check = LoopbackCheck(CheckType::kTcp, ntohs(address.sin6_port));
  check.ip_address = "::1";
  EXPECT_EQ(ProbeOnce(check).outcome, Outcome::kPass);
  close(listener);
}

TEST(Probe, FailsWithinOneTimeoutWhateverAnEndpointDrips) {
  const struct {
    const char* what;
    CheckType type;
    ScriptedServer::Script script;
  } cases[] = {
      {"silent listener",
       CheckType::kHttp,
       [](Peer& peer) { peer.PauseUntil(milliseconds(5000)); }},
      {"one octet of header every 20 ms",
       CheckType::kHttp,
       [](Peer& peer) {
         const std::string header = "HTTP/1.1 200 OK\r\nX: " + std::string(1000, 'x');
         for (std::size_t n = 0; n < header.size(); ++n) {
           if (!peer.Send(header.substr(n, 1)) ||
               !peer.PauseUntil(milliseconds(20 * (static_cast<int>(n) + 1)))) {
             return;
           }
         }
       }},
      {"interim responses without end, slowly",
       CheckType::kHttp,
       [](Peer& peer) {
         for (int n = 1; n < 500; ++n) {
           if (!peer.Send("HTTP/1.1 100 Continue\r\n\r\n") ||
               !peer.PauseUntil(milliseconds(20 * n))) {
             return;
           }
         }
       }},
      {"one octet of body every 20 ms",
       CheckType::kHttpStrMatch,
       [](Peer& peer) {
         peer.ReadRequest();
         peer.Send("HTTP/1.1 200 OK\r\n\r\n");
         for (int n = 1; n < 500; ++n) {
           if (!peer.Send("x") || !peer.PauseUntil(milliseconds(20 * n))) {
             return;
           }
         }
       }},
      {"silent in the TLS handshake",
       CheckType::kHttps,
       [](Peer& peer) { peer.PauseUntil(milliseconds(5000)); }},
  };
  for (const auto& c : cases) {
    const ScriptedServer server(c.script);
    CheckConfig check = LoopbackCheck(c.type, server.port());
    check.response_timeout = check.body_timeout = Milliseconds(150);
    const Observation seen = ProbeOnce(check);
    EXPECT_NE(seen.outcome, Outcome::kPass) << c.what;
    EXPECT_GE(seen.rtt, milliseconds(150)) << c.what;
    EXPECT_LT(seen.rtt, milliseconds(300)) << c.what;
    if (seen.outcome == Outcome::kFail) {  // else this machine was late
      EXPECT_TRUE(seen.reason.ends_with("within the timeout limit.")) << seen.reason;
    }
  }
}

TEST(Probe, TakesLittleOfEndlessHeadersAndBodies) {
  const std::string block(65'536, '.');
  const struct {
    const char* what;
    CheckType type;
    ScriptedServer::Script script;
    Outcome outcome;
  } cases[] = {
      {"endless headers",
       CheckType::kHttp,
       [](Peer& peer) {
         peer.ReadRequest();
         peer.Send("HTTP/1.1 200 OK\r\n");
         while (peer.Send("X-Endless: 0123456789abcdef0123456789abcdef\r\n")) {
         }
       },
       Outcome::kFail},
      {"endless body, not asked for",
       CheckType::kHttp,
       [&block](Peer& peer) {
         peer.ReadRequest();
         peer.Send("HTTP/1.1 200 OK\r\n\r\n");
         while (peer.Send(block)) {
         }
       },
       Outcome::kPass},
      {"endless body without the string",
       CheckType::kHttpStrMatch,
       [&block](Peer& peer) {
         peer.ReadRequest();
         peer.Send("HTTP/1.1 200 OK\r\n\r\n");
         while (peer.Send(block)) {
         }
       },
       Outcome::kFail},
      {"100 MB body",
       CheckType::kHttpStrMatch,
       [&block](Peer& peer) {
         peer.ReadRequest();
         peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n");
         for (int n = 0; n < 1600 && peer.Send(block); ++n) {
         }
       },
       Outcome::kFail},
  };
  for (const auto& c : cases) {
    const ScriptedServer server(c.script);
    const CheckConfig check = LoopbackCheck(c.type, server.port());
    const long before = ResidentKb();
    const Observation seen = ProbeOnce(check);
    EXPECT_EQ(seen.outcome, c.outcome) << c.what << ": " << seen.reason;
    EXPECT_LT(seen.rtt, milliseconds(2000)) << c.what;
    EXPECT_LT(ResidentKb() - before, 8192) << c.what;
  }
}

TEST(Probe, FailsWhenTheEndpointHangsUp) {
  const struct {
    const char* what;
    CheckType type;
    ScriptedServer::Script script;
  } cases[] = {
      {"at once", CheckType::kHttp, [](Peer&) {}},
      {"in the header",
       CheckType::kHttp,
       [](Peer& peer) {
         peer.ReadRequest();
         peer.Send("HTTP/1.1 200 OK\r\nX:");
       }},
      {"in the handshake", CheckType::kHttps, [](Peer&) {}},
      {"in the body",
       CheckType::kHttpStrMatch,
       [](Peer& peer) {
         peer.ReadRequest();
         peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nholdfas");
       }},
  };
  for (const auto& c : cases) {
    const ScriptedServer server(c.script);
    const Observation seen = ProbeOnce(LoopbackCheck(c.type, server.port()));
    EXPECT_EQ(seen.outcome, Outcome::kFail) << c.what;
    EXPECT_TRUE(seen.reason.starts_with("Failure: ")) << seen.reason;
  }
}

TEST(ProbeTls, RetriesOnceWithoutTheNameThatTheCertificateDoesNotCover) {
  CheckConfig check = LoopbackCheck(CheckType::kHttpsStrMatch, 1);
  check.fqdn = "www.example.test";
  {
    ScriptedServer server({.name = "*.example.test"}, Answer(Response(200, "holdfast")));
    check.port = server.port();
    EXPECT_EQ(ProbeOnce(check).outcome, Outcome::kPass);
    EXPECT_EQ(server.names(), std::vector<std::string>{"www.example.test"});
  }
  ScriptedServer server({.name = "other.test"}, Answer(Response(200, "holdfast")));
  check.port = server.port();
  const Observation seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
  EXPECT_EQ(server.names(), (std::vector<std::string>{"www.example.test", ""}));
}

TEST(ProbeTls, SaysWhichAlertAServerGaveThatNeedsAName) {
  ScriptedServer server({.needs_sni = true}, Answer(Response(200)));
  CheckConfig check = LoopbackCheck(CheckType::kHttps, server.port());
  check.fqdn = "www.example.test";
  EXPECT_EQ(ProbeOnce(check).outcome, Outcome::kPass);
  check.enable_sni = false;
  const Observation seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason, "Failure: SSL alert handshake_failure");
}

TEST(ProbeTls, TakesAnOldServer) {
  const ScriptedServer server({.old = true}, Answer(Response(200)));
  const Observation seen = ProbeOnce(LoopbackCheck(CheckType::kHttps, server.port()));
  EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
}

TEST(ProbeTls, ReadsABodyOfManyRecords) {
  const ScriptedServer server(TlsSetup{}, [](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\n\r\n");
    for (int n = 0; n < 500; ++n) {
      peer.Send("0123456789");
    }
    peer.Send("holdfast");
  });
  EXPECT_EQ(ProbeOnce(LoopbackCheck(CheckType::kHttpsStrMatch, server.port())).outcome,
            Outcome::kPass);
}

TEST(ProbeBlame, IsNotLaidOnTheEndpointWhenNoDescriptorIsFree) {
  const ScriptedServer server(Answer(Response(200)));
  const Observation seen = ProbeWithoutDescriptors(LoopbackCheck(CheckType::kHttp, server.port()));
  EXPECT_EQ(seen.outcome, Outcome::kUnknown);
  EXPECT_EQ(seen.reason,
            "Unknown: The health checker could not make a socket: Too many open files.");
}

TEST(ProbeBlame, IsNotLaidOnTheEndpointWhenOurOwnLoopWasLate) {
  const ScriptedServer server([](Peer& peer) { peer.PauseUntil(milliseconds(5000)); });
  CheckConfig check = LoopbackCheck(CheckType::kHttp, server.port());
  check.response_timeout = Milliseconds(100);
  const Observation seen = ProbeOnce(
      check, {.meanwhile = [](boost::asio::io_context& io) {
        auto stall = std::make_shared<boost::asio::steady_timer>(io, milliseconds(50));
        stall->async_wait([stall](auto) { std::this_thread::sleep_for(milliseconds(250)); });
      }});
  EXPECT_EQ(seen.outcome, Outcome::kUnknown);
  EXPECT_EQ(seen.reason, "Unknown: the health checker itself was late.");
}

TEST(ProbeBlame, DependsOnHowLateTheDeadlineWasLookedAt) {
  using namespace std::chrono_literals;
  const ProbeClock::time_point deadline{1h};
  const struct {
    milliseconds timeout;
    milliseconds allowed;
  } cases[] = {{10ms, 10ms}, {40ms, 10ms}, {100ms, 25ms}, {1000ms, 250ms}, {60'000ms, 250ms}};
  for (const auto& c : cases) {
    EXPECT_EQ(JudgeTimeout(deadline, c.timeout, deadline), Outcome::kFail);
    EXPECT_EQ(JudgeTimeout(deadline, c.timeout, deadline + c.allowed), Outcome::kFail);
    EXPECT_EQ(JudgeTimeout(deadline, c.timeout, deadline + c.allowed + 1ns), Outcome::kUnknown);
  }
}

TEST(ProbeBlame, TellsErrorsOfThisMachineFromThoseOfTheEndpoint) {
  for (const int ours : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EAGAIN, EPERM}) {
    EXPECT_TRUE(IsOwnShortage(ours)) << ours;
  }
  for (const int theirs : {ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EPIPE}) {
    EXPECT_FALSE(IsOwnShortage(theirs)) << theirs;
  }
}

TEST(Probe, KnowsAConnectionThatMetItself) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t octets = sizeof(address);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &octets), 0);
  const IpAddress loopback = IpAddress::FromText("127.0.0.1").value();
  const SocketAddress there = MakeAddress(loopback, ntohs(address.sin_port));
  EXPECT_FALSE(MetItself(fd, MakeAddress(loopback, 1)));
  ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_TRUE(MetItself(fd, there));
  close(fd);
}

TEST(Probe, SaysNothingAnyMoreOnceAbandoned) {
  const ScriptedServer server(Answer(Response(200)));
  EXPECT_EQ(ProbeAndAbandon(LoopbackCheck(CheckType::kHttp, server.port()), milliseconds(0)), 0);
}

}  // namespace
}  // namespace holdfast::health

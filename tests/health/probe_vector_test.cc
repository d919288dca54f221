// The probe vectors of spec/health-checks.md section 13, against real servers on loopback. Timeouts
// are scaled down (2 s become 800 ms); a run in which this machine was late is repeated.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "tests/health/probe_run.h"
#include "tests/health/scripted_dns.h"
#include "tests/health/scripted_server.h"

namespace holdfast::health {
namespace {

using namespace testing;

Outcome Of(CheckType type, const std::string& response) {
  const ScriptedServer server(Answer(response));
  return ProbeOnce(LoopbackCheck(type, server.port())).outcome;
}

TEST(HealthVector, vector_001_status_200_passes) {
  const ScriptedServer server(Answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  const Observation seen = ProbeOnce(LoopbackCheck(CheckType::kHttp, server.port()));
  EXPECT_EQ(seen.outcome, Outcome::kPass);
  EXPECT_EQ(seen.reason, "Success: HTTP Status Code 200, OK");
  EXPECT_GT(seen.rtt.count(), 0);
  EXPECT_GT(seen.at_ns, 0U);
}

TEST(HealthVector, vector_002_status_399_passes) {
  EXPECT_EQ(Of(CheckType::kHttp, Response(399)), Outcome::kPass);
}

TEST(HealthVector, vector_003_status_400_fails) {
  EXPECT_EQ(Of(CheckType::kHttp, Response(400)), Outcome::kFail);
}

TEST(HealthVector, vector_004_status_302_passes_and_location_is_not_fetched) {
  const ScriptedServer other(Answer(Response(200)));
  const std::string location =
      "Location: http://127.0.0.1:" + std::to_string(other.port()) + "/\r\n";
  const ScriptedServer server(Answer(Response(302, "", location)));
  EXPECT_EQ(ProbeOnce(LoopbackCheck(CheckType::kHttp, server.port())).outcome, Outcome::kPass);
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(other.connections(), 0);
}

// A listener whose backlog is full drops the SYN; once there is room again the kernel's
// retransmission, one second after the first, gets through. So every connection here takes a little
// more than 1,000 ms, and limits on both sides of that decide.
void ExpectConnectLimitOf(CheckType type) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t octets = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &octets), 0);
  ASSERT_EQ(listen(listener, 0), 0);
  const int filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(connect(filler, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);

  std::thread opener([listener] {
    std::this_thread::sleep_for(milliseconds(300));
    listen(listener, 128);
    const std::string response = Response(200);
    for (int fd = accept(listener, nullptr, nullptr); fd >= 0;
         fd = accept(listener, nullptr, nullptr)) {
      send(fd, response.data(), response.size(), MSG_NOSIGNAL);
      shutdown(fd, SHUT_WR);
      close(fd);
    }
  });
  CheckConfig enough = LoopbackCheck(type, ntohs(address.sin_port));
  enough.connect_timeout = Milliseconds(1250);
  CheckConfig too_short = enough;
  too_short.connect_timeout = Milliseconds(900);
  const auto seen = Probes({enough, too_short});
  EXPECT_EQ(seen[0].outcome, Outcome::kPass) << seen[0].reason;
  EXPECT_GT(seen[0].rtt, milliseconds(950));
  EXPECT_EQ(seen[1].outcome, Outcome::kFail) << seen[1].reason;
  EXPECT_EQ(seen[1].reason,
            "Failure: The health checker could not establish a connection within the timeout "
            "limit.");
  EXPECT_GE(seen[1].rtt, milliseconds(900));
  EXPECT_LT(seen[1].rtt, milliseconds(1000));
  shutdown(listener, SHUT_RDWR);  // ends the accept
  opener.join();
  close(filler);
  close(listener);
}

TEST(HealthVector, vector_005_connect_within_its_limit_passes_beyond_fails) {
  ExpectConnectLimitOf(CheckType::kHttp);
}

TEST(HealthVector, vector_007_tcp_connect_within_its_limit_passes_beyond_fails) {
  ExpectConnectLimitOf(CheckType::kTcp);
}

/// Serves `script`; repeated while the server paused too long or the probe found itself late.
Observation Punctual(const CheckConfig& check, const ScriptedServer::Script& script) {
  for (int attempt = 0;; ++attempt) {
    Observation seen;
    milliseconds lateness;
    {
      ScriptedServer server(script);
      CheckConfig here = check;
      here.port = server.port();
      seen = ProbeOnce(here);
      lateness = server.lateness();
    }
    if ((seen.outcome != Outcome::kUnknown && lateness < milliseconds(15)) || attempt == 5) {
      return seen;
    }
  }
}

TEST(HealthVector, vector_006_status_within_its_limit_passes_beyond_fails) {
  CheckConfig check = LoopbackCheck(CheckType::kHttp, 1);
  check.response_timeout = Milliseconds(400);
  const auto after = [](milliseconds pause) {
    return [pause](Peer& peer) {
      peer.ReadRequest();
      peer.PauseUntil(pause);
      peer.Send(Response(200));
    };
  };
  EXPECT_EQ(Punctual(check, after(milliseconds(370))).outcome, Outcome::kPass);
  const Observation late = Punctual(check, after(milliseconds(430)));
  EXPECT_EQ(late.outcome, Outcome::kFail);
  EXPECT_EQ(late.reason,
            "Failure: The health checker received no complete response within the timeout limit.");
}

TEST(HealthVector, vector_008_https_with_an_expired_certificate_passes) {
  const ScriptedServer server({.expired = true}, Answer(Response(200)));
  EXPECT_EQ(ProbeOnce(LoopbackCheck(CheckType::kHttps, server.port())).outcome, Outcome::kPass);
}

TEST(HealthVector, vector_009_https_against_a_plain_text_port_fails) {
  const ScriptedServer server(Answer(Response(200)));
  CheckConfig check = LoopbackCheck(CheckType::kHttps, server.port());
  check.response_timeout = Milliseconds(300);
  EXPECT_EQ(ProbeOnce(check).outcome, Outcome::kFail);
  const ScriptedServer blunt([](Peer& peer) { peer.Send("220 mail.example.test ESMTP\r\n"); });
  check.port = blunt.port();
  const Observation seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason, "Failure: SSL error: wrong version number");
}

TEST(HealthVector, vector_010_a_string_that_ends_at_octet_5120_passes) {
  EXPECT_EQ(Of(CheckType::kHttpStrMatch, Response(200, std::string(5120 - 8, '.') + "holdfast...")),
            Outcome::kPass);
}

TEST(HealthVector, vector_011_a_string_of_three_from_octet_5119_fails) {
  const ScriptedServer server(Answer(Response(200, std::string(5118, '.') + "abc...")));
  CheckConfig check = LoopbackCheck(CheckType::kHttpStrMatch, server.port());
  check.search_string = "abc";
  EXPECT_EQ(ProbeOnce(check).outcome, Outcome::kFail);
}

TEST(HealthVector, vector_012_the_wrong_case_fails) {
  EXPECT_EQ(Of(CheckType::kHttpStrMatch, Response(200, "Holdfast")), Outcome::kFail);
}

TEST(HealthVector, vector_013_the_string_with_status_500_fails) {
  EXPECT_EQ(Of(CheckType::kHttpStrMatch, Response(500, "holdfast")), Outcome::kFail);
}

TEST(HealthVector, vector_014_a_gzip_body_with_the_string_passes) {
  const std::string packed = Compress("gzip of holdfast", Squeeze::kGzip);
  EXPECT_EQ(Of(CheckType::kHttpStrMatch, Response(200, packed, "Content-Encoding: gzip\r\n")),
            Outcome::kPass);
  const std::string zlib = Compress("zlib of holdfast", Squeeze::kZlib);
  EXPECT_EQ(Of(CheckType::kHttpStrMatch, Response(200, zlib, "Content-Encoding: deflate\r\n")),
            Outcome::kPass);
}

TEST(HealthVector, vector_015_a_brotli_body_fails) {
  // "holdfast " 12 times, as a brotli encoder packs it.
  const std::string packed(
      "\x1b\x6b\x00\xf8\xc5\x6d\x6c\x5d\xf7\x15\x44\x1c\x82\xa3\x02\xb7\x60\x60\xcf\x2a\xf3\x1e",
      22);
  EXPECT_EQ(Of(CheckType::kHttpStrMatch, Response(200, packed, "Content-Encoding: br\r\n")),
            Outcome::kFail);
}

TEST(HealthVector, vector_016_16385_octets_of_header_fail) {
  for (const std::size_t total : {std::size_t{16'384}, std::size_t{16'385}}) {
    std::string response = "HTTP/1.1 200 OK\r\nX-Long: ";
    response += std::string(total - response.size() - 4, 'x') + "\r\n\r\n";
    EXPECT_EQ(Of(CheckType::kHttp, response), total == 16'384 ? Outcome::kPass : Outcome::kFail);
  }
}

TEST(HealthVector, vector_017_a_name_with_only_aaaa_fails) {
  ScriptedDns dns({{"six.example.test", {.aaaa_only = true}},
                   {"four.example.test", {.addresses = {"127.0.0.1"}}}});
  const ScriptedServer server(Answer(Response(200)));
  CheckConfig check = LoopbackCheck(CheckType::kHttp, server.port());
  check.ip_address.clear();
  check.fqdn = "six.example.test";
  const Observation seen = ProbeOnce(check, {.dns_servers = dns.address()});
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason, "Failure: DNS resolution failed");
  check.fqdn = "four.example.test";
  EXPECT_EQ(ProbeOnce(check, {.dns_servers = dns.address()}).outcome, Outcome::kPass);
}

TEST(HealthVector, vector_018_a_header_line_without_a_colon_fails) {
  EXPECT_EQ(Of(CheckType::kHttp, "HTTP/1.1 200 OK\r\nServer nginx\r\n\r\n"), Outcome::kFail);
}

TEST(HealthVector, vector_019_a_body_that_stalls_before_the_string_fails) {
  CheckConfig check = LoopbackCheck(CheckType::kHttpStrMatch, 1);
  check.body_timeout = Milliseconds(400);
  const auto stall = [](milliseconds pause) {
    return [pause](Peer& peer) {
      peer.ReadRequest();
      peer.Send("HTTP/1.1 200 OK\r\n\r\nhold");
      peer.PauseUntil(pause);
      peer.Send("fast");
    };
  };
  EXPECT_EQ(Punctual(check, stall(milliseconds(370))).outcome, Outcome::kPass);
  EXPECT_EQ(Punctual(check, stall(milliseconds(430))).outcome, Outcome::kFail);
}

}  // namespace
}  // namespace holdfast::health

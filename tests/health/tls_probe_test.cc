// The TLS probe against real servers on loopback.
#include <array>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/probe/probe.h"
#include "health/probe/tls.h"
#include "tests/health/probe_run.h"
#include "tests/health/scripted_server.h"

namespace holdfast::health {
namespace {

using namespace testing;

constexpr const char* kName = "www.example.test";

CheckConfig TlsCheck(std::uint16_t port, TlsSettings settings = {}) {
  CheckConfig check = LoopbackCheck(CheckType::kTls, port);
  check.fqdn = kName;
  check.native = std::move(settings);
  return check;
}

void NoWords(Peer&) {}

TEST(TlsProbe, TellsTheDaysThatTheCertificateHasLeft) {
  const ScriptedServer server(TlsSetup{.days = 20}, NoWords);
  Observation seen = ProbeOnce(TlsCheck(server.port()));
  EXPECT_EQ(seen.outcome, Outcome::kPass);
  EXPECT_EQ(seen.reason, "Success: the certificate is valid for 20 days");
  EXPECT_GT(seen.phases.connect.count(), 0);
  EXPECT_GT(seen.phases.tls_handshake.count(), 0);
  EXPECT_LE(seen.phases.connect + seen.phases.tls_handshake, seen.rtt);
  seen = ProbeOnce(TlsCheck(server.port(), {.min_days_valid = 20}));
  EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
  seen = ProbeOnce(TlsCheck(server.port(), {.min_days_valid = 21}));
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason, "Failure: the certificate is valid for 20 days, expected at least 21");
}

TEST(TlsProbe, FailsOnACertificateThatHasExpiredOrIsNotYetValid) {
  const ScriptedServer expired(TlsSetup{.expired = true}, NoWords);
  Observation seen = ProbeOnce(TlsCheck(expired.port(), {.min_days_valid = 0}));
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason, "Failure: the certificate expired 1 day ago");
  const ScriptedServer future(TlsSetup{.days = 9, .future = true}, NoWords);
  seen = ProbeOnce(TlsCheck(future.port(), {.min_days_valid = 1}));
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_TRUE(seen.reason.starts_with("Failure: the certificate becomes valid in ")) << seen.reason;
}

TEST(TlsProbe, VerifiesAgainstItsBundleAndItsName) {
  const ScriptedServer server(TlsSetup{.days = 20}, NoWords);
  const ScriptedServer stranger(TlsSetup{.days = 20}, NoWords);
  const auto bundle = std::filesystem::path(::testing::TempDir()) / "holdfast-roots.pem";
  std::ofstream(bundle) << server.certificate();
  const TlsSettings verify{.verify = true, .ca_bundle = bundle, .ca_digest = "1"};
  Observation seen = ProbeOnce(TlsCheck(server.port(), verify));
  EXPECT_EQ(seen.reason, "Success: the certificate is valid for 20 days and verified");
  CheckConfig check = TlsCheck(server.port(), verify);
  check.fqdn = "other.example.test";
  seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason, "Failure: the certificate cannot be verified: hostname mismatch");
  check.fqdn.clear();  // then it would have to be for the address
  seen = ProbeOnce(check);
  EXPECT_EQ(seen.reason, "Failure: the certificate cannot be verified: IP address mismatch");
  seen = ProbeOnce(TlsCheck(stranger.port(), verify));
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_TRUE(seen.reason.starts_with("Failure: the certificate cannot be verified: self"))
      << seen.reason;
  seen = ProbeOnce(TlsCheck(server.port(), {.verify = true}));  // the system's roots
  EXPECT_EQ(seen.outcome, Outcome::kFail) << seen.reason;
  std::filesystem::remove(bundle);
}

TEST(TlsSession, TakesOneRecordOfAFloodOfSessionTicketsWithEachRead) {
  constexpr int kTickets = 200;
  std::atomic<bool> sent = false;
  const ScriptedServer server(TlsSetup{}, [&](Peer& peer) {
    sent = peer.SendBehindTickets(kTickets, "data");
    peer.ReadRequest();  // until the client is gone
  });
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(server.port());
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
  const auto context = TlsContext::Create();
  ASSERT_TRUE(context);
  auto session = TlsSession::Open(**context, fd, {});
  ASSERT_NE(session, nullptr);
  ASSERT_EQ(session->Handshake(), IoStep::kDone);  // the socket blocks
  const auto until = Clock::now() + milliseconds(10'000);
  while (!sent && Clock::now() < until) {
    usleep(1000);
  }
  ASSERT_TRUE(sent);
  // All of it lies in the socket by now: no read is kept waiting for it.
  std::array<std::byte, 64> room{};
  std::size_t moved = 0;
  int reads = 1;
  IoStep step = IoStep::kWantRead;
  while ((step = session->Read(room, moved)) == IoStep::kWantRead && reads < 10 * kTickets) {
    ++reads;
  }
  EXPECT_EQ(step, IoStep::kDone);
  EXPECT_EQ(moved, 4U);
  EXPECT_GT(reads, kTickets);
  session.reset();
  close(fd);
}

TEST(TlsProbe, PassesBehindAFloodOfSessionTickets) {
  const ScriptedServer server(TlsSetup{}, [](Peer& peer) {
    peer.ReadRequest();
    peer.SendBehindTickets(200, Response(200, "hello"));
  });
  CheckConfig check = LoopbackCheck(CheckType::kHttpsStrMatch, server.port());
  check.search_string = "hello";
  const Observation seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
}

TEST(TlsProbe, RefusesABundleWithoutCertificates) {
  const auto bundle = std::filesystem::path(::testing::TempDir()) / "holdfast-empty.pem";
  std::ofstream(bundle) << "nothing";
  const auto task =
      MakeTask(TlsCheck(443, {.verify = true, .ca_bundle = bundle, .ca_digest = "2"}), nullptr);
  ASSERT_FALSE(task.has_value());
  EXPECT_NE(task.error().message.find("health check \"c1\": CA bundle '" + bundle.string()),
            std::string::npos)
      << task.error().message;
  std::filesystem::remove(bundle);
}

TEST(TlsProbe, FailsWhenTheEndpointSpeaksNoTlsRefusesOrHangs) {
  const ScriptedServer plain([](Peer& peer) { peer.Send("220 smtp.example.test\r\n"); });
  EXPECT_EQ(ProbeOnce(TlsCheck(plain.port())).outcome, Outcome::kFail);
  EXPECT_EQ(ProbeOnce(TlsCheck(RefusedPort())).outcome, Outcome::kFail);
  const ScriptedServer hanging([](Peer& peer) { peer.PauseUntil(milliseconds(3000)); });
  CheckConfig check = TlsCheck(hanging.port());
  check.response_timeout = Milliseconds(500);
  const Observation seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason,
            "Failure: The health checker could not complete the TLS handshake within the timeout "
            "limit.");
  EXPECT_GT(seen.phases.connect.count(), 0);
  EXPECT_EQ(seen.phases.tls_handshake.count(), 0);
  EXPECT_EQ(ProbeAndAbandon(TlsCheck(hanging.port()), milliseconds(30)), 0);
  EXPECT_EQ(ProbeWithoutDescriptors(check).outcome, Outcome::kUnknown);
}

}  // namespace
}  // namespace holdfast::health

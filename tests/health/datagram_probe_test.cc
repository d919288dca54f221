// The UDP and DNS probes against real endpoints on loopback.
#include <gtest/gtest.h>

#include "dataplane/wire/name.h"
#include "health/probe/probe.h"
#include "tests/health/probe_run.h"
#include "tests/health/scripted_server.h"
#include "tests/health/scripted_udp.h"

namespace holdfast::health {
namespace {

using namespace testing;
using Replies = std::vector<std::string>;

CheckConfig UdpCheck(std::uint16_t port, UdpSettings settings) {
  CheckConfig check = LoopbackCheck(CheckType::kUdp, port);
  check.native = std::move(settings);
  return check;
}

TEST(UdpProbe, SendsItsPayloadOnceAndPassesOnAnyReply) {
  std::string got;
  ScriptedUdp server([&got](const std::string& datagram) {
    got = datagram;
    return Replies{""};
  });
  const std::string payload("\0PING\r\n", 7);
  const Observation seen = ProbeOnce(UdpCheck(server.port(), {.payload = payload, .expect = ""}));
  EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
  EXPECT_EQ(seen.reason, "Success: UDP reply of 0 octets");
  EXPECT_GT(seen.phases.first_byte.count(), 0);
  EXPECT_EQ(seen.phases.connect.count(), 0);
  EXPECT_EQ(server.datagrams(), 1);
  EXPECT_EQ(got, payload);
}

TEST(UdpProbe, SendsAnEmptyDatagramToo) {
  ScriptedUdp server([](const std::string& got) { return Replies{got.empty() ? "none" : "some"}; });
  EXPECT_EQ(ProbeOnce(UdpCheck(server.port(), {.payload = "", .expect = "none"})).outcome,
            Outcome::kPass);
}

TEST(UdpProbe, WaitsForTheReplyThatHoldsTheString) {
  ScriptedUdp server([](const std::string&) {
    return Replies{"PONG", "", std::string(60'000, 'x'), "state=pong"};
  });
  EXPECT_EQ(ProbeOnce(UdpCheck(server.port(), {.payload = "a", .expect = "=pong"})).outcome,
            Outcome::kPass);
  CheckConfig check = UdpCheck(server.port(), {.payload = "a", .expect = "Pong"});
  check.response_timeout = Milliseconds(500);
  const Observation seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason,
            "Failure: The health checker received no UDP reply with the expected string within the "
            "timeout limit.");
}

TEST(UdpProbe, FailsAtOnceWhereNobodyListensAndInTimeWhereNobodySpeaks) {
  const Observation refused = ProbeOnce(UdpCheck(RefusedPort(), {.payload = "a", .expect = ""}));
  EXPECT_EQ(refused.outcome, Outcome::kFail);
  EXPECT_EQ(refused.reason,
            "Failure: The health checker could not receive a UDP reply: Connection refused.");
  EXPECT_LT(refused.rtt, milliseconds(1000));
  ScriptedUdp silent([](const std::string&) { return Replies{}; });
  CheckConfig check = UdpCheck(silent.port(), {.payload = "a", .expect = ""});
  check.response_timeout = Milliseconds(500);
  const Observation seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason,
            "Failure: The health checker received no UDP reply within the timeout limit.");
  EXPECT_GE(seen.rtt, milliseconds(500));
  EXPECT_LT(seen.rtt, milliseconds(3000));
  EXPECT_EQ(silent.datagrams(), 1);  // nothing is sent again
}

TEST(UdpProbe, EndsInTimeUnderAFloodOfOtherReplies) {
  ScriptedUdp server([](const std::string&) { return Replies(500, std::string(1000, 'x')); });
  CheckConfig check = UdpCheck(server.port(), {.payload = "a", .expect = "y"});
  check.response_timeout = Milliseconds(500);
  const Observation seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_LT(seen.rtt, milliseconds(3000));
}

TEST(UdpProbe, BlamesNobodyForOurDescriptorsAndKeepsSilentOnceAbandoned) {
  ScriptedUdp server([](const std::string&) { return Replies{"late"}; });
  const CheckConfig check = UdpCheck(server.port(), {.payload = "a", .expect = "never"});
  EXPECT_EQ(ProbeWithoutDescriptors(check).outcome, Outcome::kUnknown);
  EXPECT_EQ(ProbeAndAbandon(check, milliseconds(0)), 0);
  EXPECT_EQ(ProbeAndAbandon(check, milliseconds(30)), 0);
}

CheckConfig DnsCheck(std::uint16_t port) {
  CheckConfig check = LoopbackCheck(CheckType::kDns, port);
  check.native = DnsSettings{.question = wire::FromText("www.example.test").value()};
  return check;
}

// The query with the reply's flags; what follows the question is gone.
std::string Reply(std::string query, char flags_high, char flags_low) {
  query[2] = flags_high;
  query[3] = flags_low;
  return query;
}

TEST(DnsProbe, PassesOnAReplyToItsQuestionAndWaitsPastOthers) {
  std::vector<std::string> queries;
  ScriptedUdp server([&queries](const std::string& query) {
    queries.push_back(query);
    std::string foreign = Reply(query, '\x80', 2);
    foreign[0] = static_cast<char>(foreign[0] ^ 1);
    return Replies{foreign, query, "short", Reply(query, '\x84', 0)};
  });
  const Observation seen = ProbeOnce(DnsCheck(server.port()));
  EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
  EXPECT_EQ(seen.reason, "Success: DNS reply NOERROR");
  EXPECT_GT(seen.phases.first_byte.count(), 0);
  ProbeOnce(DnsCheck(server.port()));
  ASSERT_EQ(queries.size(), 2U);
  EXPECT_NE(queries[0].substr(0, 2), queries[1].substr(0, 2)) << "the same id twice, once in 65536";
}

TEST(DnsProbe, FailsOnAnotherRcodeARefusalAndSilence) {
  ScriptedUdp failing([](const std::string& query) { return Replies{Reply(query, '\x80', 2)}; });
  Observation seen = ProbeOnce(DnsCheck(failing.port()));
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason, "Failure: DNS reply SERVFAIL");
  seen = ProbeOnce(DnsCheck(RefusedPort()));
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason,
            "Failure: The health checker could not receive a DNS reply: Connection refused.");
  // Wrong ids for as long as anybody looks.
  ScriptedUdp guessing([](const std::string& query) {
    std::string wrong = Reply(query, '\x80', 0);
    wrong[1] = static_cast<char>(wrong[1] ^ 1);
    return Replies(200, wrong);
  });
  CheckConfig check = DnsCheck(guessing.port());
  check.response_timeout = Milliseconds(500);
  seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_EQ(seen.reason,
            "Failure: The health checker received no DNS reply to its question within the timeout "
            "limit.");
}

TEST(DnsProbe, BlamesNobodyForOurDescriptorsAndKeepsSilentOnceAbandoned) {
  ScriptedUdp silent([](const std::string&) { return Replies{}; });
  EXPECT_EQ(ProbeWithoutDescriptors(DnsCheck(silent.port())).outcome, Outcome::kUnknown);
  EXPECT_EQ(ProbeAndAbandon(DnsCheck(silent.port()), milliseconds(30)), 0);
}

}  // namespace
}  // namespace holdfast::health

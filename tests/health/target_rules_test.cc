// Which addresses may be probed, and that what may not gets no packet: row D19 of the fault matrix.
#include "health/probe/target_rules.h"

#include <arpa/inet.h>
#include <cstdio>
#include <gtest/gtest.h>
#include <mutex>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "health/checker/checker.h"
#include "health/probe/request.h"
#include "tests/health/probe_run.h"
#include "tests/health/scripted_dns.h"
#include "tests/health/scripted_server.h"

namespace holdfast::health {
namespace {

using namespace testing;

std::string Judge(const std::string& address, const TargetSettings& settings = {}) {
  const auto rules = TargetRules::Create(settings);
  EXPECT_TRUE(rules.has_value()) << rules.error().message;
  return rules->Refusal(IpAddress::FromText(address).value()).value_or("allowed");
}

TEST(TargetRules, RefuseByDefaultWhatIsNoHostOfANetwork) {
  const struct {
    const char* address;
    const char* verdict;
  } cases[] = {
      {"0.0.0.0", "0.0.0.0/8 (unspecified)"},
      {"0.1.2.3", "0.0.0.0/8 (unspecified)"},
      {"127.0.0.1", "127.0.0.0/8 (loopback)"},
      {"127.255.255.255", "127.0.0.0/8 (loopback)"},
      {"126.255.255.255", "allowed"},
      {"128.0.0.0", "allowed"},
      {"169.254.0.1", "169.254.0.0/16 (link-local, where clouds have their metadata)"},
      {"169.254.169.254", "169.254.0.0/16 (link-local, where clouds have their metadata)"},
      {"169.253.255.255", "allowed"},
      {"169.255.0.0", "allowed"},
      {"100.100.100.200", "100.100.100.200/32 (a cloud's metadata)"},
      {"168.63.129.16", "168.63.129.16/32 (a cloud's metadata)"},
      {"192.0.0.192", "192.0.0.0/24 (reserved)"},
      {"224.0.0.1", "224.0.0.0/4 (multicast)"},
      {"239.255.255.255", "224.0.0.0/4 (multicast)"},
      {"240.0.0.1", "240.0.0.0/4 (reserved)"},
      {"255.255.255.255", "255.255.255.255/32 (broadcast)"},
      // Private networks are the norm here; those of documentation and benchmarks lead nowhere.
      {"10.0.0.1", "allowed"},
      {"172.16.0.1", "allowed"},
      {"192.168.1.1", "allowed"},
      {"100.64.0.1", "allowed"},
      {"192.0.2.1", "allowed"},
      {"198.18.0.1", "allowed"},
      {"8.8.8.8", "allowed"},
      {"::", "::/128 (unspecified)"},
      {"::1", "::1/128 (loopback)"},
      {"::2", "::/3 (reserved)"},
      {"::127.0.0.1", "::/3 (reserved)"},
      {"100::1", "::/3 (reserved)"},
      {"64:ff9b:1::7f00:1", "::/3 (reserved)"},
      {"2001:0:1::1", "2001::/32 (Teredo)"},
      {"4000::1", "4000::/2 (reserved)"},
      {"8000::1", "8000::/2 (reserved)"},
      {"c000::1", "c000::/3 (reserved)"},
      {"e000::1", "e000::/4 (reserved)"},
      {"f000::1", "f000::/5 (reserved)"},
      {"f800::1", "f800::/6 (reserved)"},
      {"fe00::1", "fe00::/9 (reserved)"},
      {"fe80::1", "fe80::/10 (link-local)"},
      {"febf::1", "fe80::/10 (link-local)"},
      {"fec0::1", "fec0::/10 (reserved)"},
      {"ff02::1", "ff00::/8 (multicast)"},
      {"fd00:ec2::254", "fd00:ec2::254/128 (a cloud's metadata)"},
      {"fd20:ce::254", "fd20:ce::254/128 (a cloud's metadata)"},
      {"fc00::1", "allowed"},
      {"fd12:3456::1", "allowed"},
      {"2001:db8::1", "allowed"},
      {"2606:4700::1111", "allowed"},
      {"3fff::1", "allowed"},
      // What leads to an IPv4 address is that one.
      {"::ffff:127.0.0.1", "127.0.0.0/8 (loopback; it leads to 127.0.0.1)"},
      {"::ffff:10.0.0.1", "allowed"},
      {"64:ff9b::169.254.169.254",
       "169.254.0.0/16 (link-local, where clouds have their metadata; it leads to "
       "169.254.169.254)"},
      {"64:ff9b::192.0.2.1", "allowed"},
      {"2002:7f00:1::1", "127.0.0.0/8 (loopback; it leads to 127.0.0.1)"},
      {"2002:c000:201::1", "allowed"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Judge(c.address), c.verdict) << c.address;
  }
}

TEST(TargetRules, LetTheLongestPrefixDecide) {
  EXPECT_EQ(Judge("127.0.0.1", {.allow = {"127.0.0.1"}}), "allowed");
  EXPECT_EQ(Judge("127.0.0.2", {.allow = {"127.0.0.1"}}), "127.0.0.0/8 (loopback)");
  EXPECT_EQ(Judge("127.0.0.2", {.allow = {"127.0.0.0/8"}}), "allowed");
  // An allowance of everything opens nothing that is refused more closely.
  EXPECT_EQ(Judge("127.0.0.1", {.allow = {"0.0.0.0/0"}}), "127.0.0.0/8 (loopback)");
  EXPECT_EQ(Judge("127.0.0.1", {.allow = {"127.0.0.0/8"}, .deny = {"127.0.0.0/8"}}),
            "127.0.0.0/8 (deny_targets)");
  EXPECT_EQ(Judge("127.0.0.1", {.allow = {"127.0.0.0/8"}, .deny = {"127.0.0.1"}}),
            "127.0.0.1/32 (deny_targets)");
  // Nothing but one network.
  const TargetSettings only{.allow = {"10.1.0.0/16", "fd00:1::/32"}, .deny = {"0.0.0.0/0", "::/0"}};
  EXPECT_EQ(Judge("10.1.2.3", only), "allowed");
  EXPECT_EQ(Judge("10.2.0.1", only), "0.0.0.0/0 (deny_targets)");
  EXPECT_EQ(Judge("fd00:1::1", only), "allowed");
  EXPECT_EQ(Judge("2001:db8::1", only), "::/0 (deny_targets)");
  EXPECT_EQ(Judge("64:ff9b::8.8.8.8", only), "0.0.0.0/0 (deny_targets; it leads to 8.8.8.8)");
  const TargetSettings own{.allow = {"127.0.0.0/8"}, .own = {"192.0.2.53", "127.0.0.1"}};
  EXPECT_EQ(Judge("192.0.2.53", own), "192.0.2.53/32 (an address of this node)");
  EXPECT_EQ(Judge("192.0.2.54", own), "allowed");
  EXPECT_EQ(Judge("127.0.0.1", own), "127.0.0.1/32 (an address of this node)");
  EXPECT_EQ(Judge("192.0.2.53", {.allow = {"192.0.2.53"}, .own = {"192.0.2.53"}}), "allowed");
}

TEST(TargetRules, RefuseWhatIsNoPrefix) {
  const struct {
    const char* text;
    const char* part;
  } cases[] = {
      {"", "\"\" is no prefix; expected an address or a prefix such as \"192.0.2.0/24\""},
      {"localhost", "\"localhost\" is no prefix"},
      {"10.0.0.0/33", "is no prefix"},
      {"10.0.0.0/", "is no prefix"},
      {"10.0.0.0/8x", "is no prefix"},
      {"10.0.0.0/-1", "is no prefix"},
      {"2001:db8::/129", "is no prefix"},
      {"10.0.0.1/8", "\"10.0.0.1/8\" has bits behind its length; expected none"},
      {"2001:db8::1/64", "has bits behind its length"},
      {"::ffff:10.0.0.0/104", "leads to IPv4 addresses, which are judged; expected those"},
      {"64:ff9b::/96", "leads to IPv4 addresses"},
      {"2002::/16", "leads to IPv4 addresses"},
  };
  for (const auto& c : cases) {
    for (const TargetSettings& settings :
         {TargetSettings{.allow = {c.text}}, TargetSettings{.deny = {c.text}}}) {
      const auto rules = TargetRules::Create(settings);
      ASSERT_FALSE(rules.has_value()) << c.text;
      EXPECT_EQ(rules.error().code, ErrorCode::kInvalid);
      EXPECT_NE(rules.error().message.find(c.part), std::string::npos) << rules.error().message;
    }
  }
  EXPECT_TRUE(TargetRules::Create({.allow = {1024, "10.0.0.0/8"}}).has_value());
  EXPECT_FALSE(TargetRules::Create({.allow = {1025, "10.0.0.0/8"}}).has_value());
  EXPECT_FALSE(Checker::Create({.targets = {.deny = {"x"}}}, [](auto&) {}).has_value());
}

/// Counts what comes to a port of an address of this machine, by TCP or UDP.
class Trap {
 public:
  explicit Trap(const std::string& address, std::uint16_t port = 0) : port_(port) {
    const bool v6 = address.contains(':');
    for (const int kind : {SOCK_STREAM, SOCK_DGRAM}) {
      int& fd = kind == SOCK_STREAM ? tcp_ : udp_;
      fd = socket(v6 ? AF_INET6 : AF_INET, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      SocketAddress at = MakeAddress(IpAddress::FromText(address).value(), port_);
      EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&at.storage), at.octets), 0) << address;
      EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&at.storage), &at.octets), 0);
      port_ = ntohs(reinterpret_cast<const sockaddr_in*>(&at.storage)->sin_port);
    }
    EXPECT_EQ(listen(tcp_, 64), 0);
  }
  ~Trap() {
    close(tcp_);
    close(udp_);
  }
  Trap(const Trap&) = delete;
  Trap& operator=(const Trap&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int Caught() const {
    int caught = 0;
    for (int way = accept(tcp_, nullptr, nullptr); way >= 0; way = accept(tcp_, nullptr, nullptr)) {
      ++caught;
      close(way);
    }
    char octet = 0;
    while (recv(udp_, &octet, 1, 0) >= 0) {
      ++caught;
    }
    return caught;
  }

 private:
  int tcp_ = -1;
  int udp_ = -1;
  std::uint16_t port_;
};

CheckConfig Of(CheckType type, const std::string& address, std::uint16_t port) {
  CheckConfig check = LoopbackCheck(type, type == CheckType::kIcmp ? 0 : port);
  check.ip_address = address;
  if (type == CheckType::kUdp) {
    check.native = UdpSettings{.payload = "x", .expect = ""};
  } else if (type == CheckType::kDns) {
    check.native = DnsSettings{.question = std::string(1, '\0')};
  } else if (type == CheckType::kTls) {
    check.native = TlsSettings{};
  } else if (type == CheckType::kGrpc) {
    check.native = GrpcSettings{};
  } else if (type == CheckType::kIcmp) {
    check.native = IcmpSettings{};
  }
  return check;
}

constexpr CheckType kTypes[] = {CheckType::kHttp,
                                CheckType::kHttps,
                                CheckType::kHttpStrMatch,
                                CheckType::kHttpsStrMatch,
                                CheckType::kTcp,
                                CheckType::kUdp,
                                CheckType::kDns,
                                CheckType::kTls,
                                CheckType::kGrpc,
                                CheckType::kIcmp};

// Loopback by each of its addresses and each type; the metadata address and the rest of the table
// by what the probe says, since nothing of them is on this machine.
TEST(TargetFaults, D19_WhatMayNotBeProbedGetsNoConnection) {
  const Trap v4("127.0.0.1");
  const Trap v6("::1");
  int probes = 0;
  const auto refused = [&probes](const CheckConfig& check, const TargetSettings& targets) {
    const Observation seen = ProbeOnce(check, {.targets = targets});
    ++probes;
    EXPECT_EQ(seen.outcome, Outcome::kFail) << check.ip_address;
    EXPECT_TRUE(seen.reason.starts_with("Failure: The address " + check.ip_address +
                                        " may not be probed: "))
        << seen.reason;
    EXPECT_EQ(seen.phases.connect.count(), 0);
  };
  for (const CheckType type : kTypes) {
    refused(Of(type, "127.0.0.1", v4.port()), {});
    refused(Of(type, "::1", v6.port()), {});
    refused(Of(type, "::ffff:127.0.0.1", v4.port()), {});
    refused(Of(type, "0.0.0.0", v4.port()), {});
    refused(Of(type, "127.0.0.1", v4.port()), {.allow = {"127.0.0.0/8"}, .own = {"127.0.0.1"}});
    for (const char* address : {"169.254.169.254", "fe80::1", "224.0.0.1", "255.255.255.255"}) {
      refused(Of(type, address, 80), {});
    }
  }
  // A name that leads there, in its hosts file or by its owner's choice.
  ScriptedDns dns({{"evil.test", {.addresses = {"127.0.0.1"}}}});
  for (const char* name : {"evil.test", "localhost"}) {
    CheckConfig check = Of(CheckType::kTcp, "", v4.port());
    check.fqdn = name;
    const Observation seen = ProbeOnce(check, {.dns_servers = dns.address(), .targets = {}});
    ++probes;
    EXPECT_EQ(seen.reason,
              "Failure: The address 127.0.0.1 may not be probed: 127.0.0.0/8 (loopback).");
  }
  const int caught = v4.Caught() + v6.Caught();
  std::printf("D19: %d probes of refused addresses, %d connections or datagrams\n", probes, caught);
  EXPECT_EQ(caught, 0);
  // The traps do catch what is allowed.
  EXPECT_EQ(ProbeOnce(Of(CheckType::kTcp, "127.0.0.1", v4.port())).outcome, Outcome::kPass);
  EXPECT_EQ(v4.Caught(), 1);
}

TEST(TargetFaults, D19_ANameThatIsBoundAnewIsJudgedByWhatItLeadsToNow) {
  const ScriptedServer outer([](Peer&) {});
  const Trap inner("127.0.0.2", outer.port());
  ScriptedDns dns({{"rebind.test", {.addresses = {"127.0.0.1"}, .ttl = 0}}});
  std::mutex mutex;
  std::vector<Observation> seen;
  auto checker = Checker::Create(
      {.resolvers = dns.address(), .targets = {.allow = {"127.0.0.1"}, .deny = {}, .own = {}}},
      [&](const Report& report) {
        const std::lock_guard lock(mutex);
        seen.push_back(report.seen);
      });
  ASSERT_TRUE(checker.has_value());
  CheckConfig check = Of(CheckType::kTcp, "", outer.port());
  check.fqdn = "rebind.test";
  check.interval = Milliseconds(50);
  ASSERT_TRUE((*checker)->Assign({{0, 1, check}}));
  ASSERT_TRUE((*checker)->Start());
  const auto last_is = [&](Outcome outcome) {
    const auto until = Clock::now() + milliseconds(5000);
    while (Clock::now() < until) {
      usleep(2000);
      const std::lock_guard lock(mutex);
      if (!seen.empty() && seen.back().outcome == outcome) {
        return true;
      }
    }
    return false;
  };
  EXPECT_TRUE(last_is(Outcome::kPass));
  dns.Set("rebind.test", {.addresses = {"127.0.0.2"}, .ttl = 0});
  EXPECT_TRUE(last_is(Outcome::kFail));
  (*checker)->Stop();
  EXPECT_EQ(seen.back().reason,
            "Failure: The address 127.0.0.2 may not be probed: 127.0.0.0/8 (loopback).");
  EXPECT_EQ(inner.Caught(), 0);
}

TEST(TargetFaults, D19_ARedirectLeadsNowhere) {
  const Trap inner("127.0.0.1");
  const ScriptedServer server(Answer(
      Response(302, "", "Location: http://127.0.0.1:" + std::to_string(inner.port()) + "/\r\n")));
  EXPECT_EQ(ProbeOnce(LoopbackCheck(CheckType::kHttp, server.port())).outcome, Outcome::kPass);
  EXPECT_EQ(inner.Caught(), 0);
}

// The operator's own choice: where the node itself is the best one, it may be.
TEST(TargetRules, AreNotAskedForControlTargets) {
  const Trap control("127.0.0.1");
  std::mutex mutex;
  std::optional<Report> last;
  auto checker =
      Checker::Create({.control_targets = {"127.0.0.1:" + std::to_string(control.port())}},
                      [&](const Report& report) {
                        const std::lock_guard lock(mutex);
                        last = report;
                      });
  ASSERT_TRUE(checker.has_value());
  CheckConfig check = Of(CheckType::kTcp, "127.0.0.1", control.port());
  check.interval = Milliseconds(50);
  check.unhealthy_threshold = 1;
  ASSERT_TRUE((*checker)->Assign({{0, 1, check}}));
  ASSERT_TRUE((*checker)->Start());
  const auto until = Clock::now() + milliseconds(5000);
  bool down = false;
  while (!down && Clock::now() < until) {
    usleep(2000);
    const std::lock_guard lock(mutex);
    down = last && last->side == State::kUnhealthy;
  }
  EXPECT_TRUE(down);
  EXPECT_TRUE((*checker)->has_uplink());
  (*checker)->Stop();
  EXPECT_GE(control.Caught(), 1);
}

}  // namespace
}  // namespace holdfast::health

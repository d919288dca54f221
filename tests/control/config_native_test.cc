// Checks of the native types in the node's file: each key from both sides of its range.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "control/config/checks.h"
#include "control/config/native_checks.h"
#include "control/config/node.h"
#include "dataplane/wire/name.h"
#include "tests/control/node_folder.h"

namespace holdfast::control {
namespace {

using health::CheckConfig;
using health::CheckType;
using health::Milliseconds;
using ::testing::HasSubstr;

const std::string kUdp = "type = \"UDP\"\naddress = \"192.0.2.1\"\nport = 9\n";
const std::string kDns = "type = \"DNS\"\naddress = \"192.0.2.1\"\nquestion = \"a.test\"\n";
const std::string kTls = "type = \"TLS\"\naddress = \"192.0.2.1\"\n";
const std::string kGrpc = "type = \"GRPC\"\naddress = \"192.0.2.1\"\nport = 9\n";
const std::string kIcmp = "type = \"ICMP\"\naddress = \"192.0.2.1\"\n";
const std::string kPush = "type = \"PUSH\"\ntoken = \"0123456789abcdef\"\n";
const std::string kExec = "type = \"EXEC\"\ncommand = \"/bin/true\"\n";

Result<NodeConfig> Parse(const std::string& table, const std::string& id = "c1") {
  return ParseNode("[[listen]]\naddress = \"192.0.2.53\"\n[check.\"" + id + "\"]\n" + table,
                   "n.toml");
}

CheckConfig Read(const std::string& table) {
  const auto node = Parse(table);
  EXPECT_TRUE(node.has_value()) << table << (node ? "" : node.error().message);
  EXPECT_TRUE(!node || node->native_checks.size() == 1) << table;
  return node && node->native_checks.size() == 1 ? node->native_checks[0].check : CheckConfig{};
}

template <class Settings>
Settings SettingsOf(const std::string& table) {
  const CheckConfig check = Read(table);
  const auto* settings = std::get_if<Settings>(&check.native);
  EXPECT_NE(settings, nullptr) << table;
  return settings != nullptr ? *settings : Settings{};
}

TEST(NativeChecks, HaveTheirDefaults) {
  const CheckConfig udp = Read(kUdp);
  EXPECT_EQ(udp.id, "c1");
  EXPECT_EQ(udp.type, CheckType::kUdp);
  EXPECT_EQ(udp.ip_address, "192.0.2.1");
  EXPECT_EQ(udp.port, 9);
  EXPECT_EQ(udp.interval, Milliseconds(30'000));
  EXPECT_EQ(udp.connect_timeout, Milliseconds(4000));
  EXPECT_EQ(udp.response_timeout, Milliseconds(2000));
  EXPECT_EQ(udp.healthy_threshold, 3U);
  EXPECT_EQ(udp.unhealthy_threshold, 3U);
  EXPECT_EQ(udp.jitter_percent, 10U);
  EXPECT_FALSE(udp.inverted || udp.disabled || udp.measure_latency);
  EXPECT_EQ(std::get<health::UdpSettings>(udp.native), health::UdpSettings{});
  EXPECT_EQ(Read(kDns).port, 53);
  EXPECT_EQ(SettingsOf<health::DnsSettings>(kDns),
            (health::DnsSettings{.question = wire::FromText("a.test").value()}));
  EXPECT_EQ(Read(kTls).port, 443);
  EXPECT_EQ(SettingsOf<health::TlsSettings>(kTls), health::TlsSettings{.min_days_valid = 1});
  EXPECT_EQ(SettingsOf<health::GrpcSettings>(kGrpc), health::GrpcSettings{});
  EXPECT_EQ(Read(kIcmp).port, 0);
  EXPECT_EQ(SettingsOf<health::IcmpSettings>(kIcmp).count, 1U);
  EXPECT_EQ(SettingsOf<health::ExecSettings>(kExec),
            (health::ExecSettings{.command = "/bin/true", .arguments = {}, .user = "nobody"}));
}

TEST(NativeChecks, TakeWhatIsWritten) {
  const CheckConfig check =
      Read(kUdp +
           "interval_ms = 50\nconnect_timeout_ms = 10\nresponse_timeout_ms = 11\nhealthy_threshold "
           "= 100\n"
           "unhealthy_threshold = 1\njitter_percent = 0\ninverted = true\ndisabled = true\n"
           "measure_latency = true\n"
           "payload = 'A\\x00\\xfF\\r\\n\\t\\\\'\nexpect = \"ok\"\n");
  EXPECT_EQ(check.interval, Milliseconds(50));
  EXPECT_EQ(check.connect_timeout, Milliseconds(10));
  EXPECT_EQ(check.response_timeout, Milliseconds(11));
  EXPECT_EQ(check.healthy_threshold, 100U);
  EXPECT_EQ(check.unhealthy_threshold, 1U);
  EXPECT_EQ(check.jitter_percent, 0U);
  EXPECT_TRUE(check.inverted && check.disabled && check.measure_latency);
  EXPECT_EQ(std::get<health::UdpSettings>(check.native),
            (health::UdpSettings{.payload = std::string("A\0\xFF\r\n\t\\", 7), .expect = "ok"}));
  const auto dns = SettingsOf<health::DnsSettings>(
      kDns +
      "question_type = \"MX\"\nexpected_rcodes = [\"NXDOMAIN\", \"NOERROR\", \"RCODE15\"]\n"
      "expected_answer = \"10 mx.a.test\"\nrecursion_desired = true\n");
  EXPECT_EQ(dns.type, 15);
  EXPECT_EQ(dns.rcodes, 0x8009U);
  EXPECT_EQ(dns.rdata, std::string("\0\x0A", 2) + wire::FromText("mx.a.test").value());
  EXPECT_TRUE(dns.recursion_desired);
  EXPECT_EQ(
      SettingsOf<health::TlsSettings>(kTls + "min_days_valid = 14\nverify = true\n"
                                             "ca_bundle = \"/etc/roots.pem\"\n"),
      (health::TlsSettings{.min_days_valid = 14, .verify = true, .ca_bundle = "/etc/roots.pem"}));
  EXPECT_EQ(Read(kTls + "name = \"www.test\"\n").fqdn, "www.test");
  EXPECT_EQ(SettingsOf<health::GrpcSettings>(kGrpc + "service = \"a.B\"\ntls = true\n"),
            (health::GrpcSettings{.service = "a.B", .tls = true}));
  const CheckConfig ping = Read("type = \"ICMP\"\naddress = \"2001:DB8::1\"\ncount = 10\n");
  EXPECT_EQ(ping.ip_address, "2001:db8::1");
  EXPECT_EQ(std::get<health::IcmpSettings>(ping.native).count, 10U);
  EXPECT_EQ(SettingsOf<health::ExecSettings>(kExec + "arguments = [\"a b\", \"\"]\nuser = \"\"\n"),
            (health::ExecSettings{.command = "/bin/true", .arguments = {"a b", ""}, .user = ""}));
}

std::string Letters(std::size_t count) {
  return std::string(count, 'x');
}

TEST(NativeChecks, TakeTheEdgesOfEveryRange) {
  std::string many;
  for (int n = 0; n < 64; ++n) {
    many += "\"a\",";
  }
  for (const std::string& table : {
           kUdp + "interval_ms = 300000\nconnect_timeout_ms = 60000\nresponse_timeout_ms = 60000",
           kUdp + "jitter_percent = 50\nunhealthy_threshold = 100\nhealthy_threshold = 1",
           kUdp + "payload = \"" + Letters(1400) + "\"",
           kUdp + "payload = \"\"",
           kUdp + "expect = \"" + Letters(255) + "\"",
           std::string("type = \"UDP\"\nname = \"log.a.test.\"\nport = 65535\n"),
           std::string("type = \"UDP\"\nname = \"log\"\nport = 1\n"),
           kDns + "port = 65535\nquestion_type = \"ANY\"",
           kDns + "question_type = \"TYPE65280\"",
           std::string("type = \"DNS\"\naddress = \"::1\"\nquestion = \".\""),
           kTls + "min_days_valid = 0",
           kTls + "min_days_valid = 3650",
           kGrpc + "service = \"" + Letters(255) + "\"",
           kExec + "arguments = [" + many + "]",
           kExec + "user = \"" + Letters(32) + "\"",
           kExec + "response_timeout_ms = 60000",
       }) {
    Read(table);
  }
  EXPECT_TRUE(Parse(kUdp, Letters(64)).has_value());
}

TEST(NativeChecks, RefuseEachFaultWithItsPlaceKeyValueAndRange) {
  std::string many;
  for (int n = 0; n < 65; ++n) {
    many += "\"a\",";
  }
  const struct {
    std::string table;
    const char* part;
  } cases[] = {
      {"type = \"SMTP\"\n",
       "n.toml:4:8: key 'type' is \"SMTP\"; expected \"UDP\", \"DNS\", \"TLS\", \"GRPC\", "
       "\"ICMP\", "
       "\"EXEC\" or \"PUSH\""},
      {"type = 1\n", "key 'type' is 1; expected \"UDP\""},
      {"type = \"ICMP\"\n",
       "n.toml:3:1: key 'address' and 'name' are missing; expected one of them"},
      {"type = \"ICMP\"\naddress = \"192.0.2\"\n",
       "n.toml:5:11: key 'address' is \"192.0.2\"; expected an IPv4 or IPv6 address"},
      {"type = \"ICMP\"\nname = \"a..b\"\n", "key 'name' is \"a..b\": name has an empty label"},
      {"type = \"ICMP\"\nname = \"\"\n", "key 'name' has 0 characters; expected 1..255"},
      {kIcmp + "name = \"a.test\"\n",
       "key 'name' is given beside 'address'; expected one of them for type ICMP"},
      {kIcmp + "port = 7\n", "n.toml:6:8: key 'port' is given; expected none for type ICMP"},
      {kIcmp + "count = 0\n", "key 'count' is 0; expected 1..10"},
      {kIcmp + "count = 11\n", "key 'count' is 11; expected 1..10"},
      {"type = \"UDP\"\naddress = \"192.0.2.1\"\n",
       "key 'port' is missing; expected 1..65535, since the type is UDP"},
      {"type = \"GRPC\"\naddress = \"192.0.2.1\"\n",
       "key 'port' is missing; expected 1..65535, since the type is GRPC"},
      {kTls + "port = 0\n", "key 'port' is 0; expected 1..65535"},
      {kTls + "port = 65536\n", "key 'port' is 65536; expected 1..65535"},
      {kUdp + "interval_ms = 49\n", "key 'interval_ms' is 49; expected 50..300000"},
      {kUdp + "interval_ms = 300001\n", "expected 50..300000"},
      {kUdp + "connect_timeout_ms = 9\n", "key 'connect_timeout_ms' is 9; expected 10..60000"},
      {kUdp + "connect_timeout_ms = 60001\n", "expected 10..60000"},
      {kUdp + "response_timeout_ms = 9\n", "key 'response_timeout_ms' is 9; expected 10..60000"},
      {kUdp + "response_timeout_ms = 60001\n", "expected 10..60000"},
      {kUdp + "interval_ms = 1000\n",
       "key 'connect_timeout_ms' is 4000, its default; expected less than interval_ms x "
       "unhealthy_threshold, "
       "which is 3000"},
      {kExec + "interval_ms = 1000\nresponse_timeout_ms = 3000\n",
       "key 'response_timeout_ms' is 3000; expected less than interval_ms x unhealthy_threshold"},
      {kUdp + "body_timeout_ms = 100\n",
       "key 'body_timeout_ms' is given; expected none beside a 'type'"},
      {kUdp + "healthy_threshold = 0\n", "key 'healthy_threshold' is 0; expected 1..100"},
      {kUdp + "healthy_threshold = 101\n", "expected 1..100"},
      {kUdp + "unhealthy_threshold = 0\n", "key 'unhealthy_threshold' is 0; expected 1..100"},
      {kUdp + "unhealthy_threshold = 101\n", "expected 1..100"},
      {kUdp + "jitter_percent = -1\n", "key 'jitter_percent' is -1; expected 0..50"},
      {kUdp + "jitter_percent = 51\n", "expected 0..50"},
      {kUdp + "label = \"\"\n", "key 'label' has 0 characters; expected 1..256"},
      {kUdp + "label = \"" + Letters(257) + "\"\n", "key 'label' has 257 characters"},
      {kUdp + "address_family = \"v6\"\n",
       "key 'address_family' is given beside 'address'; expected none"},
      {"type = \"UDP\"\nname = \"a.test\"\nport = 1\naddress_family = \"v5\"\n",
       "key 'address_family' is \"v5\"; expected \"v4\", \"v6\" or \"any\""},
      {kExec + "address_family = \"v4\"\n",
       "key 'address_family' is given; expected none for type EXEC"},
      {kUdp + "token = \"0123456789abcdef\"\n", "key 'token' is given; expected none for type UDP"},
      {"type = \"PUSH\"\n", "key 'token' is missing; expected 16..128 characters of ASCII"},
      {"type = \"PUSH\"\ntoken = \"" + Letters(15) + "\"\n",
       "key 'token' has 15 characters; expected 16..128"},
      {"type = \"PUSH\"\ntoken = \"" + Letters(129) + "\"\n", "key 'token' has 129 characters"},
      {"type = \"PUSH\"\ntoken = \"a blank is no good\"\n",
       "key 'token' has other characters; expected 16..128 characters of ASCII without blanks"},
      {kPush + "interval_ms = 49\n", "key 'interval_ms' is 49; expected 50..300000"},
      {kPush + "unhealthy_threshold = 0\n", "expected 1..100"},
      {kPush + "healthy_threshold = 101\n", "expected 1..100"},
      {kPush + "address = \"192.0.2.1\"\n", "key 'address' is given; expected none for type PUSH"},
      {kPush + "response_timeout_ms = 100\n", "key 'response_timeout_ms' is given; expected none"},
      {kPush + "jitter_percent = 1\n",
       "key 'jitter_percent' is given; expected none for type PUSH"},
      {kPush + "quorum_percent = 1\n",
       "key 'quorum_percent' is given; expected none for type PUSH"},
      {kPush + "min_reporters = 1\n", "key 'min_reporters' is given; expected none"},
      {kPush + "report_ttl_ms = 1000\n", "key 'report_ttl_ms' is given; expected none"},
      {kPush + "on_stale = \"keep\"\n", "key 'on_stale' is given; expected none"},
      {kPush,
       "key 'http' has no 'listen'; expected an address, since [check.\"c1\"] of type PUSH is told "
       "there"},
      {kUdp + "inverted = 1\n", "key 'inverted' is 1; expected true or false"},
      {kUdp + "disabled = \"no\"\n", "key 'disabled' is \"no\"; expected true or false"},
      {kUdp + "payload = \"" + Letters(1401) + "\"\n",
       "key 'payload' has 1401 octets; expected 0..1400"},
      {kUdp + "payload = '\\q'\n", "key 'payload' is \"\\q\"; expected no escapes but \\xNN"},
      {kUdp + "payload = '\\x4'\n", "key 'payload' is \"\\x4\"; expected no escapes"},
      {kUdp + "payload = 'a\\'\n", "key 'payload' is \"a\\\"; expected no escapes"},
      {kUdp + "expect = \"\"\n", "key 'expect' has 0 octets; expected 1..255"},
      {kUdp + "expect = \"" + Letters(256) + "\"\n",
       "key 'expect' has 256 octets; expected 1..255"},
      {kUdp + "tls = true\n", "key 'tls' is given; expected none for type UDP"},
      {kUdp + "intervall_ms = 100\n",
       "key 'intervall_ms' is not known; did you mean 'interval_ms'?"},
      {"type = \"DNS\"\naddress = \"192.0.2.1\"\n",
       "key 'question' is missing; expected the domain name to ask for"},
      {"type = \"DNS\"\naddress = \"192.0.2.1\"\nquestion = \"a..b\"\n",
       "key 'question' is \"a..b\": name has an empty label"},
      {kDns + "question_type = \"SOAP\"\n",
       "key 'question_type' is \"SOAP\"; expected a record type such as"},
      {kDns + "question_type = \"OPT\"\n",
       "key 'question_type' is \"OPT\"; expected a record type"},
      {kDns + "expected_rcodes = []\n", "key 'expected_rcodes' is empty; expected names of one"},
      {kDns + "expected_rcodes = [\"NOPE\"]\n",
       "key 'expected_rcodes' is \"NOPE\"; expected names of one or more RCODEs"},
      {kDns + "expected_rcodes = [3]\n", "key 'expected_rcodes' is 3; expected names"},
      {kDns + "expected_rcodes = \"NOERROR\"\n",
       "key 'expected_rcodes' is \"NOERROR\"; expected an array"},
      {kDns + "question_type = \"A\"\nexpected_answer = \"192.0.2.256\"\n",
       "key 'expected_answer' is \"192.0.2.256\": rdata '192.0.2.256' is no A"},
      {kDns + "recursion_desired = 1\n", "key 'recursion_desired' is 1; expected true or false"},
      {kDns + "expect = \"a\"\n", "key 'expect' is given; expected none for type DNS"},
      {kTls + "min_days_valid = -1\n", "key 'min_days_valid' is -1; expected 0..3650"},
      {kTls + "min_days_valid = 3651\n", "key 'min_days_valid' is 3651; expected 0..3650"},
      {kTls + "verify = \"yes\"\n", "key 'verify' is \"yes\"; expected true or false"},
      {kTls + "ca_bundle = \"roots.pem\"\n",
       "key 'ca_bundle' is given; expected none unless verify = true"},
      {kTls + "count = 1\n", "key 'count' is given; expected none for type TLS"},
      {kGrpc + "service = \"" + Letters(256) + "\"\n",
       "key 'service' has 256 characters; expected 0..255"},
      {kGrpc + "tls = 1\n", "key 'tls' is 1; expected true or false"},
      {kGrpc + "verify = true\n", "key 'verify' is given; expected none for type GRPC"},
      {"type = \"EXEC\"\n", "key 'command' is missing; expected the absolute path of a program"},
      {"type = \"EXEC\"\ncommand = \"bin/true\"\n",
       "key 'command' is \"bin/true\"; expected an absolute path"},
      {"type = \"EXEC\"\ncommand = \"\"\n", "key 'command' has 0 characters; expected 1..4096"},
      {kExec + "arguments = [1]\n", "key 'arguments' is 1; expected strings only"},
      {kExec + "arguments = [" + many + "]\n", "key 'arguments' has 65 items; expected 0..64"},
      {kExec + "arguments = [\"" + Letters(4097) + "\"]\n", "expected at most 4096 octets each"},
      {kExec + "user = \"" + Letters(33) + "\"\n", "key 'user' has 33 characters; expected 0..32"},
      {kExec + "address = \"192.0.2.1\"\n", "key 'address' is given; expected none for type EXEC"},
      {kExec + "measure_latency = true\n",
       "key 'measure_latency' is given; expected none for type EXEC"},
      {kUdp + "measure_latency = 1\n", "key 'measure_latency' is 1; expected true or false"},
      {kTls + "keep_alive = true\n", "keep_alive"},
      {kExec + "connect_timeout_ms = 100\n",
       "key 'connect_timeout_ms' is given; expected none for type EXEC"},
  };
  for (const auto& c : cases) {
    const auto node = Parse(c.table);
    ASSERT_FALSE(node.has_value()) << c.table;
    EXPECT_EQ(node.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(node.error().message, HasSubstr(c.part)) << c.table;
  }
  const auto node = Parse(kUdp, Letters(65));
  ASSERT_FALSE(node.has_value());
  EXPECT_THAT(node.error().message, HasSubstr("n.toml:3:1: health check \"xxx"));
  EXPECT_THAT(node.error().message, HasSubstr("Id is"));
}

TEST(NativeChecks, ArePushedByAnAgentThatKnowsTheToken) {
  const auto node =
      Parse(kPush +
            "label = \"nightly backup\"\ninterval_ms = 50\nunhealthy_threshold = 100\n"
            "hold_down_ms = 1000\n[http]\nlisten = [\"127.0.0.1:9153\"]\n");
  ASSERT_TRUE(node.has_value()) << node.error().message;
  const NativeCheck& push = node->native_checks.at(0);
  EXPECT_EQ(push.check.type, CheckType::kPush);
  EXPECT_EQ(push.token, "0123456789abcdef");
  EXPECT_EQ(push.name, "nightly backup");
  EXPECT_EQ(push.check.interval, Milliseconds(50));
  EXPECT_EQ(push.check.unhealthy_threshold, 100U);
  EXPECT_EQ(push.check.damping.hold_down, Milliseconds(1000));
}

TEST(NativeChecks, LookAtTheFamilyThatIsWanted) {
  const std::string named = "type = \"UDP\"\nname = \"log.a.test\"\nport = 9\n";
  EXPECT_EQ(Read(named).address_family, health::AddressFamily::kV4);
  for (const auto& [word, family] : {std::pair("v4", health::AddressFamily::kV4),
                                     std::pair("v6", health::AddressFamily::kV6),
                                     std::pair("any", health::AddressFamily::kAny)}) {
    EXPECT_EQ(Read(named + "address_family = \"" + word + "\"\n").address_family, family);
  }
}

using NativeChecksOfANode = NodeFolder;

// Fault matrix D19, when it is set: by both kinds of files, with all that is needed to mend it.
TEST_F(NativeChecksOfANode, MayNotLookAtRefusedAddresses) {
  Write("c.json", R"({"HealthChecks": [
    {"Id": "web", "HealthCheckConfig": {"Type": "HTTP", "IPAddress": "169.254.169.254"}},
    {"Id": "own", "HealthCheckConfig": {"Type": "TCP", "Port": 53, "IPAddress": "192.0.2.53"}},
    {"Id": "lit", "HealthCheckConfig": {"Type": "TCP", "Port": 1,
                                        "FullyQualifiedDomainName": "127.0.0.1"}}]})");
  const std::string ping =
      "[check.ping]\ntype = \"ICMP\"\naddress = \"::ffff:127.0.0.1\"\n"
      "[check.log]\ntype = \"UDP\"\nport = 1\nname = \"127.1.2.3\"\n";
  const auto refused = Load("[health]\nchecks = \"c.json\"\n" + ping);
  ASSERT_FALSE(refused.has_value());
  const std::string unless = "is refused unless [health] allow_targets of the node's file has it";
  for (const std::string& part :
       {std::string("c.json:2: health check 'web': IPAddress is \"169.254.169.254\"; expected an "
                    "address that may be probed: 169.254.0.0/16 (link-local, where clouds have "
                    "their metadata) ") +
            unless,
        "c.json:3: health check 'own': IPAddress is \"192.0.2.53\"; expected an address that may "
        "be "
        "probed: 192.0.2.53/32 (an address of this node) " +
            unless,
        "health check 'lit': FullyQualifiedDomainName is \"127.0.0.1\"; expected an address that "
        "may be probed: 127.0.0.0/8 (loopback) " +
            unless,
        "n.toml:5:1: check 'ping': key 'address' is \"::ffff:127.0.0.1\"; expected an address that "
        "may be probed: 127.0.0.0/8 (loopback; it leads to 127.0.0.1) " +
            unless,
        "n.toml:8:1: check 'log': key 'name' is \"127.1.2.3\"; expected an address that may be "
        "probed: 127.0.0.0/8 (loopback) " +
            unless}) {
    EXPECT_THAT(refused.error().message, HasSubstr(part));
  }
  const auto allowed = Load(
      "[health]\nchecks = \"c.json\"\nallow_targets = [\"169.254.169.254\", \"192.0.2.53\", "
      "\"127.0.0.0/8\"]\n" +
      ping);
  EXPECT_TRUE(allowed.has_value()) << allowed.error().message;
  const auto denied = Load(
      "[health]\ndeny_targets = [\"10.0.0.0/8\"]\n[check.ping]\n"
      "type = \"ICMP\"\naddress = \"10.1.2.3\"\n");
  ASSERT_FALSE(denied.has_value());
  EXPECT_THAT(denied.error().message, HasSubstr("10.0.0.0/8 (deny_targets) is refused"));
}

TEST_F(NativeChecksOfANode, StandBesideThoseOfTheJsonFile) {
  Write("c.json", R"({"HealthChecks": [
    {"Id": "both", "HealthCheckConfig": {"Type": "CALCULATED", "HealthThreshold": 1,
                                         "ChildHealthChecks": ["ping", "web"]}},
    {"Id": "web", "HealthCheckConfig": {"Type": "HTTP", "IPAddress": "192.0.2.1"}}]})");
  const std::string tail =
      "[health]\nchecks = \"c.json\"\n[check.web]\njitter_percent = 0\n[check.";
  const auto loaded = Load(tail + "ping]\n" + kIcmp);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_TRUE(loaded->warnings.Warnings().empty());  // 'ping' is known as a child
  ASSERT_EQ(loaded->model.checks.size(), 3U);
  EXPECT_EQ(loaded->model.checks[0].type, CheckType::kIcmp);
  const auto twice = Load("[health]\nchecks = \"c.json\"\n[check.web]\n" + kIcmp);
  ASSERT_FALSE(twice.has_value());
  EXPECT_THAT(twice.error().message, HasSubstr("Id is that of a [check.\"ID\"] with a type"));
  const auto untyped = Load(tail + "pong]\njitter_percent = 0\n");
  ASSERT_FALSE(untyped.has_value());
  EXPECT_THAT(
      untyped.error().message,
      HasSubstr("check 'pong' names no health check; expected the id of one, or a key 'type'"));
}

TEST_F(NativeChecksOfANode, AreRefusedForWhatThisMachineLacks) {
  Write("plain", "no program");
  const std::string plain = (folder_ / "plain").string();
  const struct {
    std::string table;
    std::string part;
  } cases[] = {
      {"type = \"EXEC\"\ncommand = \"/nonexistent/probe\"\n",
       "n.toml:3:1: check 'c': key 'command' is \"/nonexistent/probe\": No such file or directory"},
      {"type = \"EXEC\"\ncommand = \"" + plain + "\"\n",
       "key 'command' is \"" + plain + "\"; expected an executable file"},
      {"type = \"EXEC\"\ncommand = \"/bin\"\n",
       "key 'command' is \"/bin\"; expected an executable"},
      {kExec + "user = \"nobody-of-this-name\"\n",
       "key 'user' is \"nobody-of-this-name\"; expected a user of this machine, or \"\""},
      {kTls + "verify = true\nca_bundle = \"roots.pem\"\n",
       "check 'c': key 'ca_bundle': cannot open " + (folder_ / "roots.pem").string() +
           ": No such file"},
  };
  for (const auto& c : cases) {
    const auto loaded = Load("[check.c]\n" + c.table);
    ASSERT_FALSE(loaded.has_value()) << c.table;
    EXPECT_THAT(loaded.error().message, HasSubstr(c.part)) << c.table;
  }
}

TEST_F(NativeChecksOfANode, AreOthersWhenTheirBundleIsAnother) {
  const std::string table = "[check.c]\n" + kTls + "verify = true\nca_bundle = \"roots.pem\"\n";
  Write("roots.pem", "one");
  const auto before = Load(table);
  const auto same = Load(table);
  Write("roots.pem", "two");
  const auto after = Load(table);
  ASSERT_TRUE(before.has_value() && same.has_value() && after.has_value());
  EXPECT_TRUE(before->model.checks == same->model.checks);
  EXPECT_FALSE(before->model.checks == after->model.checks);
}

}  // namespace
}  // namespace holdfast::control

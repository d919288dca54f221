// When probes start and from where they go, by both kinds of [check."ID"] tables: each key from
// both sides of what it may be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "control/config/checks.h"
#include "control/config/node.h"

namespace holdfast::control {
namespace {

using health::AddressFamily;
using health::CheckConfig;
using health::Origin;
using ::testing::HasSubstr;

const std::string kUdp = "type = \"UDP\"\naddress = \"192.0.2.1\"\nport = 9\n";
const std::string kNamedUdp = "type = \"UDP\"\nname = \"a.test\"\nport = 9\n";
const std::string kHttp = R"("Type": "HTTP", "IPAddress": "192.0.2.1")";
const std::string kHttp6 = R"("Type": "HTTP", "IPAddress": "2001:db8::1")";
const std::string kNamedHttp = R"("Type": "HTTPS", "FullyQualifiedDomainName": "a.test")";

Result<NodeConfig> Parse(const std::string& table) {
  return ParseNode("[[listen]]\naddress = \"192.0.2.53\"\n[check.\"c1\"]\n" + table, "n.toml");
}

/// A check of the node's file, or of a JSON file when `check` is the inside of one.
Result<CheckConfig> Read(const std::string& check, const std::string& keys) {
  const bool native = check.starts_with("type");
  const auto node = Parse(native ? check + keys : keys);
  if (!node) {
    return std::unexpected(node.error());
  }
  if (native) {
    return node->native_checks.at(0).check;
  }
  std::vector<CheckConfig> checks;
  Findings findings;
  const std::string text =
      R"({"HealthChecks": [{"Id": "c1", "HealthCheckConfig": {)" + check + "}}]}";
  ReadChecksText(text, "c.json", {}, {}, checks, findings);
  EXPECT_TRUE(findings.Ok()) << check;
  ApplyOverlays(node->check_overlays, checks, findings);
  if (!findings.Ok()) {
    return std::unexpected(findings.ToError());
  }
  return checks.at(0);
}

CheckConfig Taken(const std::string& check, const std::string& keys) {
  const auto read = Read(check, keys);
  EXPECT_TRUE(read.has_value()) << check << keys << (read ? "" : read.error().message);
  EXPECT_TRUE(!read || ValidateCheck(*read)) << check << keys;
  return read ? *read : CheckConfig{};
}

TEST(ProbeOriginKeys, AreNothingByDefault) {
  for (const std::string& check : {kUdp, kHttp}) {
    const CheckConfig read = Taken(check, "label = \"x\"\n");
    EXPECT_FALSE(read.fixed_rate);
    EXPECT_FALSE(static_cast<bool>(read.origin));
  }
}

TEST(ProbeOriginKeys, AreTakenByBothKindsOfTables) {
  for (const std::string& check : {kUdp, kHttp}) {
    const CheckConfig read = Taken(check,
                                   "fixed_rate = true\nsource_address = \"192.0.2.9\"\n"
                                   "interface = \"eth1\"\nnamespace = \"blue\"\n");
    EXPECT_TRUE(read.fixed_rate);
    EXPECT_EQ(
        *read.origin,
        (Origin{.source_address = "192.0.2.9", .interface = "eth1", .network_namespace = "blue"}));
    EXPECT_FALSE(Taken(check, "fixed_rate = false\n").fixed_rate);
    const std::string longest(15, 'i');
    EXPECT_EQ(Taken(check, "interface = \"" + longest + "\"\n").origin->interface, longest);
    EXPECT_EQ(Taken(check, "interface = \"i\"\n").origin->interface, "i");
    const std::string name(255, 'n');
    EXPECT_EQ(Taken(check, "namespace = \"" + name + "\"\n").origin->network_namespace, name);
    EXPECT_EQ(Taken(check, "namespace = \"...\"\n").origin->network_namespace, "...");
  }
}

TEST(ProbeOriginKeys, AreOfEveryTypeThatTheyMeanSomethingFor) {
  const std::string all =
      "fixed_rate = true\nsource_address = \"192.0.2.9\"\ninterface = \"e\"\nnamespace = \"b\"\n";
  for (const std::string& check :
       {std::string("type = \"DNS\"\naddress = \"192.0.2.1\"\nquestion = \"a.test\"\n"),
        std::string("type = \"TLS\"\naddress = \"192.0.2.1\"\n"),
        std::string("type = \"GRPC\"\naddress = \"192.0.2.1\"\nport = 9\n"),
        std::string("type = \"ICMP\"\naddress = \"192.0.2.1\"\n"),
        std::string(R"("Type": "TCP", "IPAddress": "192.0.2.1", "Port": 1)"),
        std::string(R"("Type": "HTTPS", "IPAddress": "192.0.2.1")"),
        std::string(
            R"("Type": "HTTP_STR_MATCH", "SearchString": "x", "IPAddress": "192.0.2.1")")}) {
    EXPECT_EQ(Taken(check, all).origin->interface, "e");
  }
  EXPECT_TRUE(
      Taken("type = \"EXEC\"\ncommand = \"/bin/true\"\n", "fixed_rate = true\n").fixed_rate);
}

TEST(ProbeOriginKeys, ChooseASourceOfTheTargetsFamily) {
  EXPECT_EQ(Taken(kHttp6, "source_address = \"2001:DB8::9\"\n").origin->source_address,
            "2001:db8::9");
  Taken("type = \"ICMP\"\naddress = \"fe80::1\"\n",
        "source_address = \"fe80::9\"\ninterface = \"e\"\n");
  for (const std::string& named : {kNamedUdp, kNamedHttp}) {
    EXPECT_EQ(Taken(named, "source_address = \"192.0.2.9\"\n").address_family, AddressFamily::kV4);
    Taken(named, "source_address = \"192.0.2.9\"\naddress_family = \"v4\"\n");
    EXPECT_EQ(Taken(named, "source_address = \"::9\"\naddress_family = \"v6\"\n").address_family,
              AddressFamily::kV6);
  }
}

TEST(ProbeOriginKeys, AreRefusedWithTheirKeyValueAndWhatWasExpected) {
  const std::string exec = "type = \"EXEC\"\ncommand = \"/bin/true\"\n";
  const std::string push = "type = \"PUSH\"\ntoken = \"0123456789abcdef\"\n";
  const std::string calculated = R"("Type": "CALCULATED", "HealthThreshold": 0)";
  const struct {
    std::string check;
    std::string keys;
    const char* part;
  } cases[] = {
      {kUdp, "fixed_rate = 1\n", "n.toml:7:14: key 'fixed_rate' is 1; expected true or false"},
      {kHttp, "fixed_rate = \"no\"\n", "key 'fixed_rate' is \"no\"; expected true or false"},
      {push, "fixed_rate = true\n", "key 'fixed_rate' is given; expected none for type PUSH"},
      {push, "interface = \"e\"\n", "key 'interface' is given; expected none for type PUSH"},
      {calculated,
       "fixed_rate = true\n",
       "n.toml:3:1: check 'c1': is CALCULATED, which nothing is probed for"},
      {calculated, "namespace = \"b\"\n", "is CALCULATED, which nothing is probed for"},
      {calculated, "interface = \"b\"\n", "is CALCULATED, which nothing is probed for"},
      {calculated, "source_address = \"::1\"\n", "is CALCULATED, which nothing is probed for"},
      {exec,
       "source_address = \"192.0.2.9\"\n",
       "n.toml:6:18: key 'source_address' is given; expected none for type EXEC"},
      {exec, "interface = \"e\"\n", "key 'interface' is given; expected none for type EXEC"},
      {exec, "namespace = \"b\"\n", "key 'namespace' is given; expected none for type EXEC"},
      {kUdp,
       "source_address = \"eth1\"\n",
       "key 'source_address' is \"eth1\"; expected an IPv4 or IPv6 address"},
      {kHttp, "source_address = \"\"\n", "key 'source_address' is \"\"; expected an IPv4 or IPv6"},
      {kUdp,
       "source_address = \"2001:db8::9\"\n",
       "key 'source_address' is \"2001:db8::9\"; expected an IPv4 address, as 192.0.2.1 is"},
      {kHttp6,
       "source_address = \"192.0.2.9\"\n",
       "n.toml:3:1: check 'c1': key 'source_address' is \"192.0.2.9\"; expected an IPv6 address, "
       "as 2001:db8::1 is"},
      {kNamedUdp,
       "source_address = \"::9\"\n",
       "key 'address_family' is \"v4\", as by default; expected \"v6\" as source_address is"},
      {kNamedHttp,
       "source_address = \"::9\"\naddress_family = \"v4\"\n",
       "key 'address_family' is \"v4\", as by default; expected \"v6\" as source_address is"},
      {kNamedHttp,
       "source_address = \"192.0.2.9\"\naddress_family = \"v6\"\n",
       "key 'address_family' is \"v6\"; expected \"v4\" as source_address is"},
      {kNamedUdp,
       "source_address = \"192.0.2.9\"\naddress_family = \"any\"\n",
       "key 'address_family' is \"any\"; expected \"v4\" or \"v6\" as source_address is"},
      {kHttp6,
       "source_address = \"fe80::9\"\n",
       "key 'source_address' is \"fe80::9\", which is link-local; expected 'interface' beside it"},
      {kUdp, "interface = 1\n", "key 'interface' is 1; expected"},
      {kUdp, "interface = \"\"\n", "key 'interface' is \"\"; expected the name of an interface"},
      {kHttp,
       "interface = \"" + std::string(16, 'i') + "\"\n",
       "key 'interface' is \"iiiiiiiiiiiiiiii\"; expected the name of an interface: 1..15"},
      {kUdp, "interface = \"a/b\"\n", "key 'interface' is \"a/b\"; expected"},
      {kUdp, "interface = \"a b\"\n", "key 'interface' is \"a b\"; expected"},
      {kUdp, "interface = \"a\\tb\"\n", "key 'interface' is"},
      {kUdp, "interface = \"eth0:1\"\n", "key 'interface' is \"eth0:1\"; expected"},
      {kUdp, "interface = \"..\"\n", "key 'interface' is \"..\"; expected"},
      {kUdp, "namespace = true\n", "key 'namespace' is true; expected"},
      {kUdp,
       "namespace = \"\"\n",
       "key 'namespace' is \"\"; expected the name of a network namespace, as `ip netns` shows it: "
       "1..255 characters without '/'"},
      {kHttp, "namespace = \"" + std::string(256, 'n') + "\"\n", "key 'namespace' is \"nnn"},
      {kUdp, "namespace = \"../init\"\n", "key 'namespace' is \"../init\"; expected"},
      {kHttp, "namespace = \".\"\n", "key 'namespace' is \".\"; expected"},
      {kHttp, "namespace = \"..\"\n", "key 'namespace' is \"..\"; expected"},
  };
  for (const auto& c : cases) {
    const auto read = Read(c.check, c.keys);
    ASSERT_FALSE(read.has_value()) << c.check << c.keys;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(read.error().message, HasSubstr(c.part)) << c.check << c.keys;
  }
}

}  // namespace
}  // namespace holdfast::control

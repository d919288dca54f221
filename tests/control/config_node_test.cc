// The node's TOML file: what a good one means and how each bad one is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "control/config/node.h"
#include "control/config/toml.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

using ::testing::HasSubstr;

constexpr const char* kListen = "[[listen]]\naddress = \"192.0.2.53\"\n";

TEST(NodeFile, NeedsNoMoreThanAnAddress) {
  const auto node = ParseNode(kListen, "/etc/holdfast/holdfast.toml");
  ASSERT_TRUE(node) << node.error().message;
  ASSERT_EQ(node->listen.size(), 1U);
  EXPECT_EQ(node->listen[0].address, "192.0.2.53");
  EXPECT_EQ(node->listen[0].port, 53);
  EXPECT_FALSE(node->dataplane.enabled);
  EXPECT_TRUE(node->sockets.enabled);
  EXPECT_EQ(node->sockets.udp, SocketsUdp::kAlways);
  EXPECT_EQ(node->state_dir, "/var/lib/holdfast");
  EXPECT_EQ(node->user, "nobody");
  EXPECT_EQ(node->location, LocationConfig{});
  EXPECT_FALSE(node->location.HasFiles());
  EXPECT_TRUE(node->location.client_subnet);
  EXPECT_FALSE(node->id.empty());
}

TEST(NodeFile, ReadsEveryKey) {
  const auto node = ParseNode(R"(
[node]
id = "ns1"
state_dir = "state"
run_dir = "/run/hf"
user = "dns"
control_core = 0
[tables]
directory = "/dev/hugepages/hf"
hugepages = "2M"
size = "64M"
[[listen]]
address = "192.0.2.53"
[[listen]]
address = "2001:DB8:0::53"
[[listen]]
address = "192.0.2.54"
port = 5353
[dataplane]
lcores = [1, 2]
memory_mb = 128
hugepages = false
file_prefix = "hf-1"
eal_args = ["--no-pci"]
burst = 16
[[dataplane.port]]
device = "net_af_xdp0,iface=eth0"
queues = 2
descriptors = 512
verify_udp_checksum = false
addresses = ["2001:db8::53"]
[[dataplane.port]]
device = "3b:00.0"
[sockets]
udp = "never"
tcp_max_connections = 10
tcp_max_per_client = 5
tcp_idle_ms = 2000
tcp_total_ms = 3000
threads = 2
[[zone]]
origin = "Example.test"
file = "zones/example.test.zone"
records = "/abs/records.json"
[[zone]]
origin = "other.test."
id = "Z1"
file = "../other.zone"
[location]
geo = "geo.mmdb"
regions = "regions.csv"
latency = "/abs/latency.csv"
grid_degrees = 1
geoproximity_bias = "2022"
client_subnet = false
[cidr_collection."6f2d-2"]
blocks = "b.json"
[cidr_collection."6f2d-1"]
name = "isps"
blocks = "isps.json"
[health]
checks = "checks.json"
resolvers = ["192.0.2.53", "[2001:db8::53]:5353"]
name_max_stale_s = 0
name_queries_per_second = 100000
allow_targets = ["127.0.0.0/8", "::1"]
deny_targets = ["10.0.0.0/8"]
control_targets = ["192.0.2.1:80", "[2001:db8::1]:53"]
mass_changes = 100
[check."abc-1"]
interval_ms = 100
connect_timeout_ms = 50
response_timeout_ms = 60
body_timeout_ms = 70
healthy_threshold = 1
unhealthy_threshold = 2
jitter_percent = 0
quorum_percent = 0
min_reporters = 2
report_ttl_ms = 1000
on_stale = "unhealthy"
hold_down_ms = 60000
max_flaps_per_hour = 6
manual_failback = true
address_family = "any"
)",
                              "/etc/holdfast/holdfast.toml");
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->id, "ns1");
  EXPECT_EQ(node->state_dir, "/etc/holdfast/state");
  EXPECT_EQ(node->run_dir, "/run/hf");
  EXPECT_EQ(node->user, "dns");
  EXPECT_EQ(node->control_core, 0);
  EXPECT_EQ(node->tables.directory, "/dev/hugepages/hf");
  EXPECT_EQ(node->tables.hugepages, Hugepages::k2M);
  EXPECT_EQ(node->tables.size_octets, 64U << 20);
  ASSERT_EQ(node->listen.size(), 3U);
  EXPECT_EQ(node->listen[1].address, "2001:db8::53");
  EXPECT_TRUE(node->listen[1].ipv6);
  EXPECT_EQ(node->listen[2].port, 5353);
  const DataplaneConfig& dataplane = node->dataplane;
  EXPECT_TRUE(dataplane.enabled);
  EXPECT_EQ(dataplane.lcores, (std::vector<std::uint16_t>{1, 2}));
  EXPECT_EQ(dataplane.memory_mb, 128U);
  EXPECT_FALSE(dataplane.hugepages);
  EXPECT_EQ(dataplane.file_prefix, "hf-1");
  EXPECT_EQ(dataplane.eal_args, std::vector<std::string>{"--no-pci"});
  EXPECT_EQ(dataplane.burst, 16);
  ASSERT_EQ(dataplane.ports.size(), 2U);
  EXPECT_EQ(dataplane.ports[0].device, "net_af_xdp0,iface=eth0");
  EXPECT_EQ(dataplane.ports[0].Name(), "net_af_xdp0");
  EXPECT_EQ(dataplane.ports[0].XdpInterface(), "eth0");
  EXPECT_EQ(dataplane.ports[1].XdpInterface(), "");
  EXPECT_EQ(dataplane.ports[0].queues, 2);
  EXPECT_EQ(dataplane.ports[0].descriptors, 512);
  EXPECT_EQ(dataplane.ports[1].descriptors, 1024);
  EXPECT_EQ(dataplane.ports[1].device, "0000:3b:00.0");
  EXPECT_FALSE(dataplane.ports[0].verify_udp_checksum);
  EXPECT_EQ(dataplane.ports[0].addresses, std::vector<std::string>{"2001:db8::53"});
  EXPECT_TRUE(dataplane.ports[1].verify_udp_checksum);
  // All that have the port that ports answer.
  EXPECT_EQ(dataplane.ports[1].addresses, (std::vector<std::string>{"192.0.2.53", "2001:db8::53"}));
  EXPECT_EQ(node->sockets.udp, SocketsUdp::kNever);
  EXPECT_EQ(node->sockets.tcp_max_connections, 10U);
  EXPECT_EQ(node->sockets.tcp_max_per_client, 5U);
  EXPECT_EQ(node->sockets.tcp_idle_ms, 2000U);
  EXPECT_EQ(node->sockets.tcp_total_ms, 3000U);
  EXPECT_EQ(node->sockets.threads, 2);
  ASSERT_EQ(node->zones.size(), 2U);
  EXPECT_EQ(wire::ToText(node->zones[0].origin), "example.test.");
  EXPECT_EQ(node->zones[0].file, "/etc/holdfast/zones/example.test.zone");
  EXPECT_EQ(node->zones[0].records, "/abs/records.json");
  EXPECT_EQ(node->zones[0].id, DefaultZoneId(node->zones[0].origin));
  EXPECT_EQ(node->zones[1].file, "/etc/other.zone");
  EXPECT_EQ(node->zones[1].records, "");
  EXPECT_EQ(node->zones[1].id, "Z1");
  EXPECT_EQ(node->checks_file, "/etc/holdfast/checks.json");
  const LocationConfig& location = node->location;
  EXPECT_EQ(location.geo.path, "/etc/holdfast/geo.mmdb");
  EXPECT_EQ(location.regions.path, "/etc/holdfast/regions.csv");
  EXPECT_EQ(location.latency.path, "/abs/latency.csv");
  EXPECT_EQ(location.grid_degrees, 1);
  EXPECT_EQ(location.geoproximity_bias, GeoproximityBias::k2022);
  EXPECT_FALSE(location.client_subnet);
  EXPECT_EQ(location.collections,
            (std::vector<CidrCollectionConfig>{
                {"6f2d-1",
                 "isps",
                 {"/etc/holdfast/isps.json", "/etc/holdfast/holdfast.toml:60:10: key 'blocks'"}},
                {"6f2d-2",
                 "",
                 {"/etc/holdfast/b.json", "/etc/holdfast/holdfast.toml:57:10: key 'blocks'"}}}));
  ASSERT_EQ(node->check_overlays.size(), 1U);
  const CheckOverlay& overlay = node->check_overlays[0];
  EXPECT_EQ(overlay.id, "abc-1");
  EXPECT_EQ(overlay.interval_ms, 100U);
  EXPECT_EQ(overlay.connect_timeout_ms, 50U);
  EXPECT_EQ(overlay.response_timeout_ms, 60U);
  EXPECT_EQ(overlay.body_timeout_ms, 70U);
  EXPECT_EQ(overlay.healthy_threshold, 1U);
  EXPECT_EQ(overlay.unhealthy_threshold, 2U);
  EXPECT_EQ(overlay.jitter_percent, 0U);
  health::CheckConfig check;
  ApplyVerdictKeys(overlay.verdict, check);
  EXPECT_EQ(check.quorum,
            (health::Quorum{.percent = 0,
                            .min_reporters = 2,
                            .report_ttl = health::Milliseconds(1'000),
                            .on_stale = health::OnStale::kUnhealthy}));
  EXPECT_EQ(check.damping,
            (health::DampingRule{.hold_down = health::Milliseconds(60'000),
                                 .max_flaps_per_hour = 6,
                                 .manual_failback = true}));
  EXPECT_EQ(node->health.resolvers, "192.0.2.53,[2001:db8::53]:5353");
  EXPECT_EQ(node->mass_changes, 100U);
  EXPECT_EQ(node->health.control_targets,
            (std::vector<std::string>{"192.0.2.1:80", "[2001:db8::1]:53"}));
  EXPECT_EQ(node->health.name_max_stale.count(), 0);
  EXPECT_EQ(node->health.name_queries_per_second, 100'000U);
  EXPECT_EQ(TargetsOf(*node).allow, (std::vector<std::string>{"127.0.0.0/8", "::1"}));
  EXPECT_EQ(TargetsOf(*node).deny, (std::vector<std::string>{"10.0.0.0/8"}));
  EXPECT_EQ(TargetsOf(*node).own.at(1), "2001:db8::53");
  EXPECT_EQ(node->check_overlays.at(0).address_family, health::AddressFamily::kAny);
}

TEST(NodeFile, HasDefaultsForNamesAndMayHaveNoChecksOfRoute53) {
  const auto node =
      ParseNode(kListen + std::string("[health]\n[http]\nlisten = [\"[::1]:9153\"]\n"), "n.toml");
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_TRUE(node->checks_file.empty());
  EXPECT_EQ(node->health.name_max_stale.count(), 86'400);
  EXPECT_EQ(node->health.name_queries_per_second, 200U);
  EXPECT_TRUE(TargetsOf(*node).allow.empty() && TargetsOf(*node).deny.empty());
  EXPECT_EQ(TargetsOf(*node).own.back(), "::1");
}

TEST(NodeFile, LetsSocketsAnswerUdpOnlyAsFallbackBesideADataplane) {
  const auto node = ParseNode(std::string(kListen) +
                                  "[dataplane]\nlcores=[1]\n[[dataplane.port]]\ndevice="
                                  "\"net_ring0\"\n",
                              "n.toml");
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->sockets.udp, SocketsUdp::kFallback);
}

TEST(ZoneId, DependsOnTheOriginAlone) {
  const std::string a = DefaultZoneId(wire::FromText("a.test").value());
  EXPECT_EQ(a, DefaultZoneId(wire::FromText("a.test.").value()));
  EXPECT_NE(a, DefaultZoneId(wire::FromText("b.test").value()));
  EXPECT_EQ(a.size(), 14U);
  EXPECT_EQ(a[0], 'Z');
}

TEST(NodeFile, RefusesWithPlaceValueAndExpectation) {
  const std::string port =
      "[dataplane]\nlcores = [1]\n[[dataplane.port]]\ndevice = \"net_ring0\"\n";
  const std::vector<std::pair<std::string, std::vector<const char*>>> table{
      {"port = 70000", {"n.toml:3:8: key 'port' is 70000; expected 1..65535"}},
      {"port = \"53\"", {"n.toml:3:8: key 'port' is \"53\"; expected 1..65535"}},
      {"port = 53.5", {"key 'port' is the fraction", "expected 1..65535"}},
      {"prot = 53", {"n.toml:3:", "key 'prot' is not known; did you mean 'port'?"}},
      {"zzzzzzzz = 1", {"key 'zzzzzzzz' is not known"}},
      {"[nod]\nid = \"x\"", {"n.toml:3:1: key 'nod' is not known; did you mean 'node'?"}},
      {"[node]\nid = \"\"", {"key 'id' has 0 characters; expected 1..64"}},
      {"[node]\ncontrol_core = -1", {"key 'control_core' is -1; expected 0..1023"}},
      {"[node]\nstate_dir = 5", {"key 'state_dir' is 5; expected a string"}},
      {"node = 5", {"key 'node' is not known"}},
      {"[location]\ngrid_degrees = 0.01",
       {"n.toml:4:16: key 'grid_degrees' is the fraction", "expected 0.05..10"}},
      {"[location]\ngrid_degrees = 11", {"key 'grid_degrees' is 11; expected 0.05..10"}},
      {"[location]\ngrid_degrees = nan", {"expected 0.05..10"}},
      {"[location]\ngrid_degrees = \"1\"", {"key 'grid_degrees' is \"1\"; expected 0.05..10"}},
      {"[location]\ngeoproximity_bias = \"2023\"", {"expected \"current\" or \"2022\""}},
      {"[location]\nclient_subnet = 1", {"key 'client_subnet' is 1; expected true or false"}},
      {"[location]\ngeo = \"\"", {"key 'geo' has 0 characters"}},
      {"[location]\nregion = \"r\"", {"key 'region' is not known; did you mean 'regions'?"}},
      {"[cidr_collection.\"a b\"]\nblocks = \"b\"",
       {"n.toml:3:", "is \"a b\"; expected 1..64 letters, digits"}},
      {"[cidr_collection.a]\nname = \"x\"", {"key 'blocks' is missing; expected a JSON file"}},
      {"[cidr_collection.a]\nname = \"x y\"\nblocks = \"b\"",
       {"n.toml:4:8: key 'name' is \"x y\"; expected letters, digits"}},
      {"[cidr_collection.a]\nname = \"x\"\nblocks = \"b\"\n[cidr_collection.b]\nname = \"x\"\n"
       "blocks = \"b\"",
       {"n.toml:7:8: key 'name' is \"x\", which another [cidr_collection] has already"}},
      {"[cidr_collection]\na = 1", {"is 1; expected tables written as [cidr_collection.\"ID\"]"}},
      {"[tables]\nhugepages = \"4K\"",
       {"key 'hugepages' is \"4K\"; expected \"auto\", \"2M\", \"1G\" or \"none\""}},
      {"[tables]\nsize = \"65\"",
       {"n.toml:4:8: key 'size' is \"65\"; expected a multiple of 2 MiB"}},
      {"[tables]\nsize = \"3M\"", {"key 'size' is \"3M\"; expected a multiple of 2 MiB"}},
      {"[tables]\nsize = \"0M\"", {"key 'size' is \"0M\""}},
      {"[tables]\nsize = \"9999999999G\"", {"key 'size' is", "at most 63G"}},
      {"[tables]\nsize = \"64G\"", {"key 'size' is \"64G\"", "at most 63G"}},
      {"[tables]\nhugepages = \"1G\"\nsize = \"64M\"", {"expected a multiple of 1 GiB"}},
      {"[[listen]]\naddress = \"192.0.2.53\"",
       {"n.toml:4:11", "which another [[listen]] has already"}},
      {"[[listen]]\naddress = \"ns1.test\"",
       {"key 'address' is \"ns1.test\"; expected an IPv4 or IPv6 address"}},
      {"[[listen]]\nport = 53", {"n.toml:3:1: key 'address' is missing; expected an IPv4 or IPv6"}},
      {"[dataplane]\nlcores = [1]",
       {"key 'port' is missing; expected at least one [[dataplane.port]]"}},
      {"[dataplane]\n[[dataplane.port]]\ndevice = \"net_ring0\"",
       {"key 'lcores' is missing; expected the cores that poll"}},
      {"[dataplane]\nlcores = [1, 1]", {"key 'lcores' names core 1 twice"}},
      {"[dataplane]\nlcores = [1, \"2\"]", {"key 'lcores' is \"2\"; expected numbers of 0..1023"}},
      {"[node]\ncontrol_core = 1\n" + port,
       {"key 'lcores' names core 1, which is the control_core"}},
      {"[dataplane]\nburst = 33", {"key 'burst' is 33; expected 8..32"}},
      {"[dataplane]\nmemory_mb = 63", {"key 'memory_mb' is 63; expected 64..1048576"}},
      {"[dataplane]\nfile_prefix = \"a/b\"",
       {"key 'file_prefix' is \"a/b\"; expected letters, digits"}},
      {"[dataplane]\neal_args = [1]", {"key 'eal_args' is 1; expected strings only"}},
      {"[dataplane]\neal_args = \"-v\"", {"key 'eal_args' is \"-v\"; expected an array"}},
      {"[dataplane]\nport = [1]", {"key 'port' is 1; expected tables written as [[port]]"}},
      {port + "queues = 65", {"key 'queues' is 65; expected 1..64"}},
      {port + "descriptors = 32", {"key 'descriptors' is 32; expected 64..4096"}},
      {port + "descriptors = 1000", {"key 'descriptors' is 1000; expected a power of two"}},
      {"[dataplane]\nlcores = [1, 2]\n[[dataplane.port]]\ndevice = \"net_ring0\"\n",
       {"key 'lcores' names 2 cores, and all ports together have 1 queues"}},
      {port + "verify_udp_checksum = 1",
       {"key 'verify_udp_checksum' is 1; expected true or false"}},
      {port + "kernel_interface = 1", {"key 'kernel_interface' is 1; expected"}},
      {port + "kernel_interface = \"a b\"",
       {"key 'kernel_interface' is \"a b\"; expected the name of a tap interface"}},
      {port + "kernel_interface = \"a234567890123456\"", {"expected the name of a tap interface"}},
      {port + "kernel_interface = \"t0\"\n[[dataplane.port]]\ndevice = \"net_ring1\"\n"
              "kernel_interface = \"t0\"",
       {"key 'kernel_interface' is t0, which port net_ring0 has"}},
      {"[dataplane]\nlcores=[1]\n[[dataplane.port]]\ndevice = \"net_af_xdp0,iface=eth0\"\n"
       "kernel_interface = \"t0\"",
       {"key 'kernel_interface' is t0; expected none, since AF_XDP leaves to the kernel of eth0"}},
      {port + "addresses = [\"192.0.2.99\"]",
       {"key 'addresses' is \"192.0.2.99\"; expected addresses that a [[listen]] with port"}},
      {port + "addresses = [\"192.0.2.53\", \"192.0.2.53\"]",
       {"key 'addresses' names 192.0.2.53 twice"}},
      {port + "addresses = []", {"key 'addresses' is empty; expected addresses that a [[listen]]"}},
      {"[[listen]]\naddress = \"192.0.2.9\"\nport = 5353\n" + port + "addresses = [\"192.0.2.9\"]",
       {"key 'addresses' is \"192.0.2.9\"; expected addresses that a [[listen]] with port 53"}},
      {port + "[[dataplane.port]]\ndevice = \"net_ring0,more=1\"",
       {"another [[dataplane.port]] has the name net_ring0 already"}},
      {"[dataplane]\nlcores=[1]\n[[dataplane.port]]\ndevice = \"eth0\"",
       {"key 'device' is \"eth0\"; expected a PCI address such as"}},
      {"[dataplane]\nlcores=[1]\n[[dataplane.port]]", {"key 'device' is missing"}},
      {"[sockets]\nudp = \"sometimes\"",
       {"key 'udp' is \"sometimes\"; expected \"always\", \"fallback\" or \"never\""}},
      {"[sockets]\ntcp_max_connections = 0", {"expected 1..1000000"}},
      {"[sockets]\ntcp_idle_ms = 99", {"expected 100..3600000"}},
      {"[sockets]\ntcp_total_ms = 99", {"expected 100..86400000"}},
      {"[sockets]\ntcp_idle_ms = 2000\ntcp_total_ms = 1000",
       {"key 'tcp_total_ms' is 1000; expected at least tcp_idle_ms (2000)"}},
      {"[sockets]\nthreads = 64", {"expected 1..63"}},
      {"[sockets]\nenabled = false", {"nothing would answer"}},
      {"[[zone]]\norigin = \"a.test\"",
       {"n.toml:3:1: key 'file' is missing; expected a zone file"}},
      {"[[zone]]\nfile = \"a\"", {"key 'origin' is missing"}},
      {"[[zone]]\norigin = \"a..test\"\nfile = \"a\"",
       {"key 'origin' is \"a..test\": name has an empty"}},
      {"[[zone]]\norigin = \"a.test\"\nfile = \"a\"\n[[zone]]\norigin = \"A.test.\"\nfile = \"b\"",
       {"n.toml:7:10: key 'origin' is \"A.test.\", which the [[zone]] of line 3 has already"}},
      {"[[zone]]\norigin = \"a.test\"\nid=\"Z\"\nfile = \"a\"\n[[zone]]\norigin = "
       "\"b\"\nid=\"Z\"\nfile = \"b\"",
       {"key 'id' is \"Z\", which another [[zone]] has already"}},
      {"[[zone]]\norigin = \"a.test\"\nfile = \"a\"\nid = \"Z23456789012345678901234567890123\"",
       {"key 'id' has 33 characters; expected 1..32"}},
      {"[health]\nchecks = 1", {"key 'checks' is 1; expected a string"}},
      {"[health]\nname_max_stale_s = -1", {"key 'name_max_stale_s' is -1; expected 0..604800"}},
      {"[health]\nname_max_stale_s = 604801", {"expected 0..604800"}},
      {"[health]\nname_queries_per_second = 0",
       {"key 'name_queries_per_second' is 0; expected 1..100000"}},
      {"[health]\nname_queries_per_second = 100001", {"expected 1..100000"}},
      {"[health]\nallow_targets = [\"10.0.0.1/8\"]",
       {"n.toml:4:17: key 'allow_targets' cannot be used: \"10.0.0.1/8\" has bits behind its "
        "length; expected none"}},
      {"[health]\ndeny_targets = [\"localhost\"]",
       {"key 'deny_targets' cannot be used: \"localhost\" is no prefix; expected an address or a"}},
      {"[health]\nallow_targets = \"::1\"", {"key 'allow_targets' is \"::1\"; expected an array"}},
      {"[check.a]\naddress_family = \"v5\"",
       {"key 'address_family' is \"v5\"; expected \"v4\", \"v6\" or \"any\""}},
      {"[check]\na = 1", {"expected tables written as [check.\"ID\"]"}},
      {"[check.a]\ninterval_ms = 49", {"key 'interval_ms' is 49; expected 50..300000"}},
      {"[check.a]\ninterval_ms = 300001", {"key 'interval_ms' is 300001; expected 50..300000"}},
      {"[check.a]\nconnect_timeout_ms = 9", {"expected 10..60000"}},
      {"[check.a]\nresponse_timeout_ms = 60001", {"expected 10..60000"}},
      {"[check.a]\nbody_timeout_ms = 9", {"expected 10..60000"}},
      {"[check.a]\nhealthy_threshold = 0", {"expected 1..100"}},
      {"[tables]\nscrub_seconds = 86401", {"expected 0..86400"}},
      {"[check.a]\nunhealthy_threshold = 101", {"expected 1..100"}},
      {"[check.a]\njitter_percent = 51", {"expected 0..50"}},
      {"[check.a]\nquorum_percent = 100", {"expected 0..99"}},
      {"[check.a]\nmin_reporters = 0", {"expected 1..64"}},
      {"[check.a]\nreport_ttl_ms = 999", {"expected 1000..86400000"}},
      {"[check.a]\non_stale = \"down\"",
       {"key 'on_stale' is \"down\"; expected \"keep\", \"healthy\" or \"unhealthy\""}},
      {"[check.a]\nhold_down_ms = 86400001", {"expected 0..86400000"}},
      {"[check.a]\nmax_flaps_per_hour = 0", {"expected 1..1000"}},
      {"[check.a]\nmanual_failback = 1", {"expected true or false"}},
      {"[health]\nchecks = \"c\"\nmass_changes = 100001",
       {"key 'mass_changes' is 100001; expected 0..100000"}},
      {"[health]\nchecks = \"c\"\ncontrol_targets = [\"192.0.2.1\"]",
       {"key 'control_targets' cannot be used: control target \"192.0.2.1\" cannot be read"}},
      {"[health]\nchecks = \"c\"\nresolvers = [\"ns.test\"]", {"key 'resolvers' cannot be used: "}},
      {"[check.a]\ninterval = 100", {"key 'interval' is not known"}},
      {"port = ", {"n.toml:3:"}},
      {"port = 53\nport = 54", {"n.toml:4:"}},
  };
  for (const auto& [text, parts] : table) {
    const auto node = ParseNode(kListen + text, "n.toml");
    ASSERT_FALSE(node) << text;
    EXPECT_EQ(node.error().code, ErrorCode::kInvalid);
    for (const char* part : parts) {
      EXPECT_THAT(node.error().message, HasSubstr(part)) << text;
    }
  }
}

TEST(NodeFile, SaysWhatAReloadCannotChange) {
  const std::string file = std::string(kListen) + "[sockets]\nthreads = 2\n[node]\nuser = \"a\"\n";
  const auto running = ParseNode(file, "n.toml");
  ASSERT_TRUE(running) << running.error().message;
  EXPECT_TRUE(NeedsRestart(*running, *running).empty());
  const auto slower = ParseNode(file + "[tables]\nscrub_seconds = 3600\n", "n.toml");
  ASSERT_TRUE(slower) << slower.error().message;
  EXPECT_EQ(slower->tables.scrub_seconds, 3600U);
  EXPECT_TRUE(NeedsRestart(*running, *slower).empty());  // takes effect at once
  const auto wanted = ParseNode(std::string(kListen) +
                                    "port = 5353\n[tables]\nsize = \"2M\"\n[node]\nid = \"x\"\n"
                                    "control_core = 1\n[[zone]]\norigin = \"a\"\nfile = \"a\"\n",
                                "n.toml");
  ASSERT_TRUE(wanted) << wanted.error().message;
  const auto sentences = NeedsRestart(*running, *wanted);
  ASSERT_EQ(sentences.size(), 5U);
  EXPECT_THAT(sentences[0],
              HasSubstr("n.toml: [node] user is not what this node was started with"));
  EXPECT_THAT(sentences[1], HasSubstr("[node] control_core"));
  EXPECT_THAT(sentences[2],
              HasSubstr("[tables] is not what this node was started with; it takes effect when "));
  EXPECT_THAT(sentences[3], HasSubstr("[[listen]]"));
  EXPECT_THAT(sentences[4], HasSubstr("[sockets]"));
}

TEST(NodeFile, ReportsEveryFaultAtOnce) {
  const auto node = ParseNode("[node]\nid = 1\n[tables]\nsize = 1\n", "n.toml");
  ASSERT_FALSE(node);
  EXPECT_THAT(node.error().message, HasSubstr("n.toml:2:6: key 'id' is 1; expected a string\n"));
  EXPECT_THAT(node.error().message, HasSubstr("n.toml:4:8: key 'size' is 1"));
  EXPECT_THAT(node.error().message, HasSubstr("key 'listen' is missing"));
}

TEST(NodeFile, ThatIsNotThereIsNamed) {
  const auto node = LoadNode("/nonexistent/holdfast.toml");
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().code, ErrorCode::kIo);
  EXPECT_THAT(node.error().message, HasSubstr("/nonexistent/holdfast.toml: No such file"));
}

TEST(NodeFile, ShowsNoLongTextThatTheParserCouldNotRead) {
  const auto refused =
      ParseToml("[dns]\ncookie_secrets = [0x00112233445566778899aabbccddeeff]\n", "n.toml");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::StartsWith("n.toml:2:"));
  EXPECT_THAT(refused.error().message, testing::Not(testing::HasSubstr("8899aabb")));
}

}  // namespace
}  // namespace holdfast::control

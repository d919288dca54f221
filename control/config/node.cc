#include "control/config/node.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <charconv>
#include <unistd.h>
#include <utility>

#include "control/config/fields.h"
#include "control/config/http_keys.h"
#include "control/config/port_keys.h"
#include "control/config/probing_keys.h"
#include "control/config/text_file.h"
#include "control/config/tls_keys.h"
#include "control/config/toml.h"
#include "dataplane/table/format.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
// A TableOffset names 2^32 units of 16 octets; no further image would have one for its last unit.
constexpr std::uint64_t kMaxTablesOctets = std::uint64_t{63} << 30;

// One pass over the file's tables; each method reads one of them into `node_`.
class NodeReader {
 public:
  NodeReader(const Value& root, const std::string& path) : root_(root), path_(path) {
    node_.path = path;
  }
  Result<NodeConfig> Read();

 private:
  using Reader = void (NodeReader::*)(Fields&);
  [[nodiscard]] Fields Open(const Value& table) { return {table, path_, "", findings_}; }
  // A [table] that may be absent; calls `read` with its fields, then refuses what it did not ask
  // for.
  void ReadTable(Fields& top, std::string_view name, Reader read);
  // An [[array of tables]].
  void ReadTables(Fields& top, std::string_view name, Reader read);

  void ReadNode(Fields& fields);
  void ReadTablesRoom(Fields& fields);
  void ReadListen(Fields& fields);
  void ReadDataplane(Fields& fields);
  void ReadPort(Fields& fields) { ReadPortTable(fields, node_.listen, node_.dataplane); }
  void ReadSockets(Fields& fields);
  void ReadZone(Fields& fields);
  void ReadHealth(Fields& fields);
  void ReadDns(Fields& fields) { ReadDnsTable(fields, node_.dns); }
  void ReadAccess(Fields& fields) { node_.access = ReadAccessTable(fields); }
  void ReadRateLimit(Fields& fields) { node_.rate_limit = ReadRateLimitTable(fields); }
  void ReadLocation(Fields& fields) { ReadLocationTable(fields, path_, node_.location); }
  void ReadHttp(Fields& fields) { ReadHttpTable(fields, path_, node_.http); }
  void ReadCheckers(Fields& fields) { ReadCheckersTable(fields, path_, node_.checkers); }
  void ReadWebhook(Fields& fields) { ReadWebhookTable(fields, path_, node_.webhooks); }
  void ReadOverlay(const Value& table);
  void CheckWhole(Fields& top);
  void CheckHeartbeats(Fields& top);

  std::string PathOf(Fields& fields, std::string_view name, const std::string& fallback);

  const Value& root_;
  const std::string& path_;
  Findings findings_;
  NodeConfig node_;
  bool sockets_udp_given_ = false;
};

void NodeReader::ReadTable(Fields& top, std::string_view name, Reader read) {
  if (const Value* table = top.Table(name); table != nullptr) {
    Fields fields = Open(*table);
    (this->*read)(fields);
    fields.RefuseUnknown();
  }
}

void NodeReader::ReadTables(Fields& top, std::string_view name, Reader read) {
  for (const Value& table : top.Array(name)) {
    if (table.kind != Value::Kind::kTable) {
      top.Expected(name, table, "tables written as [[" + std::string(name) + "]]");
      continue;
    }
    Fields fields = Open(table);
    (this->*read)(fields);
    fields.RefuseUnknown();
  }
}

std::string NodeReader::PathOf(Fields& fields, std::string_view name, const std::string& fallback) {
  const auto given = fields.Text(name, {1, 4096});
  return PathFrom(path_, given ? *given : fallback);
}

// The address as inet_ntop writes it, so that equal addresses are equal strings.
void NodeReader::ReadNode(Fields& fields) {
  if (const auto id = fields.Text("id", {1, 64})) {
    node_.id = *id;
  }
  node_.state_dir = PathOf(fields, "state_dir", node_.state_dir);
  node_.run_dir = PathOf(fields, "run_dir", node_.run_dir);
  node_.user = fields.Text("user", {0, 32}).value_or(node_.user);
  if (const auto core = fields.Integer("control_core", {0, 1023})) {
    node_.control_core = static_cast<std::uint16_t>(*core);
  }
}

// "64M", "2G": a number and a unit of 1024s.
std::optional<std::uint64_t> SizeOctets(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(parsed.ptr, text.data() + text.size() - parsed.ptr);
  const std::uint64_t factor = unit == "M" ? kMiB : unit == "G" ? kMiB << 10 : 0;
  if (parsed.ec != std::errc{} || factor == 0 || number > (kMiB << 20) / factor) {
    return std::nullopt;
  }
  return number * factor;
}

void NodeReader::ReadTablesRoom(Fields& fields) {
  if (fields.Has("directory")) {
    node_.tables.directory = PathOf(fields, "directory", "");
  }
  if (const auto word = fields.Word("hugepages", {"auto", "2M", "1G", "none"})) {
    node_.tables.hugepages = static_cast<Hugepages>(*word);
  }
  if (const auto text = fields.String("size")) {
    const auto octets = SizeOctets(*text);
    const std::uint64_t page = node_.tables.hugepages == Hugepages::k1G ? kMiB << 10 : 2 * kMiB;
    if (!octets || *octets == 0 || *octets % page != 0 || *octets > kMaxTablesOctets) {
      fields.Expected("size",
                      *fields.Find("size"),
                      page == 2 * kMiB
                          ? "a multiple of 2 MiB such as \"64M\" or \"2G\", at most 63G"
                          : "a multiple of 1 GiB such as \"2G\" (hugepages are 1G), at most 63G");
    } else {
      node_.tables.size_octets = *octets;
    }
  } else if (node_.tables.hugepages == Hugepages::k1G) {
    node_.tables.size_octets = kMiB << 10;
  }
  if (const auto seconds = fields.Integer("scrub_seconds", {0, 86'400})) {
    node_.tables.scrub_seconds = static_cast<std::uint32_t>(*seconds);
  }
}

void NodeReader::ReadListen(Fields& fields) {
  ListenConfig listen;
  if (const auto port = fields.Integer("port", {1, 65535})) {
    listen.port = static_cast<std::uint16_t>(*port);
  }
  if (!fields.Require("address", "an IPv4 or IPv6 address")) {
    return;
  }
  const auto address = ReadAddress(fields, "address", *fields.Find("address"));
  if (!address) {
    return;
  }
  listen.address = *address;
  listen.ipv6 = address->contains(':');
  for (const ListenConfig& other : node_.listen) {
    if (other.address == listen.address && other.port == listen.port) {
      fields.Refuse("address", "is " + listen.address + ", which another [[listen]] has already");
    }
  }
  node_.listen.push_back(std::move(listen));
}

void NodeReader::ReadDataplane(Fields& fields) {
  DataplaneConfig& dataplane = node_.dataplane;
  dataplane.enabled = fields.Bool("enabled").value_or(true);
  for (const std::int64_t lcore : fields.Integers("lcores", {0, 1023})) {
    if (std::ranges::find(dataplane.lcores, lcore) != dataplane.lcores.end()) {
      fields.Refuse("lcores", "names core " + std::to_string(lcore) + " twice");
    }
    dataplane.lcores.push_back(static_cast<std::uint16_t>(lcore));
  }
  if (dataplane.lcores.size() > table::kMaxReaderThreads) {
    fields.Refuse("lcores",
                  "names " + std::to_string(dataplane.lcores.size()) + " cores; expected at most " +
                      std::to_string(table::kMaxReaderThreads));
  }
  dataplane.memory_mb = static_cast<std::uint32_t>(
      fields.Integer("memory_mb", {kMinMemoryMb, kMaxMemoryMb}).value_or(dataplane.memory_mb));
  dataplane.hugepages = fields.Bool("hugepages").value_or(dataplane.hugepages);
  if (const auto prefix = fields.Text("file_prefix", {1, 64})) {
    dataplane.file_prefix = *prefix;
    const auto plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
    if (!std::ranges::all_of(*prefix, plain)) {
      fields.Expected("file_prefix", *fields.Find("file_prefix"), "letters, digits, '-' and '_'");
    }
  }
  dataplane.eal_args = fields.Strings("eal_args");
  dataplane.burst = static_cast<std::uint16_t>(
      fields.Integer("burst", {kMinPollBurst, kMaxPollBurst}).value_or(dataplane.burst));
  ReadTables(fields, "port", &NodeReader::ReadPort);
  if (dataplane.enabled && dataplane.ports.empty()) {
    fields.Refuse("port", "is missing; expected at least one [[dataplane.port]]");
  }
  if (dataplane.enabled && dataplane.lcores.empty()) {
    fields.Refuse("lcores", "is missing; expected the cores that poll, such as [1]");
  }
  std::size_t queues = 0;
  for (const PortConfig& port : dataplane.ports) {
    queues += port.queues;
  }
  if (dataplane.enabled && queues != 0 && dataplane.lcores.size() > queues) {
    fields.Refuse("lcores",
                  "names " + std::to_string(dataplane.lcores.size()) +
                      " cores, and all ports together have " + std::to_string(queues) +
                      " queues; expected no more cores than queues");
  }
  for (const std::uint16_t lcore : dataplane.lcores) {
    if (node_.control_core == lcore) {
      fields.Refuse("lcores",
                    "names core " + std::to_string(lcore) +
                        ", which is the control_core; expected cores that only poll");
    }
  }
}

void NodeReader::ReadSockets(Fields& fields) {
  SocketsConfig& sockets = node_.sockets;
  sockets.enabled = fields.Bool("enabled").value_or(true);
  if (const auto word = fields.Word("udp", {"always", "fallback", "never"})) {
    sockets.udp = static_cast<SocketsUdp>(*word);
    sockets_udp_given_ = true;
  }
  const auto number = [&fields](std::string_view name, Range range, std::uint32_t& into) {
    into = static_cast<std::uint32_t>(fields.Integer(name, range).value_or(into));
  };
  number("tcp_max_connections", {1, 1'000'000}, sockets.tcp_max_connections);
  number("tcp_max_per_client", {1, 1'000'000}, sockets.tcp_max_per_client);
  number("tcp_idle_ms", {100, 3'600'000}, sockets.tcp_idle_ms);
  number("tcp_total_ms", {100, 86'400'000}, sockets.tcp_total_ms);
  if (sockets.tcp_total_ms < sockets.tcp_idle_ms) {
    fields.Refuse("tcp_total_ms",
                  "is " + std::to_string(sockets.tcp_total_ms) +
                      "; expected at least tcp_idle_ms (" + std::to_string(sockets.tcp_idle_ms) +
                      ")");
  }
  sockets.threads = static_cast<std::uint16_t>(
      fields.Integer("threads", {1, table::kMaxReaderThreads}).value_or(sockets.threads));
}

void NodeReader::ReadZone(Fields& fields) {
  ZoneConfig zone;
  zone.source = Source{path_, fields.Root().line};
  zone.file = PathOf(fields, "file", "");
  zone.records = PathOf(fields, "records", "");
  if (!fields.Has("file") && !fields.Has("records")) {
    fields.Refuse("file", "is missing; expected a zone file, or records = a JSON file, or both");
  }
  const auto id = fields.Text("id", {1, 32});
  if (!fields.Require("origin", "a domain name such as \"example.test\"")) {
    return;
  }
  const auto text = fields.String("origin");
  if (!text) {
    return;
  }
  const auto origin = wire::FromText(*text);
  if (!origin) {
    fields.Refuse("origin", "is \"" + *text + "\": " + origin.error().message);
    return;
  }
  zone.origin = wire::Fold(*origin);
  zone.id = id ? *id : DefaultZoneId(zone.origin);
  for (const ZoneConfig& other : node_.zones) {
    if (other.origin == zone.origin) {
      fields.Refuse("origin",
                    "is \"" + *text + "\", which the [[zone]] of line " +
                        std::to_string(other.source.line) + " has already");
    } else if (other.id == zone.id) {
      fields.Refuse("id", "is \"" + zone.id + "\", which another [[zone]] has already");
    }
  }
  node_.zones.push_back(std::move(zone));
}

void NodeReader::ReadHealth(Fields& fields) {
  if (fields.Has("checks")) {
    node_.checks_file = PathOf(fields, "checks", "");
  }
  node_.mass_changes = static_cast<std::uint32_t>(
      fields.Integer("mass_changes", {0, 100'000}).value_or(node_.mass_changes));
  ReadProbingKeys(fields, node_.health);
}

void NodeReader::ReadOverlay(const Value& table) {
  Fields fields = Open(table);
  CheckOverlay overlay;
  overlay.id = table.key;
  overlay.place = fields.Place(table);
  overlay.name = fields.Text("label", {1, 256}).value_or("");
  const auto number = [&fields](
                          std::string_view name, Range range, std::optional<std::uint32_t>& into) {
    if (const auto value = fields.Integer(name, range)) {
      into = static_cast<std::uint32_t>(*value);
    }
  };
  number("interval_ms", {50, 300'000}, overlay.interval_ms);
  number("connect_timeout_ms", {10, 60'000}, overlay.connect_timeout_ms);
  number("response_timeout_ms", {10, 60'000}, overlay.response_timeout_ms);
  number("body_timeout_ms", {10, 60'000}, overlay.body_timeout_ms);
  number("healthy_threshold", {1, 100}, overlay.healthy_threshold);
  number("unhealthy_threshold", {1, 100}, overlay.unhealthy_threshold);
  number("jitter_percent", {0, 50}, overlay.jitter_percent);
  overlay.keep_alive = fields.Bool("keep_alive");
  overlay.tls_resume = fields.Bool("tls_resume");
  overlay.address_family = ReadAddressFamily(fields);
  overlay.http = ReadHttpKeys(fields);
  overlay.https = ReadTlsKeys(fields, node_.path);
  overlay.verdict = ReadVerdictKeys(fields);
  overlay.origin = ReadProbeOriginKeys(fields);
  fields.RefuseUnknown();
  node_.check_overlays.push_back(std::move(overlay));
}

void NodeReader::CheckWhole(Fields& top) {
  if (node_.listen.empty() && !top.Has("listen")) {
    top.Refuse("listen", "is missing; expected at least one [[listen]]");
  }
  if (!node_.dataplane.enabled && !node_.sockets.enabled) {
    top.Refuse("sockets", "is not enabled and neither is [dataplane]: nothing would answer");
  }
  if (!sockets_udp_given_) {
    node_.sockets.udp = node_.dataplane.enabled ? SocketsUdp::kFallback : SocketsUdp::kAlways;
  }
}

void NodeReader::CheckHeartbeats(Fields& top) {
  const auto push = std::ranges::find(
      node_.native_checks, health::CheckType::kPush, [](const auto& n) { return n.check.type; });
  if (push != node_.native_checks.end() && node_.http.listen.empty()) {
    top.Refuse("http",
               "has no 'listen'; expected an address, since [check.\"" + push->check.id +
                   "\"] of type PUSH is told there");
  }
}

Result<NodeConfig> NodeReader::Read() {
  std::array<char, 256> host{};
  node_.id = gethostname(host.data(), host.size() - 1) == 0 ? host.data() : "holdfast";
  node_.state_dir = "/var/lib/holdfast";
  node_.run_dir = "/run/holdfast";
  Fields top = Open(root_);
  ReadTable(top, "node", &NodeReader::ReadNode);
  ReadTable(top, "tables", &NodeReader::ReadTablesRoom);
  // Before the ports, which refer to these addresses.
  ReadTables(top, "listen", &NodeReader::ReadListen);
  ReadTable(top, "dataplane", &NodeReader::ReadDataplane);
  ReadTable(top, "sockets", &NodeReader::ReadSockets);
  ReadTable(top, "dns", &NodeReader::ReadDns);
  ReadTable(top, "access", &NodeReader::ReadAccess);
  ReadTable(top, "rate_limit", &NodeReader::ReadRateLimit);
  ReadTables(top, "zone", &NodeReader::ReadZone);
  ReadTable(top, "location", &NodeReader::ReadLocation);
  ReadCollectionTables(top, path_, node_.location, findings_);
  ReadTable(top, "health", &NodeReader::ReadHealth);
  ReadTable(top, "checkers", &NodeReader::ReadCheckers);
  node_.recovery = ReadRecovery(top, path_, findings_);
  ReadTable(top, "http", &NodeReader::ReadHttp);
  ReadMetricTables(top, path_, node_.metrics, findings_);
  ReadTables(top, "webhook", &NodeReader::ReadWebhook);
  if (const Value* checks = top.Table("check"); checks != nullptr) {
    for (const Value& table : checks->items) {
      if (table.kind == Value::Kind::kTable && table.Find("type") != nullptr) {
        ReadNativeCheck(table, path_, node_.native_checks, findings_);
      } else if (table.kind == Value::Kind::kTable) {
        ReadOverlay(table);
      } else {
        top.Expected("check", table, "tables written as [check.\"ID\"]");
      }
    }
  }
  top.RefuseUnknown();
  CheckWhole(top);
  CheckHttpWhole(top, node_.http, node_.metrics);
  CheckHeartbeats(top);
  if (!findings_.Ok()) {
    return std::unexpected(findings_.ToError());
  }
  return std::move(node_);
}

}  // namespace

Result<NodeConfig> ParseNode(std::string_view text, const std::string& path) {
  auto root = ParseToml(text, path);
  if (!root) {
    return std::unexpected(std::move(root.error()));
  }
  return NodeReader(*root, path).Read();
}

Result<NodeConfig> LoadNode(const std::string& path) {
  auto text = ReadFile(path, kMaxTomlOctets);
  if (!text) {
    return std::unexpected(std::move(text.error()));
  }
  return ParseNode(*text, path);
}

health::TargetSettings TargetsOf(const NodeConfig& node) {
  health::TargetSettings targets = node.health.targets;
  for (const ListenConfig& listen : node.listen) {
    targets.own.push_back(listen.address);
  }
  for (const HttpAddress& at : node.http.listen) {
    targets.own.push_back(at.address);
  }
  for (const HttpAddress& at : node.checkers.listen) {
    targets.own.push_back(at.address);
  }
  return targets;
}

std::vector<std::string> NeedsRestart(const NodeConfig& running, const NodeConfig& wanted) {
  std::vector<std::string> sentences;
  const auto compare = [&](bool same, const char* what, const char* when = "at a restart") {
    if (!same) {
      sentences.push_back(wanted.path + ": " + what +
                          " is not what this node was started with; it takes effect " + when);
    }
  };
  compare(running.user == wanted.user, "[node] user");
  compare(running.control_core == wanted.control_core, "[node] control_core");
  TablesConfig tables = wanted.tables;
  tables.scrub_seconds = running.tables.scrub_seconds;  // takes effect at once
  compare(running.tables == tables, "[tables]", "when holdfast-control starts again");
  compare(running.listen == wanted.listen, "[[listen]]");
  compare(running.dataplane == wanted.dataplane, "[dataplane]");
  compare(running.sockets == wanted.sockets, "[sockets]");
  compare(running.location.client_subnet == wanted.location.client_subnet,
          "[location] client_subnet");
  compare(running.health == wanted.health,
          "[health] other than checks",
          "when holdfast-control starts again");
  compare(running.checkers.SameDoor(wanted.checkers),
          "[checkers] listen, certificate, key or ca",
          "when holdfast-control starts again");
  compare(running.http == wanted.http, "[http]", "when holdfast-control starts again");
  return sentences;
}

std::string DefaultZoneId(std::string_view origin) {
  // FNV-1a, 64 bits, in base 36: as long and as plain as the ids that Route 53 makes.
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : origin) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  std::string id = "Z";
  for (int i = 0; i < 13; ++i, hash /= 36) {
    id += "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[hash % 36];
  }
  return id;
}

}  // namespace holdfast::control

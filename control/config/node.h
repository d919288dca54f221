// The node's TOML file: what this machine runs, on which cores, ports and addresses, and where its
// zones and checks are written. Read by `holdfast` (which renders the arguments of the other
// processes from it) and by the control core. tools/examples/holdfast.toml shows every key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/access_config.h"
#include "control/config/checkers_config.h"
#include "control/config/dns_config.h"
#include "control/config/http_config.h"
#include "control/config/location_config.h"
#include "control/config/native_checks.h"
#include "control/config/probe_origin_keys.h"
#include "control/config/routing_controls.h"
#include "control/config/verdict_keys.h"
#include "control/model/model.h"
#include "dataplane/base/limits.h"
#include "dataplane/base/result.h"
#include "health/checker/checker.h"

namespace holdfast::control {

/// A service address: what clients send their queries to.
struct ListenConfig {
  std::string address;  // literal IPv4 or IPv6, as inet_ntop writes it
  std::uint16_t port = 53;
  bool ipv6 = false;
  bool operator==(const ListenConfig&) const = default;
};

enum class Hugepages { kAuto, k2M, k1G, kNone };

struct TablesConfig {
  std::string directory;  // empty: chosen by `hugepages` (a hugetlbfs mount, or /dev/shm)
  Hugepages hugepages = Hugepages::kAuto;
  std::uint64_t size_octets = std::uint64_t{256} << 20;  // 1 MiB..1 TiB, a multiple of 2 MiB
  std::uint32_t scrub_seconds = 60;  // how long a pass of the scrub is to take; 0: there is none
  bool operator==(const TablesConfig&) const = default;
};

struct PortConfig {
  std::string device;        // PCI address in full, or vdev string with its arguments
  std::uint16_t queues = 1;  // 1..kMaxQueues
  std::uint16_t descriptors = kDefaultDescriptors;  // of a queue; see AreDescriptors
  bool verify_udp_checksum = true;     // false where the sender leaves it partial (veth)
  std::vector<std::string> addresses;  // literals out of `listen` with port 53; never empty
  std::string kernel_interface;        // a tap that carries them, for what is no query; empty: none

  /// What stands before the device's own arguments: how DPDK calls it; different for each port.
  [[nodiscard]] std::string Name() const { return device.substr(0, device.find(',')); }
  /// The kernel's interface that an AF_XDP port works through, which has our XDP program; empty for
  /// other ports.
  [[nodiscard]] std::string XdpInterface() const;
  bool operator==(const PortConfig&) const = default;
};

struct DataplaneConfig {
  bool enabled = false;  // true when the file has [dataplane], unless it says otherwise
  std::vector<std::uint16_t> lcores;
  std::uint32_t memory_mb = 256;  // of packet memory, kMinMemoryMb..kMaxMemoryMb
  bool hugepages = true;          // for packet memory (EAL); the tables have a switch of their own
  std::string file_prefix = "holdfast";
  std::vector<std::string> eal_args;
  std::uint16_t burst = kMaxPollBurst;  // packets per receive call, from kMinPollBurst
  std::vector<PortConfig> ports;
  bool operator==(const DataplaneConfig&) const = default;
};

/// When holdfast-sockets answers UDP: always, only while the poll process is gone, or never.
enum class SocketsUdp { kAlways, kFallback, kNever };

struct SocketsConfig {
  bool enabled = true;
  SocketsUdp udp = SocketsUdp::kAlways;      // default: fallback when the dataplane is enabled
  std::uint32_t tcp_max_connections = 1024;  // 1..1000000
  std::uint32_t tcp_max_per_client = 100;    // of an IPv4 address or IPv6 /64, 1..1000000
  std::uint32_t tcp_idle_ms = 10'000;        // 100..3600000
  std::uint32_t tcp_total_ms = 60'000;       // 100..86400000, at least tcp_idle_ms
  std::uint16_t threads = 1;                 // 1..table::kMaxReaderThreads
  bool operator==(const SocketsConfig&) const = default;
};

struct ZoneConfig {
  std::string origin;   // wire form, folded
  std::string file;     // zone file; empty: none
  std::string records;  // JSON record sets; empty: none. At least one of the two is given
  std::string id;       // hosted zone id, 1..32 characters
  Source source;
};

/// Native extensions of one check (spec/health-checks.md section 11); unset: Route 53's value. A
/// derived check may have a name alone.
struct CheckOverlay {
  std::string id;
  std::string name;                                  // for people; 1..256 characters, or empty
  std::optional<std::uint32_t> interval_ms;          // 50..300000
  std::optional<std::uint32_t> connect_timeout_ms;   // 10..60000
  std::optional<std::uint32_t> response_timeout_ms;  // 10..60000
  std::optional<std::uint32_t> body_timeout_ms;      // 10..60000, where the body is read
  std::optional<std::uint32_t> healthy_threshold;    // 1..100
  std::optional<std::uint32_t> unhealthy_threshold;  // 1..100
  std::optional<std::uint32_t> jitter_percent;       // 0..50
  std::optional<bool> keep_alive;                    // HTTP*, with an IPAddress
  std::optional<bool> tls_resume;                    // HTTPS*
  std::optional<health::AddressFamily> address_family;
  std::optional<health::HttpSettings> http;  // HTTP*
  std::optional<health::TlsSettings> https;  // HTTPS*
  VerdictKeys verdict;
  ProbeOriginKeys origin;
  std::string place;  // "FILE:LINE:COL" of the table
};

/// How this node's own checker looks at the world.
struct NodeConfig {
  std::string path;  // the file itself
  /// [health] mass_changes: more changes of checks within 10 s are told as one event; 0: never.
  std::uint32_t mass_changes = 20;
  std::string id;  // [node] id, default: the host's name
  std::string state_dir;
  std::string run_dir;
  std::string user = "nobody";  // what holdfast-sockets becomes under root; empty: it stays root
  std::optional<std::uint16_t> control_core;  // unset: not pinned
  TablesConfig tables;
  std::vector<ListenConfig> listen;  // at least one
  DataplaneConfig dataplane;
  SocketsConfig sockets;
  DnsConfig dns;
  std::vector<AccessRule> access;  // ascending by network
  table::RateLimit rate_limit{};   // answers_per_second 0: not limited
  std::vector<ZoneConfig> zones;
  std::string checks_file;  // empty: no checks
  std::vector<CheckOverlay> check_overlays;
  std::vector<NativeCheck> native_checks;
  health::CheckerOptions health;  // targets.own is left to whoever probes
  CheckersConfig checkers;
  RecoveryConfig recovery;
  HttpConfig http;
  std::vector<MetricSource> metrics;  // ids are unique
  std::vector<WebhookConfig> webhooks;
  LocationConfig location;
};

/// Reads and checks a node file; relative paths become relative to its folder. No side effect: no
/// zone is read, no folder made.
/// @return kIo when the file cannot be read; kInvalid with one line per fault,
/// "FILE:LINE:COL: key 'x' is 70000; expected 1..65535".
Result<NodeConfig> LoadNode(const std::string& path);

/// As LoadNode, from text; `path` is for messages and relative paths only.
Result<NodeConfig> ParseNode(std::string_view text, const std::string& path);

/// What its checks may look at: the addresses that it serves at are its own.
health::TargetSettings TargetsOf(const NodeConfig& node);

/// What of `wanted` a node that was started with `running` does not do by a reload: a sentence
/// each.
std::vector<std::string> NeedsRestart(const NodeConfig& running, const NodeConfig& wanted);

/// The id of a zone that was given none: "Z" and 13 characters that depend on the origin alone.
/// @param origin  wire form, folded.
std::string DefaultZoneId(std::string_view origin);

}  // namespace holdfast::control

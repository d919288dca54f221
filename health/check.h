// What a health check is told to do, in the words of spec/health-checks.md section 2 with the
// native extensions of section 11. Plain data: config fills it, schedule and probe obey it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dataplane/base/result.h"
#include "health/origin.h"
#include "health/rare.h"

namespace holdfast::health {

enum class CheckType : std::uint8_t {
  kHttp,
  kHttps,
  kHttpStrMatch,
  kHttpsStrMatch,
  kTcp,
  kCalculated,
  kCloudwatchMetric,
  kRecoveryControl,
  // Native types (section 11).
  kUdp,
  kDns,
  kTls,
  kGrpc,
  kIcmp,
  kExec,
  kPush
};

/// Which addresses of a name are looked at.
enum class AddressFamily : std::uint8_t { kV4, kV6, kAny };
/// "v4", "v6", "any".
const char* AddressFamilyText(AddressFamily family) noexcept;

/// What a metric check is while its alarm has too little data to be judged.
enum class InsufficientData : std::uint8_t { kHealthy, kUnhealthy, kLastKnownStatus };

/// Words of Route 53: "HTTP", "HTTPS_STR_MATCH"... and of section 11: "UDP", "EXEC"...
const char* CheckTypeText(CheckType type) noexcept;
/// True for the two HTTPS types.
bool UsesTls(CheckType type) noexcept;
/// True for the four types that ask for a page.
bool UsesHttp(CheckType type) noexcept;
/// True for the two types that search the body for a string.
bool MatchesString(CheckType type) noexcept;
/// True for types that nothing is probed for: their state follows from something else.
constexpr bool IsDerived(CheckType type) noexcept {
  return type == CheckType::kCalculated || type == CheckType::kCloudwatchMetric ||
         type == CheckType::kRecoveryControl || type == CheckType::kPush;
}

/// True for types that look at an address or a name; EXEC and derived ones look at none.
constexpr bool HasEndpoint(CheckType type) noexcept {
  return type != CheckType::kExec && !IsDerived(type);
}
/// True for types whose endpoint has a port: all but ICMP.
constexpr bool HasPort(CheckType type) noexcept {
  return HasEndpoint(type) && type != CheckType::kIcmp;
}

using Milliseconds = std::chrono::milliseconds;

/// Of a search string: 255 characters of UTF-8.
inline constexpr std::size_t kMaxSearchOctets = std::size_t{255} * 4;

/// What a verdict becomes when every report that it rests on has grown too old.
enum class OnStale : std::uint8_t { kKeep, kHealthy, kUnhealthy };

/// How the reports of several checkers become one verdict (section 5).
struct Quorum {
  std::uint32_t percent = 18;       // 0..99: healthy while more than that of the reporting say so
  std::uint32_t min_reporters = 1;  // 1..64: fewer decide nothing, the last status stays
  Milliseconds report_ttl{0};       // 1 s..24 h; 0: see ReportTtl
  OnStale on_stale = OnStale::kKeep;
  bool operator==(const Quorum&) const = default;
};

/// What keeps an endpoint that comes and goes out of service for a while (section 11).
struct DampingRule {
  Milliseconds hold_down{0};             // 0..24 h: shortest time as unhealthy
  std::uint32_t max_flaps_per_hour = 0;  // 1..1000: with more falls it stays down; 0: any number
  bool manual_failback = false;          // it stays down until it is released by hand
  bool operator==(const DampingRule&) const = default;
};

// What only one native type is told. Texts are octets of any value unless said otherwise.

struct UdpSettings {
  std::string payload;  // 0..1400 octets, sent as one datagram
  std::string expect;   // 0..255 octets that a reply must hold; empty: any reply will do
  bool operator==(const UdpSettings&) const = default;
};

struct DnsSettings {
  std::string question;      // wire form
  std::uint16_t type = 6;    // SOA
  std::uint32_t rcodes = 1;  // bit n: RCODE n (0..15) passes; never 0
  std::string rdata;         // one record of the answer must have it (uncompressed); empty: any
  bool recursion_desired = false;  // RD of the question
  bool operator==(const DnsSettings&) const = default;
};

/// "NXDOMAIN", "RCODE12".
std::string RcodeText(unsigned rcode);

/// What the certificate that the endpoint shows is held to, and which one it is shown: of TLS, and
/// of HTTPS* where it is asked for.
struct TlsSettings {
  std::optional<std::uint32_t> min_days_valid;  // 0..3650 left; none: its times are not looked at
  bool verify = false;        // against the roots, and for `fqdn` (else the address)
  std::string ca_bundle;      // file of the roots, PEM; empty: the system's
  std::string ca_digest;      // of that file, so that another content is another check
  std::string client_cert;    // file of our own chain, PEM; empty: we show none
  std::string client_key;     // file of its key, PEM
  std::string client_digest;  // of both
  bool operator==(const TlsSettings&) const = default;
};
/// Whether the certificate that the endpoint shows is judged at all.
bool JudgesCertificate(const TlsSettings& tls) noexcept;

inline constexpr std::uint16_t kMinStatus = 200;  // of a final response
inline constexpr std::uint16_t kMaxStatus = 599;

/// Statuses from `first` to `last`, both included, 200..599.
struct StatusRange {
  std::uint16_t first = 200;
  std::uint16_t last = 399;
  bool operator==(const StatusRange&) const = default;
};
/// "200-299", "404".
std::string StatusText(StatusRange range);
/// The other way round; nothing for what is no status or range of them.
std::optional<StatusRange> StatusFromText(std::string_view text);

enum class HttpMethod : std::uint8_t { kGet, kHead, kOptions, kPost };
inline constexpr std::size_t kHttpMethods = 4;
/// "GET".
const char* HttpMethodText(HttpMethod method) noexcept;

/// What HTTP* asks and expects beyond Route 53's settings.
struct HttpSettings {
  std::vector<StatusRange> expected_status;  // at most 32; none: 200-399
  HttpMethod method = HttpMethod::kGet;      // POST has an empty body; HEAD without a search
  std::vector<std::string> headers;          // "Name: value", at most 32, each name once
  std::string body_regex;  // what the body must match, 1..255 octets; HTTP and HTTPS alone
  bool operator==(const HttpSettings&) const = default;
};
/// The name of one of `headers`.
std::string_view HeaderName(std::string_view header) noexcept;
/// Whether both name the same field: in any case (RFC 9110 5.1).
bool IsSameHeader(std::string_view one, std::string_view other) noexcept;

struct GrpcSettings {
  std::string service;  // 0..255 characters; empty: the server as a whole
  bool tls = false;     // with ALPN "h2"; not verified
  bool operator==(const GrpcSettings&) const = default;
};

struct IcmpSettings {
  std::uint32_t count = 1;  // 1..10 echoes, all of which must be replied to
  bool operator==(const IcmpSettings&) const = default;
};

struct ExecSettings {
  std::string command;                 // absolute path, run without a shell
  std::vector<std::string> arguments;  // behind it; at most 64 of at most 4096 octets, without NUL
  std::string user = "nobody";         // it becomes under root; empty: it stays what we are
  bool operator==(const ExecSettings&) const = default;
};

using NativeSettings = std::variant<std::monostate,
                                    UdpSettings,
                                    DnsSettings,
                                    TlsSettings,
                                    GrpcSettings,
                                    IcmpSettings,
                                    ExecSettings>;

struct CheckConfig {
  std::string id;  // 1..64 characters, unique
  CheckType type = CheckType::kHttp;
  std::uint16_t port = 80;  // 1..65535; ICMP: none, 0
  std::string ip_address;   // literal IPv4 or IPv6; empty: `fqdn` is resolved
  std::string fqdn;         // Host header and SNI; or the name to resolve
  AddressFamily address_family = AddressFamily::kV4;  // of a name that is resolved
  std::string resource_path;                          // with its leading "/"; "/" when not given
  std::string search_string;                          // 1..kMaxSearchOctets, *_STR_MATCH only
  bool inverted = false;
  bool disabled = false;
  bool enable_sni = true;  // HTTPS* only
  bool measure_latency = false;
  bool keep_alive = false;  // HTTP*: the connection stays open for the next probe; address only
  bool tls_resume = true;   // HTTPS*: handshakes resume the session of the last one
  bool fixed_rate = false;  // the interval runs from start to start

  // CLOUDWATCH_METRIC: what its alarm's data say, reported by control (section 8).
  InsufficientData insufficient_data = InsufficientData::kLastKnownStatus;
  std::string alarm;  // "REGION/NAME", which control has a source for

  // CALCULATED: healthy while at least so many of its children are (section 8).
  std::uint32_t health_threshold = 0;  // 0..256
  std::vector<std::string> children;   // ids, at most 255, no calculated ones among them

  // RECOVERY_CONTROL: healthy while that is On, which control says (section 8).
  std::string routing_control;  // its name, 1..255 characters

  std::vector<std::string> regions;  // whose checkers watch it, at most 64; none: all of them
  NativeSettings native;             // those of `type`; none for Route 53's types
  Rare<HttpSettings> http;           // HTTP* only
  Rare<TlsSettings> https;           // HTTPS* only
  Rare<Origin> origin;               // types with an endpoint

  // Effective timing: Route 53's values unless the native extension changed them.
  Milliseconds interval{30000};           // 50 ms..300 s, from response to next request, or see
                                          // fixed_rate; of PUSH, from heartbeat to heartbeat
  Milliseconds connect_timeout{4000};     // 10 ms..60 s; 10 s for TCP by default
  Milliseconds response_timeout{2000};    // after connect, handshake inside; EXEC: for all of it
  Milliseconds body_timeout{2000};        // after the header, *_STR_MATCH only
  std::uint32_t healthy_threshold = 3;    // 1..100 consecutive passes (rise)
  std::uint32_t unhealthy_threshold = 3;  // 1..100 consecutive failures (fall)
  std::uint32_t jitter_percent = 10;      // 0..50 of the interval, either way

  Quorum quorum;
  DampingRule damping;

  bool operator==(const CheckConfig&) const = default;
};

/// Whether the body of a response is read: for a string or a regular expression.
bool ReadsBody(const CheckConfig& check) noexcept;

/// Refuses what a probe could not carry out or what would change the request's meaning (line breaks
/// in a path or a host): the last guard, behind the better worded one of the configuration.
/// @return kInvalid with a sentence that names the check, the field, the value and what was
///         expected.
Status ValidateCheck(const CheckConfig& check);

/// How old a report may be and still count: as configured, or three intervals and a probe, at least
/// 30 s (section 5).
Milliseconds ReportTtl(const CheckConfig& check);

/// Where the check looks, for people: "https://192.0.2.1:8443/up (host www.example.)",
/// "tcp://[2001:db8::1]:22", "dns://192.0.2.1:53 www.example. A", "exec:/usr/local/bin/probe",
/// "heartbeats at /heartbeat/backup"; and from where, if that is set: "... from 192.0.2.7 dev
/// eth1".
std::string TargetText(const CheckConfig& check);

}  // namespace holdfast::health

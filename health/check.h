// What a health check is told to do, in the words of spec/health-checks.md section 2 with the
// native extensions of section 11. Plain data: config fills it, schedule and probe obey it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/result.h"

namespace holdfast::health {

enum class CheckType : std::uint8_t {
  kHttp,
  kHttps,
  kHttpStrMatch,
  kHttpsStrMatch,
  kTcp,
  kCalculated,
  kCloudwatchMetric
};

/// What a metric check is while its alarm has too little data to be judged.
enum class InsufficientData : std::uint8_t { kHealthy, kUnhealthy, kLastKnownStatus };

/// Words of Route 53: "HTTP", "HTTPS_STR_MATCH"...
const char* CheckTypeText(CheckType type) noexcept;
/// True for the two types whose connection starts with a TLS handshake.
bool UsesTls(CheckType type) noexcept;
/// True for the two types that read the body.
bool MatchesString(CheckType type) noexcept;
/// True for types that nothing is probed for: their state follows from something else.
constexpr bool IsDerived(CheckType type) noexcept {
  return type == CheckType::kCalculated || type == CheckType::kCloudwatchMetric;
}

using Milliseconds = std::chrono::milliseconds;

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

struct CheckConfig {
  std::string id;  // 1..64 characters, unique
  CheckType type = CheckType::kHttp;
  std::string ip_address;     // literal IPv4 or IPv6; empty: `fqdn` is resolved (A only)
  std::uint16_t port = 80;    // 1..65535
  std::string fqdn;           // Host header and SNI; or the name to resolve
  std::string resource_path;  // with its leading "/"; "/" when not given
  std::string search_string;  // 1..255 octets, *_STR_MATCH only
  bool inverted = false;
  bool disabled = false;
  bool enable_sni = true;  // HTTPS* only
  bool measure_latency = false;
  std::vector<std::string> regions;  // whose checkers watch it, at most 64; none: all of them

  // CALCULATED: healthy while at least so many of its children are (section 8).
  std::uint32_t health_threshold = 0;  // 0..256
  std::vector<std::string> children;   // ids, at most 255, no calculated ones among them

  // CLOUDWATCH_METRIC: what its alarm's data say, reported by control (section 8).
  std::string alarm;  // "REGION/NAME", which control has a source for
  InsufficientData insufficient_data = InsufficientData::kLastKnownStatus;

  // Effective timing: Route 53's values unless the native extension changed them.
  Milliseconds interval{30000};           // 50 ms..300 s, gap from response to next request
  Milliseconds connect_timeout{4000};     // 10 ms..60 s; 10 s for TCP by default
  Milliseconds response_timeout{2000};    // after connect; the TLS handshake counts inside
  Milliseconds body_timeout{2000};        // after the header, *_STR_MATCH only
  std::uint32_t healthy_threshold = 3;    // 1..100 consecutive passes (rise)
  std::uint32_t unhealthy_threshold = 3;  // 1..100 consecutive failures (fall)
  std::uint32_t jitter_percent = 10;      // 0..50 of the interval, either way

  Quorum quorum;
  DampingRule damping;

  bool operator==(const CheckConfig&) const = default;
};

/// Refuses what a probe could not carry out or what would change the request's meaning (line breaks
/// in a path or a host): the last guard, behind the better worded one of the configuration.
/// @return kInvalid with a sentence that names the check, the field, the value and what was
///         expected.
Status ValidateCheck(const CheckConfig& check);

/// How old a report may be and still count: as configured, or three intervals and a probe, at least
/// 30 s (section 5).
Milliseconds ReportTtl(const CheckConfig& check);

/// Where the check looks, for people: "https://192.0.2.1:8443/up (host www.example.)",
/// "tcp://[2001:db8::1]:22".
std::string TargetText(const CheckConfig& check);

}  // namespace holdfast::health

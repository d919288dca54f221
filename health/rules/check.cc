// The rules for what every check has, and the order in which all of them are asked. Called before
// anything is changed: by the configuration, the monitor and checkers. Any thread.
#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>

#include "health/rules/rules.h"

namespace holdfast::health {

namespace {

constexpr std::size_t kMaxIdOctets = 64;
constexpr std::size_t kMaxAlarmOctets = 64 + 1 + std::size_t{256} * 4;  // names are UTF-8
constexpr std::uint32_t kMaxHealthThreshold = 256;
constexpr std::size_t kMaxChildren = 255;
constexpr std::uint32_t kMaxThreshold = 100;
constexpr std::uint32_t kMaxQuorumPercent = 99;
constexpr std::uint32_t kMaxCheckers = 64;
constexpr std::uint32_t kMaxFlaps = 1000;
constexpr Milliseconds kMinReportTtl{1'000};
constexpr Milliseconds kDay{86'400'000};
constexpr std::uint32_t kMaxJitterPercent = 50;
constexpr Milliseconds kMinInterval{50};
constexpr Milliseconds kMaxInterval{300'000};
constexpr Milliseconds kMinTimeout{10};
constexpr Milliseconds kMaxTimeout{60'000};

bool IsAddress(const std::string& text) {
  in6_addr octets{};
  return inet_pton(AF_INET, text.c_str(), &octets) == 1 ||
         inet_pton(AF_INET6, text.c_str(), &octets) == 1;
}

bool IsId(const std::string& id) {
  return !id.empty() && id.size() <= kMaxIdOctets && IsGraphic(id);
}

Status ValidateChildren(const CheckConfig& check, const Refusal& refuse) {
  if (check.health_threshold > kMaxHealthThreshold) {
    return refuse("HealthThreshold", std::to_string(check.health_threshold), "0 to 256");
  }
  if (check.children.size() > kMaxChildren) {
    return refuse("ChildHealthChecks", std::to_string(check.children.size()) + " ids", "0 to 255");
  }
  for (const std::string& child : check.children) {
    if (!IsId(child) || std::ranges::count(check.children, child) > 1) {
      return refuse("ChildHealthChecks", Shown(child), "ids of checks, each once");
    }
  }
  return {};
}

Status ValidateAlarm(const CheckConfig& check, const Refusal& refuse) {
  if (check.alarm.empty() || check.alarm.size() > kMaxAlarmOctets) {
    return refuse("AlarmIdentifier", Shown(check.alarm), "a region and a name");
  }
  return {};
}

Status ValidateTarget(const CheckConfig& check, const Refusal& refuse) {
  if (check.ip_address.empty() && check.fqdn.empty()) {
    return refuse("IPAddress", "missing", "an address, or FullyQualifiedDomainName in its place");
  }
  if (!check.ip_address.empty() && !IsAddress(check.ip_address)) {
    return refuse("IPAddress", Shown(check.ip_address), "a literal IPv4 or IPv6 address");
  }
  if (HasPort(check.type) ? check.port == 0 : check.port != 0) {
    return refuse("Port",
                  std::to_string(check.port),
                  HasPort(check.type) ? "1 to 65535" : "0, since the type has no ports");
  }
  if (check.fqdn.size() > kMaxTextOctets || !IsGraphic(check.fqdn)) {
    return refuse("FullyQualifiedDomainName",
                  Shown(check.fqdn),
                  "at most 255 characters, no space or control character");
  }
  return {};
}

// From an address of one family nothing goes to the other.
Status ValidateOrigin(const CheckConfig& check, const Refusal& refuse) {
  if (!check.origin) {
    return {};
  }
  if (!HasEndpoint(check.type)) {
    return refuse("origin", Shown(OriginText(*check.origin)), "none but for types with endpoints");
  }
  if (const std::string fault = FaultOf(*check.origin); !fault.empty()) {
    return Fail(ErrorCode::kInvalid, "health check " + Shown(check.id) + ": " + fault);
  }
  if (const std::string& source = check.origin->source_address; !source.empty()) {
    const bool v6 = IsV6(source);
    const bool named = check.ip_address.empty();
    const AddressFamily same = v6 ? AddressFamily::kV6 : AddressFamily::kV4;
    if (named ? check.address_family != same : IsV6(check.ip_address) != v6) {
      return refuse("source_address",
                    Shown(source),
                    named ? "an address of the one family that the name is looked up in"
                          : "an address of IPAddress's family");
    }
  }
  return {};
}

// The alternative that `type` has; 0 for Route 53's types.
std::size_t NativeIndex(CheckType type) {
  return type < CheckType::kUdp || type > CheckType::kExec
             ? 0
             : 1 + static_cast<std::size_t>(type) - static_cast<std::size_t>(CheckType::kUdp);
}

Status ValidateTiming(const CheckConfig& check, const Refusal& refuse) {
  if (check.interval < kMinInterval || check.interval > kMaxInterval) {
    return refuse("interval", std::to_string(check.interval.count()) + " ms", "50 to 300000 ms");
  }
  const struct {
    const char* field;
    Milliseconds value;
  } timeouts[] = {{"connect timeout", check.connect_timeout},
                  {"response timeout", check.response_timeout},
                  {"body timeout", check.body_timeout}};
  for (const auto& timeout : timeouts) {
    if (timeout.value < kMinTimeout || timeout.value > kMaxTimeout) {
      return refuse(timeout.field, std::to_string(timeout.value.count()) + " ms", "10 to 60000 ms");
    }
  }
  const struct {
    const char* field;
    std::uint32_t value;
  } thresholds[] = {{"healthy threshold", check.healthy_threshold},
                    {"unhealthy threshold", check.unhealthy_threshold}};
  for (const auto& threshold : thresholds) {
    if (threshold.value < 1 || threshold.value > kMaxThreshold) {
      return refuse(threshold.field, std::to_string(threshold.value), "1 to 100");
    }
  }
  if (check.jitter_percent > kMaxJitterPercent) {
    return refuse("jitter", std::to_string(check.jitter_percent) + " %", "0 to 50 %");
  }
  return {};
}

Status ValidateVerdict(const CheckConfig& check, const Refusal& refuse) {
  const Quorum& quorum = check.quorum;
  if (quorum.percent > kMaxQuorumPercent) {
    return refuse("quorum", std::to_string(quorum.percent) + " %", "0 to 99 %");
  }
  if (quorum.min_reporters < 1 || quorum.min_reporters > kMaxCheckers) {
    return refuse("least reporters", std::to_string(quorum.min_reporters), "1 to 64");
  }
  if (quorum.report_ttl != Milliseconds(0) &&
      (quorum.report_ttl < kMinReportTtl || quorum.report_ttl > kDay)) {
    return refuse(
        "report TTL", std::to_string(quorum.report_ttl.count()) + " ms", "1000 to 86400000 ms");
  }
  if (check.damping.hold_down < Milliseconds(0) || check.damping.hold_down > kDay) {
    return refuse(
        "hold-down", std::to_string(check.damping.hold_down.count()) + " ms", "0 to 86400000 ms");
  }
  if (check.damping.max_flaps_per_hour > kMaxFlaps) {
    return refuse("flaps per hour",
                  std::to_string(check.damping.max_flaps_per_hour),
                  "1 to 1000, or 0 for any number");
  }
  return {};
}

}  // namespace

bool IsGraphic(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet > 0x20 && octet != 0x7F;
  });
}

std::string Shown(std::string_view text) {
  std::string shown = "\"";
  for (const char c : text.substr(0, 80)) {
    const auto octet = static_cast<unsigned char>(c);
    shown += octet >= 0x20 && octet < 0x7F ? c : '?';
  }
  return shown + (text.size() > 80 ? "...\"" : "\"");
}

Status Refusal::operator()(const char* field,
                           const std::string& value,
                           const char* expected) const {
  return Fail(ErrorCode::kInvalid,
              "health check " + Shown(check_.id) + ": " + field + " is " + value + ", expected " +
                  expected);
}

Status ValidateCheck(const CheckConfig& check) {
  const Refusal refuse(check);
  if (!IsId(check.id)) {
    return refuse("Id", Shown(check.id), "1 to 64 printable characters without a space");
  }
  HF_TRY(ValidateVerdict(check, refuse));
  if (check.type == CheckType::kCalculated) {
    return ValidateChildren(check, refuse);
  }
  if (check.native.index() != NativeIndex(check.type)) {
    return refuse("settings",
                  "of alternative " + std::to_string(check.native.index()),
                  "those of the check's type");
  }
  if (check.type == CheckType::kCloudwatchMetric) {
    return ValidateAlarm(check, refuse);
  }
  if (check.type == CheckType::kRecoveryControl) {
    const std::string& name = check.routing_control;
    return name.empty() || name.size() > kMaxTextOctets
               ? refuse("RoutingControlArn", Shown(name), "1 to 255 characters")
               : Status{};
  }
  if (check.type == CheckType::kPush) {
    return ValidateTiming(check, refuse);
  }
  if (HasEndpoint(check.type)) {
    HF_TRY(ValidateTarget(check, refuse));
  }
  HF_TRY(ValidateOrigin(check, refuse));
  HF_TRY(ValidateHttp(check, refuse));
  HF_TRY(ValidateNative(check, refuse));
  return ValidateTiming(check, refuse);
}

}  // namespace holdfast::health

// Words for a check's settings. Called by whoever prints one. Any thread.
#include "health/check.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::health {

namespace {

constexpr Milliseconds kLeastReportTtl{30'000};

}  // namespace

const char* CheckTypeText(CheckType type) noexcept {
  switch (type) {
    case CheckType::kHttp:
      return "HTTP";
    case CheckType::kHttps:
      return "HTTPS";
    case CheckType::kHttpStrMatch:
      return "HTTP_STR_MATCH";
    case CheckType::kHttpsStrMatch:
      return "HTTPS_STR_MATCH";
    case CheckType::kTcp:
      return "TCP";
    case CheckType::kCalculated:
      return "CALCULATED";
    case CheckType::kCloudwatchMetric:
      return "CLOUDWATCH_METRIC";
    case CheckType::kRecoveryControl:
      return "RECOVERY_CONTROL";
    case CheckType::kUdp:
      return "UDP";
    case CheckType::kDns:
      return "DNS";
    case CheckType::kTls:
      return "TLS";
    case CheckType::kGrpc:
      return "GRPC";
    case CheckType::kIcmp:
      return "ICMP";
    case CheckType::kExec:
      return "EXEC";
    case CheckType::kPush:
      return "PUSH";
  }
  return "?";
}

const char* AddressFamilyText(AddressFamily family) noexcept {
  switch (family) {
    case AddressFamily::kV4:
      return "v4";
    case AddressFamily::kV6:
      return "v6";
    case AddressFamily::kAny:
      return "any";
  }
  return "?";
}

std::string RcodeText(unsigned rcode) {
  constexpr std::array kNames{"NOERROR",
                              "FORMERR",
                              "SERVFAIL",
                              "NXDOMAIN",
                              "NOTIMP",
                              "REFUSED",
                              "YXDOMAIN",
                              "YXRRSET",
                              "NXRRSET",
                              "NOTAUTH",
                              "NOTZONE"};
  return rcode < kNames.size() ? kNames[rcode] : "RCODE" + std::to_string(rcode);
}

const char* HttpMethodText(HttpMethod method) noexcept {
  switch (method) {
    case HttpMethod::kGet:
      return "GET";
    case HttpMethod::kHead:
      return "HEAD";
    case HttpMethod::kOptions:
      return "OPTIONS";
    case HttpMethod::kPost:
      return "POST";
  }
  return "?";
}

std::string StatusText(StatusRange range) {
  std::string text = std::to_string(range.first);
  return range.first == range.last ? text : text + "-" + std::to_string(range.last);
}

std::optional<StatusRange> StatusFromText(std::string_view text) {
  const auto number = [](std::string_view digits) -> std::uint16_t {
    std::uint16_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool whole = error == std::errc{} && end == digits.data() + digits.size();
    return whole && digits.size() == 3 && value <= kMaxStatus ? value : 0;
  };
  const std::size_t dash = text.find('-');
  const std::uint16_t first = number(text.substr(0, dash));
  const std::uint16_t last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (first < kMinStatus || last < first) {
    return std::nullopt;
  }
  return StatusRange{.first = first, .last = last};
}

std::string_view HeaderName(std::string_view header) noexcept {
  return header.substr(0, header.find(':'));
}

bool IsSameHeader(std::string_view one, std::string_view other) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(one, other, {}, lower, lower);
}

bool JudgesCertificate(const TlsSettings& tls) noexcept {
  return tls.verify || tls.min_days_valid.has_value();
}

bool ReadsBody(const CheckConfig& check) noexcept {
  return MatchesString(check.type) || !check.http->body_regex.empty();
}

bool UsesTls(CheckType type) noexcept {
  return type == CheckType::kHttps || type == CheckType::kHttpsStrMatch;
}

bool UsesHttp(CheckType type) noexcept {
  return type == CheckType::kHttp || type == CheckType::kHttpStrMatch || UsesTls(type);
}

bool MatchesString(CheckType type) noexcept {
  return type == CheckType::kHttpStrMatch || type == CheckType::kHttpsStrMatch;
}

Milliseconds ReportTtl(const CheckConfig& check) {
  if (check.quorum.report_ttl != Milliseconds(0)) {
    return check.quorum.report_ttl;
  }
  const Milliseconds probe = check.connect_timeout + check.response_timeout + check.body_timeout;
  return std::max(3 * check.interval + probe, kLeastReportTtl);
}

namespace {

// "https", and what is asked of the endpoint behind its port.
struct TargetWords {
  const char* scheme;
  std::string asked;
};

TargetWords WordsOf(const CheckConfig& check) {
  switch (check.type) {
    case CheckType::kTcp:
      return {"tcp", ""};
    case CheckType::kUdp:
      return {"udp", ""};
    case CheckType::kTls:
      return {"tls", ""};
    case CheckType::kIcmp:
      return {"icmp", ""};
    case CheckType::kDns: {
      const auto& dns = std::get<DnsSettings>(check.native);
      return {"dns", " " + wire::ToText(dns.question) + " " + wire::TypeText(dns.type)};
    }
    case CheckType::kGrpc: {
      const auto& grpc = std::get<GrpcSettings>(check.native);
      return {grpc.tls ? "grpcs" : "grpc", grpc.service.empty() ? "" : "/" + grpc.service};
    }
    default:
      return {UsesTls(check.type) ? "https" : "http",
              check.resource_path.empty() ? "/" : check.resource_path};
  }
}

}  // namespace

std::string TargetText(const CheckConfig& check) {
  if (check.type == CheckType::kCalculated) {
    return "at least " + std::to_string(check.health_threshold) + " of " +
           std::to_string(check.children.size()) + " checks";
  }
  if (check.type == CheckType::kCloudwatchMetric) {
    return "alarm " + check.alarm;
  }
  if (check.type == CheckType::kRecoveryControl) {
    return "routing control " + check.routing_control;
  }
  if (check.type == CheckType::kPush) {
    return "heartbeats at /heartbeat/" + check.id;
  }
  if (check.type == CheckType::kExec) {
    return "exec:" + std::get<ExecSettings>(check.native).command;
  }
  const auto [scheme, asked] = WordsOf(check);
  const std::string& host = check.ip_address.empty() ? check.fqdn : check.ip_address;
  const bool bracketed = host.find(':') != std::string::npos;
  std::string text = std::string(scheme) + "://" + (bracketed ? "[" + host + "]" : host);
  if (HasPort(check.type)) {
    text += ":" + std::to_string(check.port);
  }
  text += asked;
  if (!check.ip_address.empty() && !check.fqdn.empty()) {
    text += " (host " + check.fqdn + ")";
  }
  if (check.ip_address.empty() && check.address_family != AddressFamily::kV4) {
    text += check.address_family == AddressFamily::kV6 ? " (IPv6)" : " (IPv4 or IPv6)";
  }
  if (check.origin) {
    text += " from " + OriginText(*check.origin);
  }
  return text;
}

}  // namespace holdfast::health

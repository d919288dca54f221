// Words and limits of a check's settings. Called by the configuration (before anything is changed),
// by the monitor when it takes a check over, and by whoever prints one. Control core.
#include "health/check.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <netinet/in.h>
#include <string_view>

#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::health {

namespace {

constexpr std::size_t kMaxIdOctets = 64;
constexpr std::size_t kMaxTextOctets = 255;
constexpr std::size_t kMaxPathOctets = 1 + (std::size_t{255} * 4);  // "/" and characters of UTF-8
constexpr std::size_t kMaxAlarmOctets = 64 + 1 + std::size_t{256} * 4;  // names are UTF-8
constexpr std::uint32_t kMaxHealthThreshold = 256;
constexpr std::size_t kMaxChildren = 255;
constexpr std::uint32_t kMaxThreshold = 100;
constexpr std::uint32_t kMaxQuorumPercent = 99;
constexpr std::uint32_t kMaxCheckers = 64;
constexpr std::uint32_t kMaxFlaps = 1000;
constexpr Milliseconds kMinReportTtl{1'000};
constexpr Milliseconds kDay{86'400'000};
constexpr Milliseconds kLeastReportTtl{30'000};
constexpr std::uint32_t kMaxJitterPercent = 50;
constexpr std::size_t kMaxPayloadOctets = 1400;
constexpr std::uint32_t kMaxDaysValid = 3650;
constexpr std::uint32_t kMaxEchoes = 10;
constexpr std::size_t kMaxStatusRanges = 32;
constexpr std::uint16_t kMinStatus = 200;
constexpr std::uint16_t kMaxStatus = 599;
constexpr std::size_t kMaxHeaders = 32;
constexpr std::size_t kMaxHeaderOctetsOfOne = 1024;
constexpr std::size_t kMaxArguments = 64;
constexpr std::size_t kMaxArgumentOctets = 4096;
constexpr std::size_t kMaxUserOctets = 32;
constexpr Milliseconds kMinInterval{50};
constexpr Milliseconds kMaxInterval{300'000};
constexpr Milliseconds kMinTimeout{10};
constexpr Milliseconds kMaxTimeout{60'000};

bool IsAddress(const std::string& text) {
  in6_addr octets{};
  return inet_pton(AF_INET, text.c_str(), &octets) == 1 ||
         inet_pton(AF_INET6, text.c_str(), &octets) == 1;
}

// What may stand in a request line or a Host header without ending it.
bool IsGraphic(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet > 0x20 && octet != 0x7F;
  });
}

// A value of outside hands, fit for a message.
std::string Shown(std::string_view text) {
  std::string shown = "\"";
  for (const char c : text.substr(0, 80)) {
    const auto octet = static_cast<unsigned char>(c);
    shown += octet >= 0x20 && octet < 0x7F ? c : '?';
  }
  return shown + (text.size() > 80 ? "...\"" : "\"");
}

class Refusal {
 public:
  explicit Refusal(const CheckConfig& check) : check_(check) {}
  [[nodiscard]] Status operator()(const char* field,
                                  const std::string& value,
                                  const char* expected) const {
    return Fail(ErrorCode::kInvalid,
                "health check " + Shown(check_.id) + ": " + field + " is " + value + ", expected " +
                    expected);
  }

 private:
  const CheckConfig& check_;
};

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

Status ValidateRequest(const CheckConfig& check, const Refusal& refuse) {
  const std::string& path = check.resource_path;
  if (!UsesHttp(check.type) && !path.empty() && path != "/") {
    return refuse("ResourcePath", Shown(path), "none but for HTTP and HTTPS");
  }
  if (path.size() > kMaxPathOctets || !IsGraphic(path) || (!path.empty() && path[0] != '/')) {
    return refuse("ResourcePath",
                  Shown(path),
                  "\"/\" and at most 255 more characters, no space or control character");
  }
  const std::string& wanted = check.search_string;
  if (MatchesString(check.type) && (wanted.empty() || wanted.size() > kMaxSearchOctets)) {
    return refuse("SearchString", Shown(wanted), "1 to 255 characters");
  }
  if (!MatchesString(check.type) && !wanted.empty()) {
    return refuse("SearchString", Shown(wanted), "none but for HTTP_STR_MATCH and HTTPS_STR_MATCH");
  }
  // A name is resolved for each probe; a connection would stay at the address it had once.
  if (check.keep_alive && (!UsesHttp(check.type) || check.ip_address.empty())) {
    return refuse("keep-alive", "true", "false but for HTTP and HTTPS with an IPAddress");
  }
  return {};
}

bool IsToken(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kOthers.contains(c);
  });
}

// What says where a request ends and who is asked is the probe's own (RFC 9112).
bool IsOfTheProbe(std::string_view name) {
  constexpr std::array<std::string_view, 10> kOurs{"Host",
                                                   "Connection",
                                                   "Content-Length",
                                                   "Transfer-Encoding",
                                                   "Accept-Encoding",
                                                   "Expect",
                                                   "Keep-Alive",
                                                   "TE",
                                                   "Trailer",
                                                   "Upgrade"};
  return std::ranges::any_of(kOurs, [name](auto ours) { return IsSameHeader(name, ours); });
}

Status ValidateHeader(const std::vector<std::string>& headers,
                      const std::string& header,
                      const Refusal& refuse) {
  const std::string_view name = HeaderName(header);
  if (!IsToken(name) || !header.substr(name.size()).starts_with(": ") ||
      header.size() > kMaxHeaderOctetsOfOne ||
      !std::ranges::all_of(header, [](char c) { return c == '\t' || (c >= 0x20 && c < 0x7F); })) {
    return refuse("headers", Shown(header), "\"Name: value\" of at most 1024 characters of ASCII");
  }
  if (IsOfTheProbe(name)) {
    return refuse("headers", Shown(name), "none that the probe writes itself");
  }
  const auto same = [name](const std::string& each) {
    return IsSameHeader(HeaderName(each), name);
  };
  if (std::ranges::count_if(headers, same) > 1) {
    return refuse("headers", Shown(name), "each name once");
  }
  return {};
}

Status ValidateHttp(const CheckConfig& check, const Refusal& refuse) {
  if (check.http && !UsesHttp(check.type)) {
    return refuse("settings of HTTP", "given", "none but for HTTP and HTTPS");
  }
  if (check.https && !UsesTls(check.type)) {
    return refuse("settings of TLS", "given", "none but for HTTPS and TLS");
  }
  const HttpSettings& http = *check.http;
  if (http.expected_status.size() > kMaxStatusRanges) {
    return refuse(
        "expected_status", std::to_string(http.expected_status.size()) + " items", "at most 32");
  }
  for (const StatusRange range : http.expected_status) {
    if (range.first < kMinStatus || range.first > range.last || range.last > kMaxStatus) {
      return refuse("expected_status", StatusText(range), "statuses of 200 to 599");
    }
  }
  if (http.headers.size() > kMaxHeaders) {
    return refuse("headers", std::to_string(http.headers.size()) + " of them", "at most 32");
  }
  for (const std::string& header : http.headers) {
    HF_TRY(ValidateHeader(http.headers, header, refuse));
  }
  if (http.body_regex.size() > kMaxTextOctets ||
      (MatchesString(check.type) && !http.body_regex.empty())) {
    return refuse(
        "body_regex", Shown(http.body_regex), "at most 255 octets, and none beside a SearchString");
  }
  if (http.method == HttpMethod::kHead && ReadsBody(check)) {
    return refuse("method", "HEAD", "another one, since the body is read");
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

// One overload for each alternative of NativeSettings.
Status ValidateNative(const std::monostate&, const Refusal&) {
  return {};
}

Status ValidateNative(const UdpSettings& udp, const Refusal& refuse) {
  if (udp.payload.size() > kMaxPayloadOctets) {
    return refuse("payload", std::to_string(udp.payload.size()) + " octets", "0 to 1400");
  }
  if (udp.expect.size() > kMaxTextOctets) {
    return refuse("expect", std::to_string(udp.expect.size()) + " octets", "0 to 255");
  }
  return {};
}

Status ValidateNative(const DnsSettings& dns, const Refusal& refuse) {
  if (!wire::IsWellFormed(dns.question)) {
    return refuse("question", Shown(dns.question), "a domain name in wire form");
  }
  if (dns.rcodes == 0 || dns.rcodes > 0xFFFF) {
    return refuse("expected_rcodes", std::to_string(dns.rcodes), "at least one RCODE of 0 to 15");
  }
  if (dns.rdata.size() > wire::kMaxMessageOctets) {
    return refuse("expected_answer", std::to_string(dns.rdata.size()) + " octets", "0 to 65535");
  }
  return {};
}

Status ValidateNative(const TlsSettings& tls, const Refusal& refuse) {
  if (tls.min_days_valid.value_or(0) > kMaxDaysValid) {
    return refuse("min_days_valid", std::to_string(*tls.min_days_valid), "0 to 3650");
  }
  if (!tls.verify && !tls.ca_bundle.empty()) {
    return refuse("ca_bundle", Shown(tls.ca_bundle), "none unless verify is true");
  }
  if (tls.client_cert.empty() != tls.client_key.empty()) {
    return refuse("client_cert", Shown(tls.client_cert), "one together with client_key");
  }
  return {};
}

Status ValidateNative(const GrpcSettings& grpc, const Refusal& refuse) {
  if (grpc.service.size() > kMaxTextOctets) {
    return refuse("service", Shown(grpc.service), "0 to 255 octets");
  }
  return {};
}

Status ValidateNative(const IcmpSettings& icmp, const Refusal& refuse) {
  if (icmp.count < 1 || icmp.count > kMaxEchoes) {
    return refuse("count", std::to_string(icmp.count), "1 to 10");
  }
  return {};
}

Status ValidateNative(const ExecSettings& exec, const Refusal& refuse) {
  const auto plain = [](const std::string& text) { return !text.contains('\0'); };
  if (!exec.command.starts_with('/') || exec.command.size() > kMaxArgumentOctets ||
      !plain(exec.command)) {
    return refuse("command", Shown(exec.command), "an absolute path of at most 4096 octets");
  }
  if (exec.arguments.size() > kMaxArguments) {
    return refuse("arguments", std::to_string(exec.arguments.size()) + " of them", "0 to 64");
  }
  for (const std::string& argument : exec.arguments) {
    if (argument.size() > kMaxArgumentOctets || !plain(argument)) {
      return refuse("arguments", Shown(argument), "at most 4096 octets each, none of them NUL");
    }
  }
  if (exec.user.size() > kMaxUserOctets || !plain(exec.user)) {
    return refuse("user", Shown(exec.user), "a user's name of at most 32 octets");
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
  HF_TRY(ValidateRequest(check, refuse));
  HF_TRY(ValidateHttp(check, refuse));
  HF_TRY(ValidateNative(*check.https, refuse));
  HF_TRY(std::visit([&refuse](const auto& native) { return ValidateNative(native, refuse); },
                    check.native));
  return ValidateTiming(check, refuse);
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

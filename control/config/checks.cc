#include "control/config/checks.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "control/config/fields.h"
#include "control/config/json.h"
#include "control/config/text_file.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

using health::CheckConfig;
using health::CheckType;
using health::Milliseconds;

bool IsHttps(CheckType type) noexcept {
  return type == CheckType::kHttps || type == CheckType::kHttpsStrMatch;
}

constexpr std::size_t kMaxIdOctets = 64;
constexpr std::size_t kMaxChildren = 255;

// Without blanks and control characters.
bool IsPlain(std::string_view text) {
  return std::ranges::none_of(text, [](unsigned char c) { return c <= 0x20 || c == 0x7f; });
}

std::string TextMember(const Value& table, std::string_view name) {
  const Value* member = table.Find(name);
  return member != nullptr && member->kind == Value::Kind::kString ? member->text : "";
}

// Reads one HealthCheckConfig; gives nothing when a part of it was refused.
class CheckReader {
 public:
  CheckReader(const Value& config,
              const std::string& file,
              std::string id,
              const health::TargetRules& targets,
              Findings& findings)
      : findings_(findings),
        targets_(targets),
        errors_before_(findings.ErrorCount()),
        fields_(config, file, "health check '" + id + "'", findings) {
    check_.id = std::move(id);
  }
  std::optional<CheckConfig> Read();

 private:
  bool ReadType();
  void ReadEndpoint();
  void ReadRequest();
  void ReadTiming();
  void ReadRegions();
  void ReadChildren();
  void ReadAlarm();
  void ReadRoutingControl();
  void RefuseEndpoint();
  void RefuseOtherTypes();
  std::string Plain(std::string_view name, Range length);

  Findings& findings_;
  const health::TargetRules& targets_;
  std::size_t errors_before_;
  Fields fields_;
  CheckConfig check_;
};

std::optional<CheckConfig> CheckReader::Read() {
  if (!ReadType()) {
    return std::nullopt;
  }
  if (check_.type == CheckType::kCalculated) {
    ReadChildren();
  } else if (check_.type == CheckType::kCloudwatchMetric) {
    ReadAlarm();
  } else if (check_.type == CheckType::kRecoveryControl) {
    ReadRoutingControl();
  } else {
    ReadEndpoint();
    ReadRequest();
    ReadTiming();
    ReadRegions();
    check_.measure_latency = fields_.Bool("MeasureLatency").value_or(false);
  }
  RefuseOtherTypes();
  check_.inverted = fields_.Bool("Inverted").value_or(false);
  check_.disabled = fields_.Bool("Disabled").value_or(false);
  fields_.RefuseUnknown();
  if (findings_.ErrorCount() != errors_before_) {
    return std::nullopt;
  }
  return std::move(check_);
}

bool CheckReader::ReadType() {
  if (!fields_.Require("Type", "one of the types of Route 53")) {
    return false;
  }
  const auto word = fields_.Word("Type",
                                 {"HTTP",
                                  "HTTPS",
                                  "HTTP_STR_MATCH",
                                  "HTTPS_STR_MATCH",
                                  "TCP",
                                  "CALCULATED",
                                  "CLOUDWATCH_METRIC",
                                  "RECOVERY_CONTROL"});
  if (word) {
    check_.type = static_cast<CheckType>(*word);
  }
  return word.has_value();
}

// Text that goes into a request line or header as it is: no blank, no control character.
std::string CheckReader::Plain(std::string_view name, Range length) {
  std::string text = fields_.Text(name, length).value_or("");
  if (!IsPlain(text)) {
    fields_.Expected(name, *fields_.Find(name), "no blanks or control characters");
  }
  return text;
}

void CheckReader::ReadEndpoint() {
  if (const auto address = fields_.Text("IPAddress", {2, 45})) {
    std::array<unsigned char, 16> octets{};
    std::array<char, INET6_ADDRSTRLEN> text{};
    for (const int family : {AF_INET, AF_INET6}) {
      if (inet_pton(family, address->c_str(), octets.data()) == 1) {
        check_.ip_address = inet_ntop(family, octets.data(), text.data(), text.size());
      }
    }
    if (check_.ip_address.empty()) {
      fields_.Expected("IPAddress", *fields_.Find("IPAddress"), "an IPv4 or IPv6 address");
    }
  }
  check_.fqdn = Plain("FullyQualifiedDomainName", {1, 255});
  if (!check_.fqdn.empty()) {
    if (const auto name = wire::FromText(check_.fqdn); !name) {
      fields_.Refuse("FullyQualifiedDomainName",
                     "is \"" + check_.fqdn + "\": " + name.error().message);
    }
  }
  if (const auto expected = ExpectedTarget(check_, targets_)) {
    const char* name = check_.ip_address.empty() ? "FullyQualifiedDomainName" : "IPAddress";
    fields_.Expected(name, *fields_.Find(name), *expected);
  }
  if (!fields_.Has("IPAddress") && !fields_.Has("FullyQualifiedDomainName")) {
    fields_.Refuse("IPAddress", "and FullyQualifiedDomainName are missing; expected one or both");
  }
  if (check_.type == CheckType::kTcp) {
    fields_.Require("Port", "1..65535, since the type is TCP");
  }
  const int usual = IsHttps(check_.type) ? 443 : 80;
  check_.port = static_cast<std::uint16_t>(fields_.Integer("Port", {1, 65535}).value_or(usual));
}

void CheckReader::ReadRequest() {
  const bool tcp = check_.type == CheckType::kTcp;
  if (tcp && fields_.Has("ResourcePath")) {
    fields_.Refuse("ResourcePath", "is given; expected none for type TCP");
  } else if (!tcp) {
    check_.resource_path = Plain("ResourcePath", {0, 255});
    if (!check_.resource_path.starts_with('/')) {
      check_.resource_path.insert(0, "/");
    }
  }
  if (MatchesString(check_.type)) {
    if (fields_.Require("SearchString", "1..255 characters, since the type searches the body")) {
      check_.search_string = fields_.Text("SearchString", {1, 255}).value_or("");
    }
  } else if (fields_.Has("SearchString")) {
    fields_.Refuse("SearchString", "is given; expected none unless the type ends in _STR_MATCH");
  }
  check_.enable_sni = fields_.Bool("EnableSNI").value_or(true) && IsHttps(check_.type);
}

void CheckReader::ReadTiming() {
  const auto interval = fields_.Integer("RequestInterval", {10, 30});
  if (interval && *interval != 10 && *interval != 30) {
    fields_.Expected("RequestInterval", *fields_.Find("RequestInterval"), "10 or 30");
  }
  check_.interval = Milliseconds(interval.value_or(30) * 1000);
  const auto threshold =
      static_cast<std::uint32_t>(fields_.Integer("FailureThreshold", {1, 10}).value_or(3));
  check_.healthy_threshold = threshold;
  check_.unhealthy_threshold = threshold;
  if (check_.type == CheckType::kTcp) {
    check_.connect_timeout = Milliseconds(10'000);  // spec/health-checks.md section 3
  }
}

void CheckReader::ReadRegions() {
  constexpr std::size_t kMaxRegions = 64;
  constexpr std::size_t kMaxRegionOctets = 64;
  check_.regions = fields_.Strings("Regions");
  for (const std::string& region : check_.regions) {
    if (region.empty() || region.size() > kMaxRegionOctets) {
      fields_.Refuse("Regions", "holds \"" + region + "\"; expected names of 1..64 octets");
    }
  }
  if (check_.regions.size() > kMaxRegions) {
    fields_.Refuse("Regions",
                   "has " + std::to_string(check_.regions.size()) + " names; expected 1..64");
  }
}

void CheckReader::ReadChildren() {
  if (!fields_.Has("HealthThreshold")) {
    fields_.Refuse("HealthThreshold",
                   "is missing; expected 0..256 (Calculated health checks must have a health "
                   "threshold specified.)");
  }
  check_.health_threshold =
      static_cast<std::uint32_t>(fields_.Integer("HealthThreshold", {0, 256}).value_or(0));
  check_.children = fields_.Strings("ChildHealthChecks");
  std::set<std::string_view> seen;
  for (const std::string& child : check_.children) {
    if (child.empty() || child.size() > kMaxIdOctets) {
      fields_.Refuse("ChildHealthChecks", "holds \"" + child + "\"; expected ids of checks");
    } else if (!seen.insert(child).second) {
      fields_.Refuse("ChildHealthChecks", "names '" + child + "' twice; expected each id once");
    }
  }
  if (check_.children.size() > kMaxChildren) {
    fields_.Refuse("ChildHealthChecks",
                   "has " + std::to_string(check_.children.size()) + " ids; expected 0..255");
  }
  RefuseEndpoint();
}

// The names of the alarm's source in the node's file: its region is a namespace here.
void CheckReader::ReadAlarm() {
  if (fields_.Require("AlarmIdentifier", "an object with Region and Name")) {
    if (const Value* alarm = fields_.Table("AlarmIdentifier"); alarm != nullptr) {
      Fields names(*alarm, fields_.file(), fields_.subject() + ": AlarmIdentifier", findings_);
      const bool whole =
          names.Require("Region", "1..64 characters") && names.Require("Name", "1..256 characters");
      const auto region = names.Text("Region", {1, 64});
      const auto name = names.Text("Name", {1, 256});
      names.RefuseUnknown();
      if (whole && region && name) {
        check_.alarm = *region + "/" + *name;
      }
    }
  }
  // In the order of health::InsufficientData.
  if (const auto word = fields_.Word("InsufficientDataHealthStatus",
                                     {"Healthy", "Unhealthy", "LastKnownStatus"})) {
    check_.insufficient_data = static_cast<health::InsufficientData>(*word);
  }
  RefuseEndpoint();
}

void CheckReader::ReadRoutingControl() {
  if (fields_.Require("RoutingControlArn", "the name of a [routing_control] of the node's file")) {
    check_.routing_control = fields_.Text("RoutingControlArn", {1, 255}).value_or("");
  }
  RefuseEndpoint();
}

void CheckReader::RefuseEndpoint() {
  const std::string none = std::string("expected none for type ") + CheckTypeText(check_.type);
  for (const char* name : {"IPAddress",
                           "Port",
                           "FullyQualifiedDomainName",
                           "ResourcePath",
                           "SearchString",
                           "RequestInterval",
                           "FailureThreshold"}) {
    if (fields_.Has(name)) {
      fields_.Refuse(name, "is given; " + none);
    }
  }
  if (!fields_.Strings("Regions").empty()) {
    fields_.Refuse("Regions", "is given; " + none);
  }
  for (const char* name : {"MeasureLatency", "EnableSNI"}) {
    if (fields_.Bool(name).value_or(false)) {
      fields_.Refuse(name, "is true; " + none);
    }
  }
}

void CheckReader::RefuseOtherTypes() {
  constexpr std::array<std::pair<const char*, const char*>, 5> kOthers{{
      {"HealthThreshold", "CALCULATED"},
      {"ChildHealthChecks", "CALCULATED"},
      {"AlarmIdentifier", "CLOUDWATCH_METRIC"},
      {"InsufficientDataHealthStatus", "CLOUDWATCH_METRIC"},
      {"RoutingControlArn", "RECOVERY_CONTROL"},
  }};
  for (const auto& [name, type] : kOthers) {
    const Value* value = fields_.Find(name);
    const bool empty_list =
        value != nullptr && value->kind == Value::Kind::kArray && value->items.empty();
    if (value != nullptr && !empty_list && type != std::string_view(CheckTypeText(check_.type))) {
      fields_.Refuse(name, std::string("is given; expected none unless the type is ") + type);
    }
  }
}

// Children are other checks, and no calculated ones (spec/health-checks.md section 8).
void CheckChildren(const std::vector<CheckConfig>& checks,
                   const std::string& file,
                   const std::unordered_map<std::string, std::uint32_t>& lines,
                   Findings& findings) {
  std::unordered_map<std::string_view, CheckType> types;
  for (const CheckConfig& check : checks) {
    types.emplace(check.id, check.type);
  }
  for (const CheckConfig& check : checks) {
    for (const std::string& child : check.children) {
      const auto at = file + ":" + std::to_string(lines.at(check.id));
      const std::string subject =
          "health check '" + check.id + "': ChildHealthChecks: '" + child + "' ";
      if (!lines.contains(child) && !types.contains(child)) {
        findings.AddWarning(at, subject + "is the id of no health check; it counts as not healthy");
      } else if (types.contains(child) && types.at(child) == CheckType::kCalculated) {
        findings.AddError(at, subject + "is CALCULATED itself; expected a check of another type");
      }
    }
  }
}

// An alarm is one of the node's own sources.
void CheckAlarms(const std::vector<CheckConfig>& checks,
                 const std::string& file,
                 const std::unordered_map<std::string, std::uint32_t>& lines,
                 std::span<const MetricSource> sources,
                 Findings& findings) {
  std::set<std::string_view> known;
  std::string permitted;
  constexpr std::size_t kNamed = 8;
  for (const MetricSource& source : sources) {
    if (known.insert(source.id).second && known.size() <= kNamed) {
      permitted += (permitted.empty() ? "\"" : ", \"") + source.id + "\"";
    }
  }
  if (known.size() > kNamed) {
    permitted += " or " + std::to_string(known.size() - kNamed) + " more";
  }
  for (const CheckConfig& check : checks) {
    if (check.type == CheckType::kCloudwatchMetric && !known.contains(check.alarm)) {
      findings.AddError(
          file + ":" + std::to_string(lines.at(check.id)),
          "health check '" + check.id + "': AlarmIdentifier is \"" + check.alarm +
              "\" (Region/Name), which no [metric.\"REGION/NAME\"] of the node's file has; " +
              (permitted.empty() ? "expected such a table" : "expected " + permitted));
    }
  }
}

}  // namespace

std::optional<std::string> ExpectedTarget(const CheckConfig& check,
                                          const health::TargetRules& targets) {
  const auto literal =
      health::IpAddress::FromText(check.ip_address.empty() ? check.fqdn : check.ip_address);
  const auto rule = literal ? targets.Refusal(*literal) : std::nullopt;
  if (!rule) {
    return std::nullopt;
  }
  return "an address that may be probed: " + *rule +
         " is refused unless [health] allow_targets of the node's file has it";
}

void ReadChecksText(std::string_view text,
                    const std::string& file,
                    std::span<const MetricSource> sources,
                    const health::TargetRules& targets,
                    std::vector<CheckConfig>& checks,
                    Findings& findings) {
  std::unordered_map<std::string, std::uint32_t> lines;
  std::set<std::string> native;
  for (const CheckConfig& check : checks) {
    native.insert(check.id);
  }
  const auto on_item = [&](const Value& item) {
    const std::string shown = TextMember(item, "Id");
    Fields fields(item, file, "health check '" + shown + "'", findings);
    // Written by AWS beside the configuration; they say nothing about probing.
    for (const char* ignored : {"CallerReference",
                                "HealthCheckVersion",
                                "LinkedService",
                                "CloudWatchAlarmConfiguration"}) {
      fields.Find(ignored);
    }
    const bool has_id = fields.Require("Id", "1..64 characters");
    const auto id = fields.Text("Id", {1, 64});
    const bool has_config = fields.Require("HealthCheckConfig", "an object");
    const Value* config = fields.Table("HealthCheckConfig");
    fields.RefuseUnknown();
    if (!has_id || !id || !has_config || config == nullptr) {
      return;
    }
    if (const auto [known, fresh] = lines.try_emplace(*id, item.line); !fresh) {
      fields.Refuse("Id", "is that of the check of line " + std::to_string(known->second) + " too");
    }
    if (native.contains(*id)) {
      fields.Refuse("Id", "is that of a [check.\"ID\"] with a type in the node's file too");
    }
    if (!IsPlain(*id) || id->size() > kMaxIdOctets) {
      fields.Expected("Id", *fields.Find("Id"), "1..64 octets, no blanks or control characters");
      return;
    }
    auto check = CheckReader(*config, file, *id, targets, findings).Read();
    if (!check) {
      return;
    }
    if (const auto valid = ValidateCheck(*check); !valid) {
      findings.AddError(file + ":" + std::to_string(item.line), valid.error().message);
      return;
    }
    checks.push_back(std::move(*check));
  };
  ReadJsonList(text, file, "HealthChecks", on_item, findings);
  CheckChildren(checks, file, lines, findings);
  CheckAlarms(checks, file, lines, sources, findings);
}

void ReadChecks(const std::string& path,
                std::span<const MetricSource> sources,
                const health::TargetRules& targets,
                std::vector<CheckConfig>& checks,
                Findings& findings) {
  const auto text = ReadFile(path, kMaxJsonOctets);
  if (!text) {
    findings.AddError("", text.error().message);
    return;
  }
  ReadChecksText(*text, path, sources, targets, checks, findings);
}

}  // namespace holdfast::control

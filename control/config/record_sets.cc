#include "control/config/record_sets.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <optional>
#include <utility>

#include "control/config/fields.h"
#include "control/config/json.h"
#include "control/config/numbers.h"
#include "control/config/rdata.h"
#include "control/config/record_location.h"
#include "control/config/same_rdata.h"
#include "control/config/text_file.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using wire::Type;

constexpr std::array kBasicTypes{Type::kSoa, Type::kNs, Type::kDs};
constexpr std::array kRoutableTypes{Type::kA,
                                    Type::kAaaa,
                                    Type::kCaa,
                                    Type::kCname,
                                    Type::kMx,
                                    Type::kNaptr,
                                    Type::kPtr,
                                    Type::kSpf,
                                    Type::kSrv,
                                    Type::kTxt,
                                    Type::kTlsa,
                                    Type::kSshfp,
                                    Type::kSvcb,
                                    Type::kHttps};

bool Is(std::uint16_t type, Type wanted) noexcept {
  return type == static_cast<std::uint16_t>(wanted);
}

template <class List>
bool IsOneOf(std::uint16_t type, const List& list) {
  return std::ranges::any_of(list, [type](Type wanted) { return Is(type, wanted); });
}

// Route 53 escapes are octal, zone text's are decimal.
std::string DecimalEscapes(std::string_view text) {
  const auto octal = [&text](std::size_t at) {
    return at < text.size() && text[at] >= '0' && text[at] <= '7';
  };
  std::string decimal;
  for (std::size_t at = 0; at < text.size(); ++at) {
    decimal += text[at];
    if (text[at] != '\\' || at + 1 >= text.size()) {
      continue;
    }
    if (octal(at + 1) && octal(at + 2) && octal(at + 3) && text[at + 1] <= '3') {
      const int value =
          ((text[at + 1] - '0') * 64) + ((text[at + 2] - '0') * 8) + (text[at + 3] - '0');
      decimal += static_cast<char>('0' + (value / 100));
      decimal += static_cast<char>('0' + (value / 10 % 10));
      decimal += static_cast<char>('0' + (value % 10));
      at += 3;
    } else {
      decimal += text[++at];
    }
  }
  return decimal;
}

// What Route 53 refuses in a value although zone text may have it; empty when nothing.
std::string ValueFault(std::uint16_t type, std::string_view value) {
  if ((Is(type, Type::kTxt) || Is(type, Type::kSpf)) && !value.starts_with('"')) {
    return "is not enclosed in quotation marks";
  }
  if (Is(type, Type::kSvcb) || Is(type, Type::kHttps)) {
    const auto priority = Number(value.substr(0, value.find(' ')));
    if (!priority || *priority > 32767) {
      return "has no priority of 0..32767";
    }
    for (auto at = value.find(" key"); at != std::string_view::npos;
         at = value.find(" key", at + 1)) {
      if (at + 4 < value.size() && std::isdigit(static_cast<unsigned char>(value[at + 4])) != 0) {
        return "names a parameter by number (keyNNNNN)";
      }
    }
  }
  return {};
}

std::string PlainZoneId(std::string_view id) {
  constexpr std::string_view kPrefix = "/hostedzone/";
  return std::string(id.starts_with(kPrefix) ? id.substr(kPrefix.size()) : id);
}

// Reads one item of the list; gives nothing when a part of it was refused.
class RecordReader {
 public:
  RecordReader(const Value& item, const std::string& file, const Zone& zone, Findings& findings)
      : zone_(zone),
        findings_(findings),
        errors_before_(findings.ErrorCount()),
        fields_(item, file, Subject(item), findings) {
    record_.source = Source{file, item.line};
  }

  std::optional<RecordSet> Read() {
    ReadName();
    ReadType();
    ReadPolicy();
    ReadTarget();
    record_.health_check_id = fields_.Text("HealthCheckId", {1, 64}).value_or("");
    fields_.RefuseUnknown();
    if (findings_.ErrorCount() != errors_before_) {
      return std::nullopt;
    }
    return std::move(record_);
  }

 private:
  static std::string Subject(const Value& item);
  void ReadName();
  void ReadType();
  void ReadPolicy();
  void ReadLocation(const std::function<void(const char*, Policy)>& note);
  void CheckPolicyFits(std::string_view policy);
  void ReadTarget();
  void ReadAlias(const Value& table);
  void ReadValues();

  const Zone& zone_;
  Findings& findings_;
  std::size_t errors_before_;
  Fields fields_;
  RecordSet record_;
};

std::string RecordReader::Subject(const Value& item) {
  const auto text = [&item](std::string_view name) {
    const Value* member = item.Find(name);
    return member != nullptr && member->kind == Value::Kind::kString ? member->text : "?";
  };
  std::string subject = "record '";
  const auto name = wire::FromRoute53Text(text("Name"));
  subject += name ? wire::ToText(wire::Fold(*name)) : text("Name");
  subject += " " + text("Type") + "'";
  if (item.Find("SetIdentifier") != nullptr) {
    subject += " (SetIdentifier '" + text("SetIdentifier") + "')";
  }
  return subject;
}

void RecordReader::ReadName() {
  if (!fields_.Require("Name", "a domain name")) {
    return;
  }
  const auto text = fields_.Text("Name", {1, 1024});
  if (!text) {
    return;
  }
  const auto name = wire::FromRoute53Text(*text);
  if (!name) {
    fields_.Refuse("Name", "is \"" + *text + "\": " + name.error().message);
    return;
  }
  record_.name = wire::Fold(*name);
  if (!wire::IsAtOrBelow(record_.name, zone_.origin)) {
    fields_.Refuse("Name",
                   "is outside the zone: RRSet with DNS name " + wire::ToText(record_.name) +
                       " is not permitted in zone " + wire::ToText(zone_.origin));
  }
}

void RecordReader::ReadType() {
  if (!fields_.Require("Type", "a record type")) {
    return;
  }
  const auto text = fields_.String("Type");
  if (!text) {
    return;
  }
  const auto type = wire::TypeFromText(*text);
  if (!type || !(IsOneOf(*type, kBasicTypes) || IsOneOf(*type, kRoutableTypes))) {
    fields_.Expected(
        "Type",
        *fields_.Find("Type"),
        "SOA A TXT NS CNAME MX NAPTR PTR SRV SPF AAAA CAA DS TLSA SSHFP SVCB or HTTPS");
    return;
  }
  record_.type = *type;
  const bool wildcard = record_.name.starts_with(std::string_view("\1*", 2));
  if (wildcard && Is(record_.type, Type::kNs)) {
    fields_.Refuse("Name", "is a wildcard, which NS cannot have");
  }
}

void RecordReader::ReadPolicy() {
  if (fields_.Has("TrafficPolicyInstanceId")) {
    fields_.Refuse("TrafficPolicyInstanceId", "is not yet supported");
  }
  std::string policies;
  int count = 0;
  const auto note = [&](const char* name, Policy policy) {
    policies += (count == 0 ? "" : " and ") + std::string(name);
    ++count;
    record_.policy = policy;
  };
  if (fields_.Has("Weight")) {
    note("Weight", Policy::kWeighted);
    record_.weight = static_cast<std::uint8_t>(fields_.Integer("Weight", {0, 255}).value_or(0));
  }
  if (fields_.Has("Failover")) {
    note("Failover", Policy::kFailover);
    record_.primary = fields_.Word("Failover", {"PRIMARY", "SECONDARY"}) == 0U;
  }
  if (fields_.Bool("MultiValueAnswer").value_or(false)) {
    note("MultiValueAnswer", Policy::kMultivalue);
  }
  ReadLocation(note);
  if (count > 1) {
    fields_.Refuse(policies, "are given together; expected one routing policy");
  }
  record_.set_identifier = fields_.Text("SetIdentifier", {1, 128}).value_or("");
  if (count == 1) {
    CheckPolicyFits(policies);
  } else if (count == 0 && fields_.Has("SetIdentifier")) {
    fields_.Refuse("SetIdentifier",
                   "is given without a routing policy; expected Weight, Region, Failover, "
                   "GeoLocation, GeoProximityLocation, CidrRoutingConfig or MultiValueAnswer "
                   "beside it");
  }
}

void RecordReader::ReadLocation(const std::function<void(const char*, Policy)>& note) {
  RecordLocation where;
  if (fields_.Has("Region")) {
    note("Region", Policy::kLatency);
    where.region = ReadRegion(fields_, "Region");
  }
  const LocationReader reader(record_.source.file, Subject(fields_.Root()), findings_);
  if (const Value* table = fields_.Table("GeoLocation")) {
    note("GeoLocation", Policy::kGeolocation);
    reader.ReadGeoLocation(*table, where);
  }
  if (const Value* table = fields_.Table("GeoProximityLocation")) {
    note("GeoProximityLocation", Policy::kGeoproximity);
    reader.ReadGeoProximity(*table, where);
  }
  if (const Value* table = fields_.Table("CidrRoutingConfig")) {
    note("CidrRoutingConfig", Policy::kCidr);
    reader.ReadCidr(*table, where);
  }
  if (AsksTheClient(record_.policy)) {
    record_.where = std::make_shared<const RecordLocation>(std::move(where));
  }
}

void RecordReader::CheckPolicyFits(std::string_view policy) {
  fields_.Require("SetIdentifier", "1..128 characters, since " + std::string(policy) + " is given");
  const bool multivalue = record_.policy == Policy::kMultivalue;
  if (IsOneOf(record_.type, kBasicTypes) || (multivalue && Is(record_.type, Type::kCname))) {
    fields_.Refuse(policy,
                   "is given; expected no routing policy for type " + wire::TypeText(record_.type) +
                       (multivalue ? " with many answers" : ""));
  }
  if (multivalue && fields_.Has("AliasTarget")) {
    fields_.Refuse("AliasTarget", "is given; expected ResourceRecords with MultiValueAnswer");
  }
}

void RecordReader::ReadTarget() {
  const Value* alias = fields_.Table("AliasTarget");
  const bool has_ttl = fields_.Has("TTL");
  const bool has_values = fields_.Has("ResourceRecords");
  if (alias != nullptr ? has_ttl || has_values : !has_ttl || !has_values) {
    if (!fields_.Has("AliasTarget") || alias != nullptr) {
      fields_.Refuse("AliasTarget",
                     "or TTL or ResourceRecords: Expected exactly one of [AliasTarget, all of "
                     "[TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found " +
                         std::string(alias != nullptr ? "more than one" : "none"));
    }
    return;
  }
  if (alias != nullptr) {
    ReadAlias(*alias);
  } else {
    record_.ttl = static_cast<std::uint32_t>(fields_.Integer("TTL", {0, 0x7fffffff}).value_or(0));
    ReadValues();
  }
}

void RecordReader::ReadAlias(const Value& table) {
  Fields fields(table, record_.source.file, Subject(fields_.Root()) + ": AliasTarget", findings_);
  AliasTarget alias;
  if (IsOneOf(record_.type, kBasicTypes)) {
    fields_.Refuse("AliasTarget", "is given; expected ResourceRecords for this type");
  }
  if (fields.Require("HostedZoneId", "the id of the record's own zone")) {
    alias.hosted_zone_id = PlainZoneId(fields.Text("HostedZoneId", {1, 44}).value_or(""));
    if (alias.hosted_zone_id != zone_.id) {
      fields.Refuse("HostedZoneId",
                    "is \"" + alias.hosted_zone_id + "\", which is not this zone; expected \"" +
                        zone_.id + "\" (targets in other zones and AWS services are not served)");
    }
  }
  if (fields.Require("DNSName", "a domain name")) {
    const std::string text = fields.Text("DNSName", {1, 1024}).value_or(".");
    const auto name = wire::FromRoute53Text(text);
    if (name) {
      alias.name = wire::Fold(*name);
    } else {
      fields.Refuse("DNSName", "is \"" + text + "\": " + name.error().message);
    }
  }
  if (fields.Require("EvaluateTargetHealth", "true or false")) {
    alias.evaluate_target_health = fields.Bool("EvaluateTargetHealth").value_or(false);
  }
  fields.RefuseUnknown();
  record_.alias = std::move(alias);
}

void RecordReader::ReadValues() {
  const std::vector<Value>& items = fields_.Array("ResourceRecords");
  if (items.empty() || items.size() > kMaxValues) {
    fields_.Refuse("ResourceRecords",
                   "has " + std::to_string(items.size()) + " values; expected 1.." +
                       std::to_string(kMaxValues));
    return;
  }
  for (const Value& item : items) {
    const Value* value = item.kind == Value::Kind::kTable ? item.Find("Value") : nullptr;
    if (value == nullptr || value->kind != Value::Kind::kString || item.items.size() != 1) {
      fields_.Expected("ResourceRecords", item, "objects of the form {\"Value\": \"...\"}");
      continue;
    }
    if (record_.type == 0) {
      continue;  // the type was refused: values are of none
    }
    auto rdata = RdataFromValue(record_.type, value->text);
    if (!rdata) {
      fields_.Refuse("ResourceRecords", rdata.error().message);
    } else if (std::ranges::any_of(record_.rdata, [&](const std::string& other) {
                 return SameRdata(record_.type, other, *rdata);
               })) {
      fields_.Refuse("ResourceRecords", "has the value \"" + value->text + "\" twice");
    } else {
      record_.rdata.push_back(std::move(*rdata));
    }
  }
}

}  // namespace

bool IsRoutableType(std::uint16_t type) noexcept {
  return IsOneOf(type, kRoutableTypes);
}

Result<std::string> RdataFromValue(std::uint16_t type, std::string_view value) {
  if (const std::string fault = ValueFault(type, value); !fault.empty()) {
    return Fail(ErrorCode::kInvalid, "value \"" + std::string(value) + "\" " + fault);
  }
  // Names are absolute with or without their final dot: their origin is the root.
  return RdataFromText(type, DecimalEscapes(value), std::string_view("\0", 1));
}

void ReadRecordSetsText(std::string_view text,
                        const std::string& file,
                        Zone& zone,
                        Findings& findings) {
  const auto on_item = [&](const Value& item) {
    if (auto record = RecordReader(item, file, zone, findings).Read()) {
      zone.record_sets.push_back(std::move(*record));
    }
  };
  ReadJsonList(text, file, "ResourceRecordSets", on_item, findings);
}

void ReadRecordSets(const std::string& path, Zone& zone, Findings& findings) {
  const auto text = ReadFile(path, kMaxJsonOctets);
  if (!text) {
    findings.AddError("", text.error().message);
    return;
  }
  ReadRecordSetsText(*text, path, zone, findings);
  Sha256 sha256;
  sha256.Add(*text);
  zone.texts.push_back({path, sha256.Finish()});
}

}  // namespace holdfast::control

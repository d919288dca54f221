#include "control/traffic/document.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "control/config/fields.h"
#include "control/config/json.h"
#include "control/config/record_sets.h"
#include "control/model/text.h"
#include "control/traffic/leg.h"
#include "control/traffic/tree.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

constexpr std::string_view kFault = "InvalidTrafficPolicyDocument: ";
constexpr std::size_t kMaxIdCharacters = 128;

struct RuleType {
  const char* name;
  Policy policy;
  const char* legs;  // the member that holds them; null: Primary and Secondary
};
constexpr RuleType kRuleTypes[] = {{"failover", Policy::kFailover, nullptr},
                                   {"geo", Policy::kGeolocation, "Locations"},
                                   {"geoproximity", Policy::kGeoproximity, "GeoproximityLocations"},
                                   {"latency", Policy::kLatency, "Regions"},
                                   {"multivalue", Policy::kMultivalue, "Items"},
                                   {"weighted", Policy::kWeighted, "Items"}};

class DocumentReader {
 public:
  DocumentReader(const Value& root, std::string file, Findings& findings)
      : file_(std::move(file)), findings_(findings), fields_(root, file_, "document", findings) {}

  TrafficDocument Read() {
    ReadHead();
    if (const Value* table = fields_.Table("Endpoints")) {
      for (const Value& item : table->items) {
        ReadEndpoint(item);
      }
    }
    const Value* rules = fields_.Table("Rules");
    if (rules != nullptr) {
      for (const Value& item : rules->items) {
        CheckId(item, "rule");
        out_.rules.push_back({item.key, Policy::kSimple, {}});
        names_.rules.emplace(item.key, names_.rules.size());
      }
      for (std::size_t i = 0; i < rules->items.size(); ++i) {
        ReadRule(rules->items[i], out_.rules[i]);
      }
    }
    ReadStart();
    fields_.RefuseUnknown();
    // A tree with parts that were refused would only seem to have holes.
    if (findings_.Ok()) {
      CheckTree(out_, file_, findings_);
    }
    return std::move(out_);
  }

 private:
  void ReadHead();
  void ReadEndpoint(const Value& item);
  void ReadRule(const Value& item, TrafficRule& rule);
  void ReadLegs(Fields& fields, const RuleType& type, TrafficRule& rule);
  void AddLeg(const Value& item, const std::string& subject, TrafficRule& rule);
  void ReadStart();
  void CheckId(const Value& item, const char* what);

  std::string file_;
  Findings& findings_;
  Fields fields_;
  bool location_tables_ = false;  // of 2023-05-09
  TrafficNames names_;
  TrafficDocument out_;
};

void DocumentReader::ReadHead() {
  if (fields_.Require("AWSPolicyFormatVersion", "\"2015-10-01\" or \"2023-05-09\"")) {
    location_tables_ = fields_.Word("AWSPolicyFormatVersion", {"2015-10-01", "2023-05-09"}) == 1U;
  }
  if (!fields_.Require("RecordType", "a record type")) {
    return;
  }
  const auto text = fields_.String("RecordType");
  if (!text) {
    return;
  }
  const auto type = wire::TypeFromText(*text);
  if (type && IsRoutableType(*type)) {
    out_.type = *type;
  } else {
    fields_.Expected("RecordType",
                     *fields_.Find("RecordType"),
                     "A AAAA CAA CNAME MX NAPTR PTR SPF SRV TXT TLSA SSHFP SVCB or HTTPS");
  }
}

void DocumentReader::CheckId(const Value& item, const char* what) {
  const std::size_t characters = Characters(item.key);
  if (characters == 0 || characters > kMaxIdCharacters) {
    findings_.AddError(Source{file_, item.line},
                       std::string("the id of a ") + what + " has " + std::to_string(characters) +
                           " characters; expected 1.." + std::to_string(kMaxIdCharacters));
  }
}

void DocumentReader::ReadEndpoint(const Value& item) {
  CheckId(item, "endpoint");
  const std::size_t place = out_.endpoints.size();
  out_.endpoints.push_back({item.key, {}});
  names_.endpoints.emplace(item.key, place);
  if (item.kind != Value::Kind::kTable) {
    fields_.Expected(
        "Endpoints", item, "objects of the form {\"Type\": \"value\", \"Value\": ...}");
    return;
  }
  Fields fields(item, file_, "endpoint '" + item.key + "'", findings_);
  if (fields.Require("Type", "\"value\"") && !fields.Word("Type", {"value"})) {
    return;  // what else stands there is of that other type
  }
  if (fields.Require("Value", "a value of a record")) {
    const auto value = fields.String("Value");
    if (value && out_.type != 0) {
      auto rdata = RdataFromValue(out_.type, *value);
      if (rdata) {
        out_.endpoints[place].rdata = std::move(*rdata);
      } else {
        fields.Refuse("Value", "is refused: " + rdata.error().message);
      }
    }
  }
  fields.RefuseUnknown();
}

void DocumentReader::ReadRule(const Value& item, TrafficRule& rule) {
  if (item.kind != Value::Kind::kTable) {
    fields_.Expected("Rules", item, "objects with a RuleType");
    return;
  }
  Fields fields(item, file_, "rule '" + item.key + "'", findings_);
  constexpr const char* kTypes = "failover, geo, geoproximity, latency, multivalue or weighted";
  if (!fields.Require("RuleType", kTypes)) {
    return;
  }
  const Value& named = *fields.Find("RuleType");
  const auto* type = std::ranges::find_if(
      kRuleTypes, [&named](const RuleType& one) { return named.text == one.name; });
  if (named.kind != Value::Kind::kString || type == std::end(kRuleTypes)) {
    fields.Expected("RuleType", named, kTypes);
    return;
  }
  rule.policy = type->policy;
  if (type->policy == Policy::kMultivalue &&
      out_.type == static_cast<std::uint16_t>(wire::Type::kCname)) {
    fields.Refuse("RuleType", "is multivalue; expected another for RecordType CNAME");
  }
  ReadLegs(fields, *type, rule);
  fields.RefuseUnknown();
}

void DocumentReader::ReadLegs(Fields& fields, const RuleType& type, TrafficRule& rule) {
  const std::string subject = "rule '" + rule.id + "' ";
  if (type.legs == nullptr) {
    for (const char* name : {"Primary", "Secondary"}) {
      fields.Require(name, "an object with an EndpointReference or a RuleReference");
      if (const Value* leg = fields.Table(name)) {
        AddLeg(*leg, subject + name, rule);
      }
    }
    return;
  }
  if (!fields.Require(type.legs, "an array of objects")) {
    return;
  }
  const std::vector<Value>& legs = fields.Array(type.legs);
  if (legs.empty() && fields.Find(type.legs)->kind == Value::Kind::kArray) {
    fields.Refuse(type.legs, "is empty; expected at least one object");
  }
  for (std::size_t i = 0; i < legs.size(); ++i) {
    if (legs[i].kind == Value::Kind::kTable) {
      AddLeg(legs[i], subject + type.legs + " " + std::to_string(i + 1), rule);
    } else {
      fields.Expected(type.legs, legs[i], "objects only");
    }
  }
}

void DocumentReader::AddLeg(const Value& item, const std::string& subject, TrafficRule& rule) {
  Fields fields(item, file_, subject, findings_);
  TrafficLeg leg = LegReader(fields, names_, rule.policy, location_tables_, findings_).Read();
  leg.line = item.line;
  if (rule.policy == Policy::kFailover) {
    leg.primary = item.key == "Primary";
    if (leg.primary && !leg.to_rule && leg.health_check_id.empty() &&
        fields.Has("EndpointReference")) {
      fields.Refuse("HealthCheck",
                    "is missing; expected the id of a health check, or a primary endpoint never "
                    "fails over");
    }
  }
  rule.legs.push_back(std::move(leg));
}

void DocumentReader::ReadStart() {
  const bool rule = fields_.Has("StartRule");
  if (rule == fields_.Has("StartEndpoint")) {
    fields_.Refuse("StartRule",
                   std::string("or StartEndpoint: expected exactly one of them, found ") +
                       (rule ? "both" : "neither"));
    return;
  }
  const char* name = rule ? "StartRule" : "StartEndpoint";
  out_.start.to_rule = rule;
  out_.start.line = fields_.Find(name)->line;
  if (const auto target = FindNamed(fields_, name, rule ? names_.rules : names_.endpoints)) {
    out_.start.target = *target;
  }
}

}  // namespace

Result<TrafficDocument> ReadTrafficDocument(std::string_view text, const std::string& file) {
  const std::string place = std::string(kFault) + file;
  Findings findings;
  if (const std::size_t characters = Characters(text); characters > kMaxDocumentCharacters) {
    findings.AddError(place,
                      "the document has " + std::to_string(characters) +
                          " characters; expected at most " +
                          std::to_string(kMaxDocumentCharacters));
    return std::unexpected(findings.ToError());
  }
  const auto root = ReadJsonDocument(text, place, findings);
  TrafficDocument document;
  if (root && root->kind != Value::Kind::kTable) {
    findings.AddError(place, "the document is " + Describe(*root) + "; expected an object");
  } else if (root) {
    document = DocumentReader(*root, place, findings).Read();
  }
  if (!findings.Ok()) {
    return std::unexpected(findings.ToError());
  }
  for (const std::string& warning : findings.Warnings()) {
    document.warnings.emplace_back(Printable(file)).append(": ").append(warning);
  }
  return document;
}

}  // namespace holdfast::control

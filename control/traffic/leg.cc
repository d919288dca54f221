#include "control/traffic/leg.h"

#include <charconv>
#include <memory>

#include "control/config/record_location.h"

namespace holdfast::control {
namespace {

// Route 53's documents have numbers and truth values as strings, its console writes them bare.
std::optional<bool> Truth(Fields& fields, std::string_view name) {
  const Value* value = fields.Find(name);
  if (value == nullptr || value->kind != Value::Kind::kString) {
    return fields.Bool(name);
  }
  if (value->text != "true" && value->text != "false") {
    fields.Expected(name, *value, "true or false");
    return std::nullopt;
  }
  return value->text == "true";
}

std::optional<int> Whole(Fields& fields, std::string_view name, Range range) {
  const Value* value = fields.Find(name);
  if (value == nullptr || value->kind != Value::Kind::kString) {
    const auto whole = fields.Integer(name, range);
    return whole ? std::optional(static_cast<int>(*whole)) : std::nullopt;
  }
  int whole = 0;
  const char* end = value->text.data() + value->text.size();
  const auto read = std::from_chars(value->text.data(), end, whole);
  if (read.ec != std::errc{} || read.ptr != end || whole < range.low || whole > range.high) {
    fields.Expected(name, *value, std::to_string(range.low) + ".." + std::to_string(range.high));
    return std::nullopt;
  }
  return whole;
}

// "aws:route53:eu-west-1", the prefix of which some leave out.
std::string RegionOf(Fields& fields, std::string_view name) {
  constexpr std::string_view kPrefix = "aws:route53:";
  const auto text = fields.String(name);
  if (!text) {
    return {};
  }
  std::string region = text->starts_with(kPrefix) ? text->substr(kPrefix.size()) : *text;
  if (!IsRegion(region)) {
    fields.Expected(name,
                    *fields.Find(name),
                    "\"aws:route53:\" and the name of a region, 1..64 lower-case letters, digits "
                    "and '-'");
    return {};
  }
  return region;
}

}  // namespace

std::optional<std::size_t> FindNamed(Fields& fields,
                                     std::string_view name,
                                     const PlacesByName& known) {
  const auto text = fields.String(name);
  if (!text) {
    return std::nullopt;
  }
  if (const auto found = known.find(*text); found != known.end()) {
    return found->second;
  }
  std::vector<std::string_view> words;
  for (const auto& [word, place] : known) {
    words.emplace_back(word);
  }
  std::ranges::sort(words);
  const std::string_view nearest = NearestWord(*text, words);
  fields.Expected(name,
                  *fields.Find(name),
                  std::string("the id of one of the ") +
                      (name.ends_with("Rule") || name.starts_with("Rule") ? "Rules" : "Endpoints") +
                      (nearest.empty() ? "" : "; did you mean '" + std::string(nearest) + "'?"));
  return std::nullopt;
}

TrafficLeg LegReader::Read() {
  ReadTarget();
  leg_.health_check_id = fields_.Text("HealthCheck", {1, 64}).value_or("");
  if (policy_ == Policy::kWeighted && fields_.Require("Weight", "0..255")) {
    leg_.weight = static_cast<std::uint8_t>(Whole(fields_, "Weight", {0, 255}).value_or(0));
  } else if (AsksTheClient(policy_)) {
    ReadWhere();
  }
  fields_.RefuseUnknown();
  return std::move(leg_);
}

void LegReader::ReadTarget() {
  const bool endpoint = fields_.Has("EndpointReference");
  if (policy_ == Policy::kMultivalue) {
    if (fields_.Require("EndpointReference", "the id of one of the Endpoints")) {
      leg_.target = FindNamed(fields_, "EndpointReference", names_.endpoints).value_or(0);
    }
    if (fields_.Has("RuleReference")) {
      fields_.Refuse("RuleReference",
                     "is given; expected an EndpointReference in a multivalue rule");
    }
    Truth(fields_, "EvaluateTargetHealth");
    return;
  }
  leg_.to_rule = fields_.Has("RuleReference");
  if (endpoint == leg_.to_rule) {
    fields_.Refuse("EndpointReference",
                   std::string("or RuleReference: expected exactly one of them, found ") +
                       (endpoint ? "both" : "neither"));
  } else if (endpoint) {
    leg_.target = FindNamed(fields_, "EndpointReference", names_.endpoints).value_or(0);
  } else {
    leg_.target = FindNamed(fields_, "RuleReference", names_.rules).value_or(0);
  }
  leg_.evaluate_target_health = Truth(fields_, "EvaluateTargetHealth").value_or(false);
}

void LegReader::ReadWhere() {
  RecordLocation where;
  if (policy_ == Policy::kLatency) {
    if (fields_.Require("Region", "the name of a region")) {
      where.region = ReadRegion(fields_, "Region");
    }
  } else if (policy_ == Policy::kGeolocation) {
    ReadGeolocation(where);
  } else {
    ReadGeoproximity(where);
  }
  leg_.where = std::make_shared<const RecordLocation>(std::move(where));
}

void LegReader::ReadGeolocation(RecordLocation& where) {
  if (!Truth(fields_, "IsDefault").value_or(false)) {
    ReadGeo(fields_, {"Continent", "Country", "Subdivision"}, where);
    return;
  }
  where.geo.country = "*";
  for (const char* name : {"Continent", "Country", "Subdivision"}) {
    const Value* value = fields_.Find(name);
    if (value != nullptr && !(std::string_view(name) == "Country" && value->text == "*")) {
      fields_.Refuse(name, "is given with IsDefault true; expected one of them");
    }
  }
}

void LegReader::ReadGeoproximity(RecordLocation& where) {
  where.bias = Whole(fields_, "Bias", {-99, 99}).value_or(0);
  if (location_tables_) {
    if (fields_.Require("Location", "an object with Type Region, LocalZone or Coordinate")) {
      if (const Value* table = fields_.Table("Location")) {
        ReadLocationTable(*table, where);
      }
    }
    return;
  }
  const bool degrees = fields_.Has("Latitude") || fields_.Has("Longitude");
  if (degrees == fields_.Has("Region")) {
    fields_.Refuse(
        "Region",
        std::string("or Latitude and Longitude: expected exactly one of the two, found ") +
            (degrees ? "both" : "neither"));
  } else if (degrees) {
    ReadDegrees(fields_, where);
  } else {
    where.region = RegionOf(fields_, "Region");
  }
}

void LegReader::ReadLocationTable(const Value& table, RecordLocation& where) {
  Fields fields(table, fields_.file(), fields_.subject() + ": Location", findings_);
  if (!fields.Require("Type", "\"Region\", \"LocalZone\" or \"Coordinate\"")) {
    return;
  }
  const auto type = fields.Word("Type", {"Region", "LocalZone", "Coordinate"});
  if (!type) {
    return;
  }
  if (*type == 2) {
    ReadDegrees(fields, where);
  } else if (fields.Require("LocationName", "\"aws:route53:\" and the name of a region")) {
    where.region = RegionOf(fields, "LocationName");
  }
  fields.RefuseUnknown();
}

}  // namespace holdfast::control

#include "control/config/record_location.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "control/location/country.h"

namespace holdfast::control {
namespace {

// "-12.34" in hundredths; nothing for other forms or past `most` degrees.
std::optional<int> Hundredths(std::string_view text, int most) {
  const bool negative = text.starts_with('-');
  text.remove_prefix(negative || text.starts_with('+') ? 1 : 0);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view part = point == std::string_view::npos ? "" : text.substr(point + 1);
  const auto digits = [](std::string_view s) {
    return std::ranges::all_of(s, [](char c) { return c >= '0' && c <= '9'; });
  };
  if (whole.empty() || whole.size() > 3 || part.size() > 2 || !digits(whole) || !digits(part) ||
      (point != std::string_view::npos && part.empty())) {
    return std::nullopt;
  }
  int value = std::atoi(std::string(whole).c_str()) * 100;
  if (!part.empty()) {
    value += std::atoi(std::string(part).c_str()) * (part.size() == 1 ? 10 : 1);
  }
  return value > most * 100 ? std::nullopt : std::optional(negative ? -value : value);
}

}  // namespace

bool IsRegion(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::string ReadRegion(Fields& fields, std::string_view name) {
  const auto text = fields.String(name);
  if (text && !IsRegion(*text)) {
    fields.Expected(name, *fields.Find(name), "the name of a region, " + std::string(kRegionForm));
    return {};
  }
  return text.value_or("");
}

void ReadGeo(Fields& fields, const GeoNames& names, RecordLocation& where) {
  const auto continent = fields.String(names.continent);
  const auto country = fields.String(names.country);
  const auto subdivision = fields.String(names.subdivision);
  if (continent ? country || subdivision : !country) {
    fields.Refuse(names.continent,
                  std::string("or ") + names.country + ": expected one of them, " +
                      names.subdivision + " beside " + names.country + " only");
    return;
  }
  if (continent && !IsContinent(*continent)) {
    fields.Expected(names.continent, *fields.Find(names.continent), kContinents);
  }
  if (country && *country != "*" && !IsRoute53Country(*country)) {
    fields.Expected(names.country,
                    *fields.Find(names.country),
                    "two capital letters of ISO 3166-1 (not BV, CX, EH, HM) or \"*\" for default");
  }
  if (subdivision && !IsRoute53Subdivision(*country, *subdivision)) {
    fields.Expected(names.subdivision, *fields.Find(names.subdivision), Route53Subdivisions());
  }
  where.geo = {.continent = continent.value_or(""),
               .country = country.value_or(""),
               .subdivision = subdivision.value_or("")};
}

void LocationReader::ReadGeoLocation(const Value& table, RecordLocation& where) const {
  Fields fields(table, file_, subject_ + ": GeoLocation", findings_);
  ReadGeo(fields, {"ContinentCode", "CountryCode", "SubdivisionCode"}, where);
  fields.RefuseUnknown();
}

void LocationReader::ReadGeoProximity(const Value& table, RecordLocation& where) const {
  Fields fields(table, file_, subject_ + ": GeoProximityLocation", findings_);
  where.bias = static_cast<int>(fields.Integer("Bias", {-99, 99}).value_or(0));
  const Value* coordinates = fields.Table("Coordinates");
  const bool region = fields.Has("AWSRegion");
  const bool zone = fields.Has("LocalZoneGroup");
  if ((region ? 1 : 0) + (zone ? 1 : 0) + (fields.Has("Coordinates") ? 1 : 0) != 1) {
    fields.Refuse("AWSRegion", "or LocalZoneGroup or Coordinates: expected exactly one of them");
  } else if (coordinates != nullptr) {
    Fields degrees(*coordinates, file_, subject_ + ": Coordinates", findings_);
    ReadDegrees(degrees, where);
    degrees.RefuseUnknown();
  } else {
    where.region = ReadRegion(fields, region ? "AWSRegion" : "LocalZoneGroup");
  }
  fields.RefuseUnknown();
}

void ReadDegrees(Fields& fields, RecordLocation& where) {
  const auto read = [&](const char* name, int most) -> std::optional<int> {
    if (!fields.Require(name, "degrees as a string")) {
      return std::nullopt;
    }
    const auto text = fields.String(name);
    const auto value = text ? Hundredths(*text, most) : std::nullopt;
    if (text && !value) {
      fields.Expected(
          name,
          *fields.Find(name),
          "-" + std::to_string(most) + ".." + std::to_string(most) + " with at most two decimals");
    }
    return value;
  };
  const auto latitude = read("Latitude", 90);
  const auto longitude = read("Longitude", 180);
  if (latitude && longitude) {
    where.place = Coordinates{.latitude = *latitude / 100.0, .longitude = *longitude / 100.0};
  }
}

void LocationReader::ReadCidr(const Value& table, RecordLocation& where) const {
  Fields fields(table, file_, subject_ + ": CidrRoutingConfig", findings_);
  if (fields.Require("CollectionId", "the id of a [cidr_collection]")) {
    where.collection_id = fields.Text("CollectionId", {1, 64}).value_or("");
  }
  if (fields.Require("LocationName", "a location of the collection, or \"*\"")) {
    where.cidr_location = fields.Text("LocationName", {1, 16}).value_or("");
    if (where.cidr_location != "*" && !where.cidr_location.empty() &&
        !IsPlainWord(where.cidr_location, 16)) {
      fields.Expected("LocationName",
                      *fields.Find("LocationName"),
                      "1..16 letters, digits, '-' and '_', or \"*\" for default");
    }
  }
  fields.RefuseUnknown();
}

}  // namespace holdfast::control

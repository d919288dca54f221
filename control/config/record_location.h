// The parts of a record set that say which clients it is for: Region, GeoLocation,
// GeoProximityLocation, CidrRoutingConfig; some of it is what the legs of traffic policies say too.
// Used by record_sets.cc and control/traffic.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "control/config/fields.h"
#include "control/config/value.h"
#include "control/model/findings.h"
#include "control/model/model.h"

namespace holdfast::control {

/// Whether it may be a region's name, as ReadRegion has it; kRegionForm is what was expected.
bool IsRegion(std::string_view text);
inline constexpr std::string_view kRegionForm = "1..64 lower-case letters, digits and '-'";

/// A region's name: 1..64 lower-case letters, digits and '-'; empty when it was refused.
std::string ReadRegion(Fields& fields, std::string_view name);

/// What the members are called that say a place: record sets and traffic policies differ.
struct GeoNames {
  const char* continent;
  const char* country;
  const char* subdivision;
};

/// Exactly one of continent and country, a subdivision beside the country only.
void ReadGeo(Fields& fields, const GeoNames& names, RecordLocation& where);

/// Latitude and Longitude, each degrees as a string with at most two decimals; both are needed.
void ReadDegrees(Fields& fields, RecordLocation& where);

class LocationReader {
 public:
  /// @param subject  of the record set, for messages.
  LocationReader(std::string file, std::string subject, Findings& findings)
      : file_(std::move(file)), subject_(std::move(subject)), findings_(findings) {}

  /// Each fills its fields of `where`; what is wrong is refused with the permitted values.
  void ReadGeoLocation(const Value& table, RecordLocation& where) const;
  void ReadGeoProximity(const Value& table, RecordLocation& where) const;
  void ReadCidr(const Value& table, RecordLocation& where) const;

 private:
  std::string file_;
  std::string subject_;
  Findings& findings_;
};

}  // namespace holdfast::control

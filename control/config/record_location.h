// The parts of a record set that say which clients it is for: Region, GeoLocation,
// GeoProximityLocation, CidrRoutingConfig. Used by record_sets.cc alone.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "control/config/fields.h"
#include "control/config/value.h"
#include "control/model/findings.h"
#include "control/model/model.h"

namespace holdfast::control {

/// A region's name: 1..64 lower-case letters, digits and '-'; empty when it was refused.
std::string ReadRegion(Fields& fields, std::string_view name);

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
  void ReadCoordinates(const Value& table, RecordLocation& where) const;

  std::string file_;
  std::string subject_;
  Findings& findings_;
};

}  // namespace holdfast::control

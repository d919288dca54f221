// One leg of a traffic policy's rule: where it leads, for whom, and on what condition. Used by
// document.cc alone.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "control/config/fields.h"
#include "control/traffic/document.h"

namespace holdfast::control {

using PlacesByName = std::unordered_map<std::string, std::size_t>;

/// What a document calls its endpoints and rules, and where they stand in it.
struct TrafficNames {
  PlacesByName endpoints;
  PlacesByName rules;
};

/// The place of what the member `name` names; nothing, and an error, when that is not there.
std::optional<std::size_t> FindNamed(Fields& fields,
                                     std::string_view name,
                                     const PlacesByName& known);

class LegReader {
 public:
  /// @param location_tables  geoproximity says where in a table Location (2023-05-09), else in the
  /// leg itself.
  LegReader(Fields& fields,
            const TrafficNames& names,
            Policy policy,
            bool location_tables,
            Findings& findings)
      : fields_(fields),
        names_(names),
        policy_(policy),
        location_tables_(location_tables),
        findings_(findings) {}

  /// All but `primary` and `line`. Members that the policy does not know are refused.
  TrafficLeg Read();

 private:
  void ReadTarget();
  void ReadWhere();
  void ReadGeolocation(RecordLocation& where);
  void ReadGeoproximity(RecordLocation& where);
  void ReadLocationTable(const Value& table, RecordLocation& where);

  Fields& fields_;
  const TrafficNames& names_;
  Policy policy_;
  bool location_tables_;
  Findings& findings_;
  TrafficLeg leg_;
};

}  // namespace holdfast::control

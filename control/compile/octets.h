// Octets that rules and their rows are told by.
#pragma once

#include <string>
#include <type_traits>

#include "control/model/model.h"

namespace holdfast::control {

/// Appends a value as it lies in memory. @tparam T  without padding.
template <class T>
  requires std::is_trivially_copyable_v<T>
void Append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

/// Appends which clients a record is for. First what members are ordered by: latency, where nothing
/// is known, goes by the region's name.
inline void Append(std::string& out, const RecordLocation& where) {
  for (const auto* text : {&where.region,
                           &where.geo.continent,
                           &where.geo.country,
                           &where.geo.subdivision,
                           &where.collection_id,
                           &where.cidr_location}) {
    out += *text;
    out += '\0';
  }
  Append(out, where.place.value_or(Coordinates{.latitude = 999, .longitude = 0}).latitude);
  Append(out, where.place.value_or(Coordinates{}).longitude);
  Append(out, where.bias);
}

}  // namespace holdfast::control

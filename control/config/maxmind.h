// MaxMind DB files (GeoLite2, GeoIP2 and others of their shape: City, Country) as places. The
// format is that of maxmind.github.io/MaxMind-DB, version 2; ADR 0004 says why it is read here and
// not by libmaxminddb. Control core only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "control/location/places.h"
#include "control/model/findings.h"

namespace holdfast::control {

/// Largest database read.
inline constexpr std::size_t kMaxMaxMindOctets = std::size_t{1} << 30;

/// Whether `content` ends as a MaxMind DB does: with the mark of its metadata near the end.
bool IsMaxMind(std::string_view content);

/// Reads the place of every network: continent.code, country.iso_code (else that of
/// registered_country), subdivisions[0].iso_code, location.latitude and longitude. IPv4 is ::/96 of
/// a tree of IPv6; where 2001::/32 and 2002::/16 lead there too they are no places of their own. A
/// network longer than /64 counts only when it has the first address of its /64.
///
/// Nothing in the file is trusted: every offset is bounded, nothing recurses, and the work is
/// bounded by the size of the file. Damage, another format and a database without places are one
/// error, "FILE: what". A code that is not known, or a coordinate out of range, is a warning, and
/// unknown: such a file cannot be mended by hand.
/// @return values are indexes of `places`. Of no use when there were errors.
PrefixMap ReadMaxMind(std::string_view content,
                      const std::string& file,
                      double grid_degrees,
                      PlaceNumbers& places,
                      Findings& findings);

}  // namespace holdfast::control

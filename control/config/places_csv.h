// locations.csv: which clients are where. Control core only.
#pragma once

#include <string>
#include <string_view>

#include "control/location/places.h"
#include "control/model/findings.h"

namespace holdfast::control {

/// Reads "network,continent,country,subdivision,latitude,longitude". A network is a prefix or an
/// IPv4 address; empty fields mean unknown; a continent that is left out is made from the country.
/// One that is not the country's is taken, since databases differ at the borders of Europe and
/// Asia, with a warning at the first row of each such pair.
/// Nested networks are wanted: the longest wins. Errors: "FILE:LINE: country is "XX"; expected
/// ...".
/// @param grid_degrees  0.05..10; places are rounded to it.
/// @return values are indexes of `places`. Of no use when there were errors.
PrefixMap ReadPlacesText(std::string_view text,
                         const std::string& file,
                         double grid_degrees,
                         PlaceNumbers& places,
                         Findings& findings);

/// What is wrong with the codes of a place, the continent filled in where it is left out.
/// @return "country is "XX"; expected ...", or nothing.
std::optional<std::string> CompleteGeo(GeoClass& geo);

/// Sorts by prefix and refuses, at the later line, a prefix that comes twice: "FILE:LINE: WHAT
/// 192.0.2.0/24 is that of line 7 too; expected it once".
void SortOnce(std::vector<PrefixRow>& rows,
              const std::string& file,
              std::string_view what,
              Findings& findings);

}  // namespace holdfast::control

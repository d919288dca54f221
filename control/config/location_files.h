// The files that [location] and [cidr_collection] name, read and joined into LocationData. Used by
// load.cc; control core only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "control/config/node.h"
#include "control/location/places.h"
#include "control/model/findings.h"

namespace holdfast::control {

/// Reads all of them; every fault of every file becomes an error.
/// @return null when there were errors, or when no file says where clients are.
std::shared_ptr<const LocationData> LoadLocation(const NodeConfig& node, Findings& findings);

/// Reads places from CSV or, when the name ends in ".mmdb" or the content does as such files do,
/// from a MaxMind DB. Parameters as of ReadPlacesText.
PrefixMap ReadGeo(std::string_view content,
                  const std::string& file,
                  double grid_degrees,
                  PlaceNumbers& places,
                  Findings& findings);

}  // namespace holdfast::control

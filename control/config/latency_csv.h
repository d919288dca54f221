// regions.csv and latency.csv: where regions are, and how far clients are from them. Control core.
#pragma once

#include <string>
#include <string_view>

#include "control/location/location.h"
#include "control/location/places.h"
#include "control/model/findings.h"

namespace holdfast::control {

/// Route 53 has three dozen, and as many local zones; each client class holds a figure for each.
inline constexpr std::size_t kMaxRegions = 256;
/// The most figures a latency table may hold: clients with rows of their own x regions.
inline constexpr std::size_t kMaxLatencies = std::size_t{1} << 25;

/// A region as files name it, with its place if regions.csv has it.
using Regions = std::map<std::string, std::optional<Coordinates>>;

/// Reads "region,latitude,longitude" into `regions`. Errors: a name that is no IsRegion(), so
/// that no record could name it, a region that comes twice, coordinates out of range, too many
/// regions.
void ReadRegionsText(std::string_view text,
                     const std::string& file,
                     Regions& regions,
                     Findings& findings);

/// Reads "client,region,ms". A client is a prefix, a country ("US") or a country and subdivision
/// ("US-NY"); ms are 0..60000 with up to three decimals. Regions that are new join `regions`.
/// @return the index of a region is its place in `regions` once all is read.
LatencyTable ReadLatencyText(std::string_view text,
                             const std::string& file,
                             Regions& regions,
                             Findings& findings);

}  // namespace holdfast::control

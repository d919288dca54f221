// Where clients are, as far as this node was told: four kinds of source, each a partition of the
// address space into classes. config fills it, compile joins what a tree of record sets needs
// (domain.h). Plain data, immutable once loaded; control core only.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/location/coordinates.h"
#include "control/location/ranges.h"

namespace holdfast::control {

/// Empty: unknown. A subdivision has a country, a country its continent.
struct GeoClass {
  std::string continent;
  std::string country;
  std::string subdivision;
  auto operator<=>(const GeoClass&) const = default;
};

/// Microseconds to each region, by the region's index; nothing where it is not known.
using Latencies = std::vector<std::optional<std::uint32_t>>;

/// How latencies of a class became known: of different clients with the same ones, both ways.
struct LatencyOrigin {
  bool table = false;     // the latency table has a row
  bool place = false;     // for the client's country or subdivision, not for its address
  bool distance = false;  // from the client's cell to the region
};

/// How a negative bias of a geoproximity record makes its region smaller (spec/routing.md 4).
enum class GeoproximityBias {
  kCurrent,  // distance x (1 - bias / 100)
  k2022      // distance / (1 + bias / 100)
};

inline constexpr std::uint32_t kNoBlock = ~std::uint32_t{0};

struct CidrBlock {
  std::string location;
  std::uint8_t length = 0;          // v4: 1..24; v6: 1..48
  std::uint32_t parent = kNoBlock;  // the innermost block around this one
};

struct CidrCollection {
  std::string id;
  std::string name;              // empty: none was given
  std::string file;              // it was read from
  PrefixMap blocks;              // 0: no block, else the innermost one's index + 1
  std::vector<CidrBlock> block;  // ascending by prefix
};

/// Class 0 of geo, cell and latency is "nothing known". Classes are numbered in the order of what
/// they are, so the same clients in the same places give the same numbers, from whichever files.
struct LocationData {
  PrefixMap geo;
  std::vector<GeoClass> geo_class = std::vector<GeoClass>(1);
  PrefixMap cell;  // points of the grid
  std::vector<std::optional<Coordinates>> cell_class = std::vector<std::optional<Coordinates>>(1);
  PrefixMap latency;
  std::vector<Latencies> latency_class = std::vector<Latencies>(1);
  std::vector<LatencyOrigin> latency_origin;             // by class
  std::vector<std::string> regions;                      // ascending; the index is the region
  std::vector<std::optional<Coordinates>> region_place;  // by region
  std::vector<CidrCollection> collections;               // ascending by id
  GeoproximityBias bias = GeoproximityBias::kCurrent;
  // Where it was read from; empty: there is no such file.
  std::string geo_file;
  std::string regions_file;
  std::string latency_file;
};

}  // namespace holdfast::control

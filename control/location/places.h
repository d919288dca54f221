// From rows as files give them to the partitions of LocationData: places (geo and cell) and
// latencies. Pure; control core only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "control/location/location.h"

namespace holdfast::control {

/// What a row says about its clients.
struct Place {
  GeoClass geo;
  std::optional<Coordinates> cell;  // on the grid already
  auto operator<=>(const Place&) const = default;
};

/// Gives each different place a number; 0 is the place of which nothing is known.
class PlaceNumbers {
 public:
  std::uint32_t Of(const Place& place);
  [[nodiscard]] const std::vector<Place>& Places() const noexcept { return places_; }

 private:
  struct Hash {
    std::size_t operator()(const Place& place) const noexcept;
  };
  std::unordered_map<Place, std::uint32_t, Hash> numbers_{{Place{}, 0}};
  std::vector<Place> places_ = std::vector<Place>(1);
};

/// Fills geo and cell. @param map  its values are indexes of `places`, whose first is Place{}.
void SetPlaces(const PrefixMap& map, const std::vector<Place>& places, LocationData& data);

/// Rows of a latency table. A client takes the rows of its longest prefix that has any, as a whole;
/// else those of its country and subdivision, else those of its country.
struct LatencyTable {
  std::vector<PrefixRow> prefixes;              // ascending, none twice; value: index of `rows`
  std::map<std::string, std::uint32_t> places;  // "US", "US-NY"; index of `rows`
  std::vector<Latencies> rows;                  // rows[0] is unused
};

/// Fills latency from `table` and from the geo, cell and regions that `data` has already: what the
/// table leaves open is 1 ms for each 100 km from the client's cell to the region, when both places
/// are known.
void SetLatencies(const LatencyTable& table, LocationData& data);

}  // namespace holdfast::control

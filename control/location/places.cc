#include "control/location/places.h"

#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <string_view>
#include <utility>

namespace holdfast::control {
namespace {

// Numbers what `of` gives for each of `items` in ascending order, the empty one first.
template <class Class, class Item, class Of>
std::vector<std::uint32_t> NumberClasses(const std::vector<Item>& items,
                                         std::vector<Class>& classes,
                                         const Class& nothing,
                                         Of of) {
  std::map<Class, std::uint32_t> numbers;
  for (const Item& item : items) {
    numbers.try_emplace(of(item), 0);
  }
  numbers.erase(nothing);
  classes.assign(1, nothing);
  for (auto& [key, number] : numbers) {
    number = static_cast<std::uint32_t>(classes.size());
    classes.push_back(key);
  }
  numbers.try_emplace(nothing, 0);
  std::vector<std::uint32_t> result;
  result.reserve(items.size());
  for (const Item& item : items) {
    result.push_back(numbers.find(of(item))->second);
  }
  return result;
}

// The rows that count for each geo class: an index of `table.rows`, 0 for none.
std::vector<std::uint32_t> RowsOfGeo(const LatencyTable& table, const LocationData& data) {
  std::vector<std::uint32_t> rows;
  rows.reserve(data.geo_class.size());
  for (const GeoClass& geo : data.geo_class) {
    auto found = table.places.end();
    if (!geo.subdivision.empty()) {
      found = table.places.find(geo.country + "-" + geo.subdivision);
    }
    if (found == table.places.end() && !geo.country.empty()) {
      found = table.places.find(geo.country);
    }
    rows.push_back(found == table.places.end() ? 0 : found->second);
  }
  return rows;
}

// Which of the table's rows a client takes, and where it is.
using Basis = std::pair<std::uint32_t, std::uint32_t>;

Latencies LatenciesOf(const Basis& basis, const LatencyTable& table, const LocationData& data) {
  Latencies latencies(data.regions.size());
  if (basis.first != 0) {
    latencies = table.rows[basis.first];
  }
  const auto& from = data.cell_class[basis.second];
  for (std::size_t region = 0; from && region < latencies.size(); ++region) {
    const auto& to = data.region_place[region];
    if (!latencies[region] && to) {
      constexpr double kMicrosecondsPerKm = 10;
      latencies[region] =
          static_cast<std::uint32_t>(std::lround(DistanceKm(*from, *to) * kMicrosecondsPerKm));
    }
  }
  return latencies;
}

class BasisJoin {
 public:
  template <class Address>
  void Join(const Ranges<Address>& by_prefix,
            const Ranges<Address>& by_geo,
            const Ranges<Address>& cell,
            Ranges<Address>& to) {
    const std::array<const Ranges<Address>*, 3> sources{&by_prefix, &by_geo, &cell};
    JoinRanges<Address>(sources, [&](Address from, std::span<const std::uint32_t> values) {
      const Basis basis{values[0] != 0 ? values[0] : values[1], values[2]};
      if (basis != bases_[last_]) {
        const auto next = static_cast<std::uint32_t>(bases_.size());
        const auto [known, fresh] = numbers_.try_emplace(basis, next);
        if (fresh) {
          bases_.push_back(basis);
        }
        last_ = known->second;
      }
      to.Append(from, last_);
    });
  }
  [[nodiscard]] const std::vector<Basis>& Bases() const noexcept { return bases_; }

 private:
  std::map<Basis, std::uint32_t> numbers_{{Basis{}, 0}};
  std::vector<Basis> bases_ = std::vector<Basis>(1);
  std::uint32_t last_ = 0;  // neighbours are often alike
};

}  // namespace

// Not keyed: codes are known ones and coordinates lie on the grid, which leaves a hostile file
// little to collide with.
std::size_t PlaceNumbers::Hash::operator()(const Place& place) const noexcept {
  std::size_t hash = 0;
  const auto mix = [&hash](std::size_t more) {
    hash = (std::rotl(hash, 29) ^ more) * 0x9e3779b97f4a7c15U;
  };
  for (const std::string* code :
       {&place.geo.continent, &place.geo.country, &place.geo.subdivision}) {
    mix(std::hash<std::string_view>()(*code));
  }
  if (place.cell) {
    mix(std::bit_cast<std::uint64_t>(place.cell->latitude));
    mix(std::bit_cast<std::uint64_t>(place.cell->longitude));
  }
  return hash ^ hash >> 32U;
}

std::uint32_t PlaceNumbers::Of(const Place& place) {
  const auto next = static_cast<std::uint32_t>(places_.size());
  const auto [known, fresh] = numbers_.try_emplace(place, next);
  if (fresh) {
    places_.push_back(place);
  }
  return known->second;
}

void SetPlaces(const PrefixMap& map, const std::vector<Place>& places, LocationData& data) {
  const auto geo = NumberClasses(
      places, data.geo_class, GeoClass{}, [](const Place& place) { return place.geo; });
  data.geo = Renumber(map, geo);
  const auto cell =
      NumberClasses(places, data.cell_class, std::optional<Coordinates>(), [](const Place& place) {
        return place.cell;
      });
  data.cell = Renumber(map, cell);
}

void SetLatencies(const LatencyTable& table, LocationData& data) {
  const PrefixMap by_prefix = MakePrefixMap(table.prefixes);
  const PrefixMap by_geo = Renumber(data.geo, RowsOfGeo(table, data));
  PrefixMap joined;
  BasisJoin join;
  join.Join(by_prefix.v4, by_geo.v4, data.cell.v4, joined.v4);
  join.Join(by_prefix.v6, by_geo.v6, data.cell.v6, joined.v6);
  std::vector<Latencies> latencies;
  latencies.reserve(join.Bases().size());
  for (const Basis& basis : join.Bases()) {
    latencies.push_back(LatenciesOf(basis, table, data));
  }
  const Latencies nothing(data.regions.size());
  const auto numbers = NumberClasses(latencies, data.latency_class, nothing, std::identity{});
  std::vector<bool> of_place(table.rows.size());
  for (const auto& [place, row] : table.places) {
    of_place[row] = true;
  }
  data.latency = Renumber(joined, numbers);
  data.latency_origin.assign(data.latency_class.size(), {});
  for (std::size_t i = 0; i < latencies.size(); ++i) {
    const std::uint32_t row = join.Bases()[i].first;
    LatencyOrigin& origin = data.latency_origin[numbers[i]];
    origin.table |= row != 0;
    origin.place |= row != 0 && of_place[row];
    origin.distance |= latencies[i] != (row != 0 ? table.rows[row] : nothing);
  }
}

}  // namespace holdfast::control

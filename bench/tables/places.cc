// See places.h.
#include "bench/tables/places.h"

#include <array>
#include <random>
#include <utility>
#include <vector>

#include "control/location/cidr.h"
#include "control/location/places.h"

namespace holdfast::bench {
namespace {

constexpr std::uint8_t kBlockLength = 14;

// Networks one behind the other, sparse and dense as the Internet's are: most /16 are one, some of
// them up to 32. @return the last address of the last one.
template <class Each>
std::uint32_t WalkNetworks(std::size_t networks, Each each) {
  static constexpr std::array<std::uint8_t, 16> kSplits = {
      0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 5};
  std::mt19937 random(7);
  std::uint32_t at = kFirstClient;
  for (std::size_t i = 0; i < networks;) {
    const std::uint8_t split = kSplits[random() % kSplits.size()];
    const auto length = static_cast<std::uint8_t>(16 + split);
    for (std::size_t part = 0; part < std::size_t{1} << split && i < networks; ++part, ++i) {
      each(control::Prefix{.v6 = false, .bits = at, .length = length},
           static_cast<std::uint32_t>(random()));
      at += std::uint32_t{1} << (32U - length);
    }
  }
  return at - 1;
}

control::Coordinates PointOf(std::size_t number, std::size_t of) {
  // A golden-angle walk: no two are equally far from everything.
  const double share = (static_cast<double>(number) + 0.5) / static_cast<double>(of);
  const auto turns = static_cast<double>(number * 137 % 360);
  return {.latitude = (share * 160) - 80, .longitude = turns - 179.5};
}

}  // namespace

std::string CountryOf(std::size_t number) {
  return {static_cast<char>('A' + (number / 26)), static_cast<char>('A' + (number % 26))};
}

std::string RegionOf(std::size_t number) {
  std::string digits = std::to_string(1000 + number);
  return "region-" + digits.substr(1);
}

std::string CidrLocationOf(std::size_t number) {
  return "isp-" + std::to_string(number);
}

std::uint32_t LastClient(const PlacesShape& shape) {
  return WalkNetworks(shape.networks, [](const control::Prefix&, std::uint32_t) {});
}

std::shared_ptr<const control::LocationData> MakePlaces(const PlacesShape& shape) {
  auto data = std::make_shared<control::LocationData>();
  control::PlaceNumbers numbers;
  std::vector<std::uint32_t> place;
  place.reserve(shape.countries);
  static constexpr std::array<const char*, 6> kContinents = {"AF", "AS", "EU", "NA", "OC", "SA"};
  for (std::size_t i = 0; i < shape.countries; ++i) {
    place.push_back(numbers.Of({.geo = {.continent = kContinents[i % kContinents.size()],
                                        .country = CountryOf(i),
                                        .subdivision = ""},
                                .cell = PointOf(i, shape.countries)}));
  }
  std::vector<control::PrefixRow> rows;
  WalkNetworks(shape.networks, [&](const control::Prefix& prefix, std::uint32_t draw) {
    rows.push_back({.prefix = prefix, .value = place[draw % place.size()]});
  });
  for (std::size_t i = 0; i < shape.regions; ++i) {
    data->regions.push_back(RegionOf(i));
    data->region_place.emplace_back(PointOf((i * 7) + 3, shape.regions * 7));
  }
  control::SetPlaces(control::MakePrefixMap(rows), numbers.Places(), *data);
  control::SetLatencies({}, *data);
  auto& collection = data->collections.emplace_back();
  collection.id = kCollection;
  std::vector<control::CidrRow> blocks;
  blocks.reserve(shape.blocks);
  for (std::size_t i = 0; i < shape.blocks; ++i) {
    blocks.push_back(
        {{.v6 = false, .bits = kFirstClient + (i << (32U - kBlockLength)), .length = kBlockLength},
         CidrLocationOf(i)});
  }
  control::SetBlocks(blocks, collection);
  return data;
}

void SetWhere(control::RecordSet& set, control::Policy policy, std::size_t number) {
  set.policy = policy;
  control::RecordLocation where;
  if (policy == control::Policy::kLatency) {
    where.region = RegionOf(number);
  } else if (policy == control::Policy::kGeolocation) {
    where.geo.country = number == kDefaultPlace ? "*" : CountryOf(number);
  } else {
    where.collection_id = kCollection;
    where.cidr_location = number == kDefaultPlace ? "*" : CidrLocationOf(number);
  }
  set.where = std::make_shared<const control::RecordLocation>(std::move(where));
}

}  // namespace holdfast::bench

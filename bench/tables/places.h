// Where the clients of a bench are: networks in made-up countries with a point on the globe each,
// regions, and one collection of CIDR blocks. The same at every call.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "control/location/location.h"
#include "control/model/model.h"

namespace holdfast::bench {

struct PlacesShape {
  std::size_t networks = 100'000;  // IPv4 /16 to /21, 1.0.0.0 and on, without gaps
  std::size_t countries = 250;     // 1..500: as many classes of clients
  std::size_t regions = 100;       // 0..100
  std::size_t blocks = 1000;       // of the collection: each a /14, one behind the other
};

std::shared_ptr<const control::LocationData> MakePlaces(const PlacesShape& shape);

/// First and last address that lies in the networks of that shape.
inline constexpr std::uint32_t kFirstClient = 1U << 24U;
std::uint32_t LastClient(const PlacesShape& shape);

/// "AA", "AB"...; below PlacesShape::countries.
std::string CountryOf(std::size_t number);
/// "region-007"; below PlacesShape::regions.
std::string RegionOf(std::size_t number);
inline constexpr const char* kCollection = "bench";
/// Of the CIDR block of that number.
std::string CidrLocationOf(std::size_t number);

/// Makes `set` a record for one kind of client. @param number  which; beyond the last: the default,
/// where the policy has one. Latency, geolocation and IP-based alone.
void SetWhere(control::RecordSet& set, control::Policy policy, std::size_t number);
/// As `number`, the default record.
inline constexpr std::size_t kDefaultPlace = static_cast<std::size_t>(-1);

}  // namespace holdfast::bench

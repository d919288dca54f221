// A zone whose answers depend on where the client is, with what says where that is: countries and
// one CIDR collection, both with networks in each other. Shared by the tests of the answer path and
// of verify.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/location/cidr.h"
#include "control/location/places.h"
#include "tests/dataplane/example_zone.h"

namespace holdfast::test {

inline control::Prefix PrefixOf(const char* text) {
  return control::ParsePrefix(text).value();
}

/// 10.0.0.0/8 and 2001:db8::/32 are in DE, 10.1.2.0/24 in it is in FR; collection "c" has
/// 10.1.0.0/16 as "office", 10.1.3.0/24 in it as "lab".
inline std::shared_ptr<const control::LocationData> ExampleLocations() {
  auto data = std::make_shared<control::LocationData>();
  control::PlaceNumbers places;
  const auto in = [&places](const char* country) {
    return places.Of(
        {.geo = {.continent = "EU", .country = country, .subdivision = ""}, .cell = {}});
  };
  const std::uint32_t de = in("DE");
  const std::uint32_t fr = in("FR");
  const std::vector<control::PrefixRow> rows = {{PrefixOf("10.0.0.0/8"), de, 1},
                                                {PrefixOf("10.1.2.0/24"), fr, 2},
                                                {PrefixOf("2001:db8::/32"), de, 3}};
  control::SetPlaces(control::MakePrefixMap(rows), places.Places(), *data);
  data->collections.emplace_back().id = "c";
  control::SetBlocks({{PrefixOf("10.1.0.0/16"), "office"}, {PrefixOf("10.1.3.0/24"), "lab"}},
                     data->collections[0]);
  return data;
}

inline control::RecordSet GeoMember(const char* country,
                                    std::string rdata,
                                    const char* check = "") {
  auto set = Member(country, std::move(rdata), check);
  set.policy = control::Policy::kGeolocation;
  control::RecordLocation where;
  where.geo.country = country;
  set.where = std::make_shared<const control::RecordLocation>(std::move(where));
  return set;
}

inline control::RecordSet CidrMember(const char* location, std::string rdata) {
  auto set = Member(location, std::move(rdata));
  set.policy = control::Policy::kCidr;
  control::RecordLocation where;
  where.collection_id = "c";
  where.cidr_location = location;
  set.where = std::make_shared<const control::RecordLocation>(std::move(where));
  return set;
}

/// A zone with: geo (DE .1 with check-p, FR .2, default .9), geoless (DE alone), cidr
/// (office .3, lab .4, default .9), cg (CNAME to geo), plain (.5).
inline control::Model LocatedModel(const char* origin = "example.test.") {
  using wire::Type;
  TestZone zone(origin);
  zone.Add("plain", Type::kA, {A("192.0.2.5")}).Cname("cg", "geo");
  zone.Add("mail", Type::kMx, {Mx(10, zone.Absolute("geo"))});
  zone.Add(GeoMember("DE", A("192.0.2.1"), "check-p"), "geo");
  zone.Add(GeoMember("FR", A("192.0.2.2")), "geo");
  zone.Add(GeoMember("*", A("192.0.2.9")), "geo");
  zone.Add(GeoMember("DE", A("192.0.2.1")), "geoless");
  zone.Add(CidrMember("office", A("192.0.2.3")), "cidr");
  zone.Add(CidrMember("lab", A("192.0.2.4")), "cidr");
  zone.Add(CidrMember("*", A("192.0.2.9")), "cidr");
  control::Model model;
  model.zones.push_back(zone.zone());
  model.location = ExampleLocations();
  model.checks.emplace_back().id = "check-p";
  return model;
}

}  // namespace holdfast::test

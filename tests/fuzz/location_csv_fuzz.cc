// locations.csv, regions.csv and latency.csv from outside, told apart by the first octet: what is
// kept is within its ranges, and domains can be made of it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "control/config/latency_csv.h"
#include "control/config/places_csv.h"
#include "control/location/country.h"
#include "control/location/domain.h"
#include "dataplane/base/check.h"

namespace {

using namespace holdfast::control;

void Places(std::string_view text) {
  Findings findings;
  PlaceNumbers numbers;
  const PrefixMap map = ReadPlacesText(text, "f", 0.25, numbers, findings);
  if (!findings.Ok()) {
    HF_CHECK(!findings.ToError().message.empty());
    return;
  }
  LocationData data;
  data.regions = {"r"};
  data.region_place = {Coordinates{1, 2}};
  SetPlaces(map, numbers.Places(), data);
  SetLatencies({}, data);
  for (const GeoClass& geo : data.geo_class) {
    HF_CHECK(geo.continent.empty() || IsContinent(geo.continent));
    HF_CHECK(geo.country.empty() || !ContinentOf(geo.country).empty());
  }
  const Domain domain = MakeDomain(data, {true, true, true, {}});
  HF_CHECK(std::ranges::adjacent_find(domain.records.v4.value) == domain.records.v4.value.end());
}

void RegionsOf(std::string_view text) {
  Findings findings;
  Regions regions;
  ReadRegionsText(text, "f", regions, findings);
  HF_CHECK(!findings.Ok() || regions.size() <= kMaxRegions);
}

void LatenciesOf(std::string_view text) {
  Findings findings;
  Regions regions{{"b", std::nullopt}};
  const LatencyTable table = ReadLatencyText(text, "f", regions, findings);
  if (!findings.Ok()) {
    return;
  }
  for (const Latencies& row : table.rows) {
    HF_CHECK(row.size() == regions.size());
    HF_CHECK(std::ranges::all_of(row, [](const auto& us) { return !us || *us <= 60'000'000; }));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'p') {
    Places(text);
  } else if (data[0] == 'r') {
    RegionsOf(text);
  } else {
    LatenciesOf(text);
  }
  return 0;
}

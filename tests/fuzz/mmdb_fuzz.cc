// A MaxMind DB from outside: whatever it holds, what is kept of it is a partition of places that
// the codes of the house allow, or it is one error.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "control/config/maxmind.h"
#include "control/location/country.h"
#include "dataplane/base/check.h"

namespace {

template <class Address>
void CheckRanges(const holdfast::control::Ranges<Address>& ranges, std::size_t places) {
  HF_CHECK(ranges.start.size() == ranges.value.size() && ranges.start.at(0) == 0);
  HF_CHECK(std::ranges::is_sorted(ranges.start, std::ranges::less_equal()));
  HF_CHECK(std::ranges::adjacent_find(ranges.value) == ranges.value.end());
  HF_CHECK(std::ranges::all_of(ranges.value, [&](std::uint32_t value) { return value < places; }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::control;
  PlaceNumbers numbers;
  Findings findings;
  const PrefixMap map = ReadMaxMind(
      std::string_view(reinterpret_cast<const char*>(data), size), "f", 0.25, numbers, findings);
  HF_CHECK(findings.ErrorCount() <= 1);
  if (!findings.Ok()) {
    return 0;
  }
  CheckRanges(map.v4, numbers.Places().size());
  CheckRanges(map.v6, numbers.Places().size());
  for (const Place& place : numbers.Places()) {
    HF_CHECK(place.geo.continent.empty() || IsContinent(place.geo.continent));
    HF_CHECK(place.geo.country.empty() || !ContinentOf(place.geo.country).empty());
    HF_CHECK(place.geo.subdivision.empty() ||
             IsSubdivision(place.geo.country, place.geo.subdivision));
    HF_CHECK(!place.cell ||
             (std::abs(place.cell->latitude) <= 90 && std::abs(place.cell->longitude) <= 180));
  }
  return 0;
}

// How long the files that say where clients are take: a table of a million prefixes read, and
// sources of that size joined into a domain. The work of a start or a reload, on a worker thread.
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <random>
#include <string>

#include "control/config/places_csv.h"
#include "control/location/cidr.h"
#include "control/location/domain.h"

namespace {

using namespace holdfast::control;

// Prefixes /24 and /48 side by side, of 250 countries' worth of places at thousands of points.
std::string Table(std::size_t rows) {
  std::mt19937 random(1);
  std::string text = "network,continent,country,subdivision,latitude,longitude\n";
  constexpr const char* kCountries[] = {"US", "DE", "FR", "JP", "BR", "ZA", "AU", "IN"};
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t n = i / 2;
    const auto part = [n](unsigned shift) { return std::to_string(n >> shift & 255U); };
    text += i % 2 == 0
                ? "1" + part(16) + "." + part(8) + "." + part(0) + ".0/24"
                : "2001:" + std::to_string(n / 1000) + ":" + std::to_string(n % 1000) + "::/48";
    const char* country = kCountries[random() % 8];
    text += ",," + std::string(country) + "," + (country[0] == 'U' ? "NY" : "") + "," +
            std::to_string(static_cast<int>(random() % 150) - 75) + "," +
            std::to_string(static_cast<int>(random() % 340) - 170) + "\n";
  }
  return text;
}

PrefixMap ReadOrExit(const std::string& text, PlaceNumbers& places) {
  Findings findings;
  PrefixMap map = ReadPlacesText(text, "bench", 0.25, places, findings);
  if (!findings.Ok()) {
    std::fprintf(stderr, "%s\n", findings.ToError().message.c_str());
    std::exit(EXIT_FAILURE);
  }
  return map;
}

LocationData DataOf(const std::string& text) {
  PlaceNumbers places;
  const PrefixMap map = ReadOrExit(text, places);
  LocationData data;
  for (int i = 0; i < 30; ++i) {
    data.regions.push_back("r" + std::to_string(i));
    data.region_place.push_back(Coordinates{i * 2.0, i * 5.0});
  }
  SetPlaces(map, places.Places(), data);
  std::vector<CidrRow> blocks;
  blocks.reserve(1000);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    blocks.push_back({{false, 0x64000000 + (i << 12U), 20}, "isp"});
  }
  SetBlocks(blocks, data.collections.emplace_back());
  return data;
}

void ReadPlaces(benchmark::State& state) {
  const std::string text = Table(static_cast<std::size_t>(state.range(0)));
  for ([[maybe_unused]] auto _ : state) {
    PlaceNumbers places;
    benchmark::DoNotOptimize(ReadOrExit(text, places));
  }
  state.counters["rows/s"] = benchmark::Counter(static_cast<double>(state.range(0)),
                                                benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(ReadPlaces)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

// Distances of every place to thirty regions, and the classes that come of them.
void FillLatencies(benchmark::State& state) {
  LocationData data = DataOf(Table(static_cast<std::size_t>(state.range(0))));
  for ([[maybe_unused]] auto _ : state) {
    SetLatencies({}, data);
  }
  state.counters["classes"] = static_cast<double>(data.latency_class.size());
}
BENCHMARK(FillLatencies)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void JoinAll(benchmark::State& state) {
  LocationData data = DataOf(Table(static_cast<std::size_t>(state.range(0))));
  SetLatencies({}, data);
  std::size_t ranges = 0;
  for ([[maybe_unused]] auto _ : state) {
    const Domain domain = MakeDomain(data, {true, true, true, {0}});
    ranges = domain.records.v4.start.size() + domain.records.v6.start.size();
  }
  state.counters["ranges"] = static_cast<double>(ranges);
}
BENCHMARK(JoinAll)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();

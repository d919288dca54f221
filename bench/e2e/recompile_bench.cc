// What one endpoint's change costs the control core: the pools it leads to are decided anew
// (control/compile), then put and published (control/publish); no reader, no network, one thread.
// One shape of model a process, so that its peak of memory is the process's. Prints one JSON
// object; `tools/bench compile` makes the table.
#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "bench/e2e/failover_tables.h"
#include "bench/e2e/recompile_models.h"
#include "bench/tables/must.h"
#include "bench/tables/process.h"
#include "bench/tables/published.h"
#include "dataplane/base/clock.h"

namespace holdfast::bench {
namespace {

using control::Policy;

struct Settings {
  std::string shape;
  std::string directory = "/dev/shm";
  std::size_t names = 1'000'000;  // altogether
  std::size_t dependents = 1;     // shared, private
  std::size_t breadth = 100;      // nested
  double seconds = 0.5;           // of a run, at least one transition
  int runs = 5;
};

struct Run {
  std::uint64_t transitions = 0;
  std::uint64_t pools = 0;
  double recompile_seconds = 0;
  double publish_seconds = 0;
  double stored_seconds = 0;  // both, until readers get the new generation
};

constexpr const char* kUsage =
    "usage: recompile_bench --shape shared|private|location|nested-location|nested-weighted "
    "[--names N] [--dependents N] [--breadth 2..100] [--seconds S] [--runs N] [--directory DIR]";

control::Model MakeModel(const Settings& settings) {
  const std::string& shape = settings.shape;
  if (shape == "shared" || shape == "private") {
    return FailoverModel({.names = settings.dependents,
                          .own_rules = shape == "private",
                          .others = settings.names - settings.dependents});
  }
  if (shape == "location") {
    return LocationTree(settings.names);
  }
  if (shape == "nested-location") {
    return NestedGroups(settings.names,
                        {Policy::kLatency, Policy::kGeolocation, Policy::kGeolocation},
                        settings.breadth);
  }
  if (shape == "nested-weighted") {
    return NestedGroups(settings.names,
                        {Policy::kWeighted, Policy::kWeighted, Policy::kWeighted},
                        settings.breadth);
  }
  GiveUp(kUsage);
}

double Seconds(std::uint64_t from_ns, std::uint64_t to_ns) {
  return static_cast<double>(to_ns - from_ns) / 1e9;
}

// The endpoint fails and recovers, round and round.
Run Measure(PublishedTables& tables, double seconds, bool& healthy) {
  Run run;
  const std::uint64_t began_ns = MonotonicNs();
  do {
    healthy = !healthy;
    const std::array changed{control::CompiledHealth{.id = kFailoverCheck, .healthy = healthy}};
    const auto transition = tables.Publish(changed);
    if (transition.pools == 0 || !transition.committed.changed) {
      GiveUp("a transition changed nothing");
    }
    tables.publisher().Reclaim();  // the loop's tick does that, not the transition
    run.recompile_seconds += transition.recompile_seconds;
    run.publish_seconds += transition.publish_seconds;
    run.stored_seconds += transition.stored_seconds;
    run.pools += transition.pools;
    ++run.transitions;
  } while (Seconds(began_ns, MonotonicNs()) < seconds);
  return run;
}

Settings Parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    const std::string value = argv[i + 1];
    if (option == "--shape") {
      settings.shape = value;
    } else if (option == "--directory") {
      settings.directory = value;
    } else if (option == "--names") {
      settings.names = NumberOf<std::size_t>(value, 1, 10'000'000, kUsage);
    } else if (option == "--dependents") {
      settings.dependents = NumberOf<std::size_t>(value, 1, 10'000'000, kUsage);
    } else if (option == "--breadth") {
      settings.breadth = NumberOf<std::size_t>(value, 2, 100, kUsage);
    } else if (option == "--seconds") {
      settings.seconds = NumberOf<double>(value, 0, 3600, kUsage);
    } else if (option == "--runs") {
      settings.runs = NumberOf<int>(value, 1, 1000, kUsage);
    } else {
      GiveUp(kUsage);
    }
  }
  if (argc % 2 == 0 || settings.shape.empty() || settings.dependents > settings.names) {
    GiveUp(kUsage);
  }
  return settings;
}

void Print(const PublishedTables::Made& made, const std::vector<Run>& runs) {
  std::printf(
      "{\"names\":%llu,\"pools\":%llu,\"outcomes\":%llu,\"name_octets\":%llu,"
      "\"pool_octets\":%llu,\"compile_s\":%.6f,\"publish_s\":%.6f,\"peak_octets\":%llu,"
      "\"runs\":[",
      static_cast<unsigned long long>(made.names),
      static_cast<unsigned long long>(made.pools),
      static_cast<unsigned long long>(made.outcomes),
      static_cast<unsigned long long>(made.name_octets),
      static_cast<unsigned long long>(made.pool_octets),
      made.compile_seconds,
      made.publish_seconds,
      static_cast<unsigned long long>(PeakOctets()));
  for (std::size_t i = 0; i < runs.size(); ++i) {
    std::printf(
        "%s{\"transitions\":%llu,\"pools\":%llu,\"recompile_s\":%.9f,"
        "\"publish_s\":%.9f,\"stored_s\":%.9f}",
        i == 0 ? "" : ",",
        static_cast<unsigned long long>(runs[i].transitions),
        static_cast<unsigned long long>(runs[i].pools),
        runs[i].recompile_seconds,
        runs[i].publish_seconds,
        runs[i].stored_seconds);
  }
  std::printf("]}\n");
}

int Main(const Settings& settings) {
  // Reference counts are cheaper in a process that never had a second thread; control has several.
  std::thread([] {}).join();
  const control::Model model = MakeModel(settings);  // stays, as control keeps its own
  const std::uint64_t octets = (std::uint64_t{256} << 20U) + (settings.names * 512) +
                               (model.zones[0].record_sets.size() * 512);
  PublishedTables tables(model, settings.directory, octets);
  bool healthy = true;
  std::vector<Run> runs;
  runs.reserve(static_cast<std::size_t>(settings.runs));
  for (int i = 0; i < settings.runs; ++i) {
    runs.push_back(Measure(tables, settings.seconds, healthy));
  }
  Print(tables.made(), runs);
  return 0;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  return holdfast::bench::Main(holdfast::bench::Parse(argc, argv));
}

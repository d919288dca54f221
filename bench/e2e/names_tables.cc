// names_tables: publishes the zone that `querygen --names N` asks for into a run folder and ends;
// the tables stay, as they do when control goes. For `tools/bench capacity`, which removes the
// folder.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/tables/leavings.h"
#include "bench/tables/must.h"
#include "control/compile/compile.h"
#include "control/publish/publisher.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"
#include "tools/querygen/questions.h"

namespace holdfast::bench {
namespace {

struct Options {
  std::size_t names = 1000;
  std::string run_dir;
  std::string directory = "/dev/shm";
};

control::Model MakeModel(std::size_t names) {
  control::Model model;
  auto& zone = model.zones.emplace_back();
  zone.origin = Must(wire::FromText(querygen::kGeneratedZone));
  zone.id = querygen::kGeneratedZone;
  zone.rrsets.reserve(names + 1);
  const std::string numbers(20, '\1');
  zone.rrsets.push_back({.owner = zone.origin,
                         .type = static_cast<std::uint16_t>(wire::Type::kSoa),
                         .ttl = 3600,
                         .rdata = {zone.origin + zone.origin + numbers}});
  std::string address(4, '\0');
  for (std::size_t i = 0; i < names; ++i) {
    StoreBe32(address.data(), querygen::GeneratedAddress(i));
    zone.rrsets.push_back({.owner = querygen::GeneratedOwner(i),
                           .type = static_cast<std::uint16_t>(wire::Type::kA),
                           .ttl = 60,
                           .rdata = {address}});
  }
  return model;
}

void Publish(const Options& options) {
  const std::uint64_t began_ns = MonotonicNs();
  auto compiled = Must(control::Compile(MakeModel(options.names), {}, 0));
  const std::uint64_t octets = (std::uint64_t{64} << 20U) + (options.names * 320);
  control::PublisherOptions where;
  where.run_dir = options.run_dir;
  where.image = {.directory = options.directory, .octets = octets, .stem = "bench-names"};
  std::vector<std::string> notes;
  auto publisher = Must(control::Publisher::Open(where, notes));
  Leavings::Add(publisher->image_path());  // unless all of it goes well
  Must(publisher->PutZones(compiled.zones));
  Must(publisher->Commit());
  const auto use = publisher->Use();
  const double octets_per_name =
      static_cast<double>(use.total_octets - use.free_octets) / static_cast<double>(options.names);
  std::printf("{\"image\":\"%s\",\"seconds\":%.3f,\"octets_per_name\":%.1f}\n",
              publisher->image_path().c_str(),
              static_cast<double>(MonotonicNs() - began_ns) / 1e9,
              octets_per_name);
  Leavings::Keep(publisher->image_path());
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  CLI::App app("Publishes the zone that querygen asks for.");
  holdfast::bench::Options options;
  app.add_option("--names", options.names, "in the zone bench.test, each with one A record")
      ->check(CLI::Range(std::size_t{1}, holdfast::querygen::kMaxGenerated))
      ->capture_default_str();
  app.add_option("--run-dir", options.run_dir, "folder of the tables' root")->required();
  app.add_option("--directory", options.directory, "where the image lies, a hugetlbfs or any other")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  holdfast::bench::Publish(options);
  return 0;
}

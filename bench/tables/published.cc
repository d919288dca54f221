// See published.h.
#include "bench/tables/published.h"

#include <cstdlib>
#include <utility>

#include "bench/tables/leavings.h"
#include "bench/tables/must.h"
#include "dataplane/base/clock.h"

namespace holdfast::bench {
namespace {

double SecondsSince(std::uint64_t from_ns) {
  return static_cast<double>(MonotonicNs() - from_ns) / 1e9;
}

std::uint64_t UsedOctets(control::Publisher& publisher) {
  const auto use = publisher.Use();
  return use.total_octets - use.free_octets;
}

// All at once, or where `tools/bench guard` builds this with a commit that cannot: one by one.
template <class Publisher>
void PutAll(Publisher& publisher, const std::vector<control::CompiledPool>& pools) {
  if constexpr (requires { publisher.PutPools(pools); }) {
    Must(publisher.PutPools(pools));
  } else {
    for (const auto& pool : pools) {
      Must(publisher.PutPool(pool));
    }
  }
}

template <class Publisher>
void PutAll(Publisher& publisher, const std::vector<control::CompiledZone>& zones) {
  if constexpr (requires { publisher.PutZones(zones); }) {
    Must(publisher.PutZones(zones));
  } else {
    for (const auto& zone : zones) {
      Must(publisher.PutZone(zone));
    }
  }
}

}  // namespace

PublishedTables::PublishedTables(const control::Model& model,
                                 const std::string& directory,
                                 std::uint64_t octets) {
  folder_ = directory + "/holdfast-bench-XXXXXX";
  if (::mkdtemp(folder_.data()) == nullptr) {
    GiveUp(("cannot make a folder in " + directory).c_str());
  }
  Leavings::Add(folder_);
  control::PublisherOptions options;
  options.run_dir = folder_;
  options.image = {.directory = folder_, .octets = octets, .stem = "bench"};
  std::vector<std::string> notes;
  publisher_ = Must(control::Publisher::Open(options, notes));

  std::uint64_t began_ns = MonotonicNs();
  auto compiled = Must(control::Compile(model, {}, 0));
  made_.compile_seconds = SecondsSince(began_ns);
  for (const auto& pool : compiled.pools) {
    made_.outcomes += pool.outcomes.size();
  }

  began_ns = MonotonicNs();
  const std::uint64_t empty = UsedOctets(*publisher_);
  PutAll(*publisher_, compiled.pools);
  const std::uint64_t with_pools = UsedOctets(*publisher_);
  PutAll(*publisher_, compiled.zones);
  Must(publisher_->PutHealth(compiled.health));
  Must(publisher_->Commit());
  made_.publish_seconds = SecondsSince(began_ns);
  publisher_->Reclaim();
  const auto use = publisher_->Use();
  made_.pools = use.pools;
  made_.names = use.names;
  made_.pool_octets = with_pools - empty;
  made_.name_octets = UsedOctets(*publisher_) - with_pools;
  evaluation_ = std::move(compiled.evaluation);
}

PublishedTables::~PublishedTables() {
  publisher_.reset();
  Leavings::Remove(folder_);
}

}  // namespace holdfast::bench

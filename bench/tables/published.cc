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
  Must(publisher_->PutPools(compiled.pools));
  const std::uint64_t with_pools = UsedOctets(*publisher_);
  for (const auto& zone : compiled.zones) {
    Must(publisher_->PutZone(zone));
  }
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

PublishedTables::Transition PublishedTables::Publish(
    std::span<const control::CompiledHealth> changed) {
  Transition transition;
  const double per_second = static_cast<double>(TscPerMicrosecond()) * 1e6;
  const auto seconds = [per_second](std::uint64_t from_tsc, std::uint64_t to_tsc) {
    return static_cast<double>(to_tsc - from_tsc) / per_second;
  };
  const std::uint64_t began_tsc = Tsc();
  std::uint64_t put_tsc = 0;
  Must(evaluation_->Recompile(changed, [&](std::span<const control::CompiledPool> pools) -> Status {
    const std::uint64_t from_tsc = Tsc();
    HF_TRY(publisher_->PutPools(pools));
    put_tsc += Tsc() - from_tsc;
    transition.pools += pools.size();
    return {};
  }));
  transition.recompile_seconds = seconds(began_tsc + put_tsc, Tsc());
  Must(publisher_->PutHealthOf(changed));
  transition.committed = Must(publisher_->Commit());
  transition.publish_seconds = seconds(began_tsc, Tsc()) - transition.recompile_seconds;
  transition.stored_seconds = seconds(began_tsc, transition.committed.published_tsc);
  return transition;
}

}  // namespace holdfast::bench

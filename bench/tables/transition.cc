// PublishedTables::Publish. Apart from published.cc, which `tools/bench guard` builds with older
// commits too. See published.h.
#include "bench/tables/must.h"
#include "bench/tables/published.h"
#include "dataplane/base/clock.h"

namespace holdfast::bench {

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

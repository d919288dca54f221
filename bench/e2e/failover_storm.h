// A storm of transitions: health pushes so many a second, of many checks in turn, while control
// drains, recompiles and publishes as fast as it comes round.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bench/e2e/failover_tables.h"
#include "health/transition.h"

namespace holdfast::bench {

struct StormPlan {
  std::uint64_t per_second = 0;  // of all checks together, 1,000 and more
  double seconds = 1;
};

struct StormDone {
  std::uint64_t offered = 0;    // pushed
  std::uint64_t drained = 0;    // of them; a later one of a check replaces one that waits
  std::uint64_t publishes = 0;  // each of all that had come until then
  double seconds = 0;           // until the last was published
};

/// @param checks  of `tables`, all healthy. The calling thread is control; health is one of its
/// own.
StormDone RunStorm(const StormPlan& plan,
                   std::size_t checks,
                   health::TransitionQueue& queue,
                   FailoverTables& tables);

}  // namespace holdfast::bench

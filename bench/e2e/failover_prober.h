// The health thread of the failover benches: pushes transitions of FailoverTables' checks, one each
// time it is told to, or many at a rate.
#pragma once

#include <semaphore>
#include <thread>

#include "bench/e2e/failover_reader.h"
#include "bench/e2e/failover_tables.h"
#include "bench/tables/must.h"
#include "dataplane/base/clock.h"
#include "health/transition.h"

namespace holdfast::bench {

inline health::Transition TransitionTo(bool healthy, const std::string& check_id) {
  return {.check_id = check_id,
          .raw = healthy ? health::State::kHealthy : health::State::kUnhealthy,
          .healthy = healthy,
          .observed_ns = MonotonicNs(),
          .reason = "bench"};
}

/// Flips kFailoverCheck, which was healthy.
class Prober {
 public:
  /// @param core  it is pinned there; -1: not pinned.
  Prober(health::TransitionQueue& queue, int core)
      : thread_([this, &queue, core](const std::stop_token& stop) {
          PinTo(core);
          bool healthy = true;
          for (go_.acquire(); !stop.stop_requested(); go_.acquire()) {
            healthy = !healthy;
            if (!queue.Push(TransitionTo(healthy, kFailoverCheck))) {
              GiveUp("the transition queue is full");
            }
          }
        }) {}
  ~Prober() {
    thread_.request_stop();
    go_.release();
  }
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;
  void Go() { go_.release(); }

 private:
  std::counting_semaphore<> go_{0};
  std::jthread thread_;
};

}  // namespace holdfast::bench

// See failover_storm.h.
#include "bench/e2e/failover_storm.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <poll.h>
#include <thread>

#include "bench/e2e/failover_prober.h"
#include "dataplane/base/clock.h"

namespace holdfast::bench {
namespace {

constexpr int kLookMs = 10;  // at most, between two looks at whether health has ended

// Pushes what is due each millisecond. @return how many in all.
std::uint64_t Push(const StormPlan& plan, std::size_t checks, health::TransitionQueue& queue) {
  const auto start = std::chrono::steady_clock::now();
  const auto all = static_cast<std::uint64_t>(plan.seconds * static_cast<double>(plan.per_second));
  std::uint64_t pushed = 0;
  for (std::uint64_t ms = 1; pushed < all; ++ms) {
    const std::uint64_t due = std::min(all, plan.per_second * ms / 1000);
    for (; pushed < due; ++pushed) {
      const bool healthy = pushed / checks % 2 == 1;  // each check in turn, then all the other way
      if (!queue.Push(TransitionTo(healthy, FailoverCheckOf(pushed % checks)))) {
        GiveUp("the transition queue is full");
      }
    }
    std::this_thread::sleep_until(start + std::chrono::milliseconds(ms));
  }
  return pushed;
}

}  // namespace

StormDone RunStorm(const StormPlan& plan,
                   std::size_t checks,
                   health::TransitionQueue& queue,
                   FailoverTables& tables) {
  StormDone done;
  std::atomic<bool> ended = false;
  const std::uint64_t from_ns = MonotonicNs();
  std::jthread health([&] {
    done.offered = Push(plan, checks, queue);
    ended.store(true, std::memory_order_release);
  });
  for (;;) {
    const bool was_ended = ended.load(std::memory_order_acquire);
    pollfd wait{.fd = queue.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, was_ended ? 0 : kLookMs) != 1) {
      if (was_ended) {
        break;
      }
      continue;
    }
    const auto transitions = queue.Drain();
    tables.Publish(transitions);
    tables.publisher().Reclaim();
    done.drained += transitions.size();
    ++done.publishes;
  }
  done.seconds = static_cast<double>(MonotonicNs() - from_ns) / 1e9;
  return done;
}

}  // namespace holdfast::bench

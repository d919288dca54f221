// What one answering thread owns: the queries of the burst at hand, random numbers, counters.
// Inside the room only; made by scratch.cc, used by the stages.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/answer/answer.h"
#include "dataplane/answer/prove.h"
#include "dataplane/answer/query.h"
#include "dataplane/answer/random.h"
#include "dataplane/table/format.h"

namespace holdfast::answer {

inline constexpr std::size_t kCounterCount = static_cast<std::size_t>(Counter::kCount);

/// Counts of one burst, added to the shared counters at its end: the packet path touches no line
/// that others read.
class Tally {
 public:
  void Add(Counter counter, std::uint32_t n = 1) noexcept {
    counts_[static_cast<std::size_t>(counter)] += n;
  }
  void FlushTo(std::span<std::uint64_t> counters) noexcept {
    const std::size_t n = counters.size() < kCounterCount ? counters.size() : kCounterCount;
    for (std::size_t i = 0; i < n; ++i) {
      // One writer, so no read-modify-write is needed; readers load relaxed.
      const std::uint64_t before = __atomic_load_n(&counters[i], __ATOMIC_RELAXED);
      __atomic_store_n(&counters[i], before + counts_[i], __ATOMIC_RELAXED);
    }
    counts_ = {};
  }

 private:
  std::array<std::uint32_t, kCounterCount> counts_{};
};

class alignas(64) Scratch {
 public:
  Scratch(const Options& options, std::uint64_t seed, std::span<std::uint64_t> shared) noexcept
      : random(seed),
        counters(shared),
        rates(options.rates),
        udp_octets(options.udp_octets),
        client_subnet(options.client_subnet) {}

  std::array<Query, kMaxBurst> query;
  // The name that a CNAME or DNAME led to: the next one is folded into the other.
  alignas(16) std::array<std::array<std::byte, kFoldedOctets>, 2> target;
  Random random;
  std::span<std::uint64_t> counters;
  std::array<std::uint64_t, table::kMaxChain + 1> visited;  // hashes of the names of one chain
  std::array<std::uint32_t, table::kMaxChain + 1> dnames;   // DNAME images that stand in the reply
  Proofs proofs;  // for the reply at hand; of no meaning without DO
  Tally tally;
  RateTable* rates;  // shared; null: rates are not limited
  Time time;
  std::uint16_t udp_octets;
  bool client_subnet;
};

}  // namespace holdfast::answer

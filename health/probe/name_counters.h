// What the resolver of endpoints' names has done, counted on the health loop and read anywhere.
// Belongs to the checker, so that it outlives the loop.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace holdfast::health {

enum class NameCount : std::uint8_t {
  kQueries,        // questions that were sent, second tries too
  kAnswers,        // replies that could be read, those without an address too
  kTimeout,        // failures: no server replied in time
  kNxdomain,       // the name does not exist
  kNoAddress,      // it exists and has no address of the family
  kServfail,       // SERVFAIL, REFUSED, or no server was to be reached
  kMalformed,      // a reply that could not be read
  kTargetRefused,  // the address that a name has led to may not be probed
  kCacheHits,      // probes that were told what is still good, without a question
  kLastGood,       // probes that were given an address behind its TTL, for want of an answer
  kCount
};

/// One writer, the loop; relaxed.
class NameCounters {
 public:
  void Add(NameCount what) noexcept {
    counts_[static_cast<std::size_t>(what)].fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t of(NameCount what) const noexcept {
    return counts_[static_cast<std::size_t>(what)].load(std::memory_order_relaxed);
  }
  /// Names that are held.
  void SetNames(std::size_t names) noexcept { names_.store(names, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t names() const noexcept {
    return names_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> counts_[static_cast<std::size_t>(NameCount::kCount)] = {};
  std::atomic<std::size_t> names_ = 0;
};

}  // namespace holdfast::health

// What the checkers of one check say together: spec/health-checks.md section 5. Every node decides
// for itself from the reports it sees. Pure: the moment is handed in.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "health/check.h"
#include "health/observation.h"
#include "health/verdict/latency.h"

namespace holdfast::health {

/// The votes on one check, one for each checker that is assigned to it. Wherever a `quorum` is
/// taken, its report_ttl is the one that ReportTtl tells.
/// How many checkers must have an opinion beside min_reporters, so that the first that speaks does
/// not speak for all.
enum class Basis : std::uint8_t {
  kAny,   // a verdict goes on
  kHalf,  // the first verdict
  kMost   // more than half: against one that was restored
};

class Votes {
 public:
  struct Vote {
    std::uint32_t checker = 0;       // index among all checkers
    State side = State::kUnknown;    //
    std::uint64_t at_ns = 0;         // CLOCK_MONOTONIC of the last pass or failure; 0: none yet
    std::uint64_t seen_ns = 0;       // of the last observation of any outcome; 0: none yet
    std::chrono::nanoseconds rtt{};  // of the last observation
    std::string reason;              // of the last observation
    std::unique_ptr<Latencies> latencies;  // of what passed; null: not measured, or nothing yet
    bool drained = false;  // no longer wanted, and votes until those that are have a verdict
  };
  struct Tally {
    std::size_t assigned = 0;
    std::size_t reporting = 0;  // know a side, and said so lately
    std::size_t healthy = 0;    // of those
  };

  /// From now on these checkers, whose votes so far are kept, and no others.
  /// @param drained  vote beside them for a while; none of `checkers`.
  void Assign(const std::vector<std::uint32_t>& checkers,
              const std::vector<std::uint32_t>& drained = {});
  /// Who has a vote and is not among `checkers`.
  [[nodiscard]] std::vector<std::uint32_t> Leaving(
      const std::vector<std::uint32_t>& checkers) const;
  /// Nobody has said anything.
  void Forget() noexcept;
  /// @return false for a checker that is not assigned; nothing happens then.
  /// @param measured  the phases of a pass are counted.
  bool Take(std::uint32_t checker, State side, const Observation& seen, bool measured = false);

  [[nodiscard]] Tally Count(const Quorum& quorum, std::uint64_t now_ns) const noexcept;
  /// The state that follows, or nothing while there is too little to decide on: then what was
  /// stays (unless `on_stale` has another wish, and the last vote has grown too old).
  [[nodiscard]] std::optional<State> Decide(const Quorum& quorum,
                                            Basis basis,
                                            std::uint64_t now_ns) const noexcept;
  /// Whether those that are not drained could decide by themselves, as for a first verdict.
  [[nodiscard]] bool DecideWithoutDrained(const Quorum& quorum,
                                          std::uint64_t now_ns) const noexcept;
  /// When the next of the votes grows too old; nothing when all are.
  [[nodiscard]] std::optional<std::uint64_t> NextStaleNs(const Quorum& quorum,
                                                         std::uint64_t now_ns) const noexcept;
  [[nodiscard]] bool Has(std::uint32_t checker) const noexcept;
  [[nodiscard]] const std::vector<Vote>& all() const noexcept { return votes_; }

 private:
  std::vector<Vote> votes_;
};

}  // namespace holdfast::health

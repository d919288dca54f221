// All that is known about one check between two probes: the threshold machine, the override, since
// when and why. Decides when control must be told. No clock inside: the caller hands the moment in.
// The monitor holds one per check, under its lock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "health/check.h"
#include "health/observation.h"
#include "health/transition.h"
#include "health/verdict/status.h"
#include "health/verdict/threshold.h"

namespace holdfast::health {

struct Moment {
  std::uint64_t monotonic_ns = 0;
  std::int64_t wall_ms = 0;
};

/// Each mutator returns true when control must hear of it: the status that records see changed, or
/// the raw state or the override did (so that what is stored stays true whatever hides what).
class CheckVerdict {
 public:
  /// A new check: no verdict yet, so healthy (inverted: unhealthy). Needs no telling: control asks
  /// for the statuses after it configured.
  CheckVerdict(const CheckConfig& check, Moment now);

  /// Counts one observation. Outcome::kUnknown changes the reason only.
  bool Apply(const Observation& observation, Moment now);
  /// The state that a derived check has by its rule, which no threshold delays.
  bool Judge(State raw, std::string reason, Moment now);
  /// New settings of the same check. The state stays until probes speak against it, but a check of
  /// another type begins anew, and so does one that was disabled.
  bool Reconfigure(const CheckConfig& check, Moment now);
  bool SetOverride(Override ordered, Moment now);
  /// Begins with what was stored before a restart; tells nobody, since control brought it.
  void Restore(State raw, Override ordered, std::int64_t since_ms) noexcept;

  /// What to tell, as of now.
  [[nodiscard]] Transition Tell(const std::string& check_id) const;

  [[nodiscard]] State raw() const noexcept { return threshold_.state(); }
  [[nodiscard]] bool healthy() const noexcept;
  [[nodiscard]] Override ordered() const noexcept { return ordered_; }
  [[nodiscard]] std::int64_t since_ms() const noexcept { return since_ms_; }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  [[nodiscard]] std::uint64_t passes() const noexcept { return passes_; }
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }
  [[nodiscard]] std::uint64_t unknowns() const noexcept { return unknowns_; }
  /// False until a probe of the present settings, in this process, has passed or failed.
  [[nodiscard]] bool verified() const noexcept { return verified_; }
  /// CLOCK_MONOTONIC of the last observation of any outcome.
  [[nodiscard]] std::optional<std::uint64_t> observed_ns() const noexcept { return observed_ns_; }

 private:
  bool Settle(Moment now);

  Threshold threshold_;
  CheckType type_;
  bool disabled_;
  bool inverted_;
  Override ordered_ = Override::kAuto;
  State told_raw_ = State::kUnknown;
  bool told_healthy_ = true;
  Override told_ordered_ = Override::kAuto;
  bool verified_ = false;
  std::int64_t since_ms_ = 0;
  std::uint64_t decided_ns_ = 0;
  std::optional<std::uint64_t> observed_ns_;
  std::string reason_;
  std::uint64_t passes_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t unknowns_ = 0;
};

}  // namespace holdfast::health

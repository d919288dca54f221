// All that is known about one check between two reports: the votes of its checkers, what damps it,
// the override, since when and why. Decides when control must be told. No clock inside: the caller
// hands the moment in. The monitor holds one per check, under its lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "health/check.h"
#include "health/observation.h"
#include "health/transition.h"
#include "health/verdict/damping.h"
#include "health/verdict/history.h"
#include "health/verdict/status.h"
#include "health/verdict/votes.h"

namespace holdfast::health {

struct Moment {
  std::uint64_t monotonic_ns = 0;
  std::int64_t wall_ms = 0;
};

/// How long checkers go on voting that a change of regions took off a check (section 6).
inline constexpr std::chrono::seconds kDrain{60};

/// Each mutator returns true when control must hear of it: the status that records see changed, or
/// the raw state or the override did (so that what is stored stays true whatever hides what).
class CheckVerdict {
 public:
  /// A new check: no verdict yet, so healthy (inverted: unhealthy). Needs no telling: control asks
  /// for the statuses after it configured.
  CheckVerdict(const CheckConfig& check, Moment now);

  /// Whose reports count; those of others are dropped.
  /// @param drained  of Votes::Leaving: they vote beside `checkers` until MayEndDrain.
  bool Assign(const std::vector<std::uint32_t>& checkers,
              Moment now,
              const std::vector<std::uint32_t>& drained = {});
  /// Whether some are drained.
  [[nodiscard]] bool Drains() const noexcept { return drain_until_ns_.has_value(); }
  /// kDrain after the last change that left some, but not before the others have a verdict. Assign
  /// without them is to follow.
  [[nodiscard]] bool MayEndDrain(std::uint64_t now_ns) const noexcept;
  /// What a checker says; Outcome::kUnknown is no failure, but shows.
  bool Take(std::uint32_t checker, State side, const Observation& seen, Moment now);
  /// What an agent reports of itself, or its silence, and the verdict that follows from it.
  bool Hear(State raw, const Observation& heard, Moment now);
  /// The verdict itself, for types that nothing is probed for.
  bool Judge(State raw, std::string reason, Moment now);
  /// Time has passed: reports may be too old, a hold-down over, an override at its end. To be
  /// called at ReviewNs.
  bool Review(Moment now);
  /// New settings of the same check. The state stays until reports speak against it, but a check of
  /// another type begins anew, and so does one that was disabled.
  bool Reconfigure(const CheckConfig& check, Moment now);
  /// In place of the order before, its end too. One whose end has passed is none.
  bool SetOverride(Order ordered, Moment now);
  /// What damps it lets go, this once.
  bool Release(Moment now);
  /// Begins with what was stored before a restart; tells nobody, since control brought it. An order
  /// whose end has passed meanwhile is not in force any more, which the next Review tells.
  void Restore(
      State raw, Order ordered, std::int64_t since_ms, const Counters& counters, Moment now);

  /// What to tell, as of now.
  [[nodiscard]] Transition Tell(const std::string& check_id) const;

  /// When Review is due next, on CLOCK_MONOTONIC.
  [[nodiscard]] std::optional<std::uint64_t> ReviewNs(std::uint64_t now_ns) const noexcept;

  [[nodiscard]] State raw() const noexcept { return Inverted(damping_.shown()); }
  [[nodiscard]] bool healthy() const noexcept;
  [[nodiscard]] Order ordered() const noexcept { return ordered_; }
  [[nodiscard]] std::int64_t since_ms() const noexcept { return since_ms_; }
  /// Of the verdict: the last observation's, or a summary where there are several checkers.
  [[nodiscard]] std::string Reason(std::uint64_t now_ns) const;
  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
  /// Of the status that records see, since this process knows the check.
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }
  /// The verdict before damping.
  [[nodiscard]] State decided() const noexcept { return wanted_; }
  /// False until a probe of the present settings, in this process, has passed or failed.
  [[nodiscard]] bool verified() const noexcept { return verified_; }
  /// CLOCK_MONOTONIC of the last observation of any outcome.
  [[nodiscard]] std::optional<std::uint64_t> observed_ns() const noexcept { return observed_ns_; }
  [[nodiscard]] Votes::Tally Tally(std::uint64_t now_ns) const noexcept;
  [[nodiscard]] const Votes& votes() const noexcept { return votes_; }
  [[nodiscard]] const Damping& damping() const noexcept { return damping_; }
  [[nodiscard]] const History& history() const noexcept { return history_; }

 private:
  [[nodiscard]] State Inverted(State state) const noexcept;
  void Count(const Observation& seen, Moment now);
  void Damp(Moment now);
  bool Decide(Moment now);
  bool Settle(Moment now);
  bool EndOrder(Moment now);
  [[nodiscard]] std::string ToldReason() const;
  void SetRules(const CheckConfig& check);

  CheckType type_;
  bool disabled_;
  bool inverted_;
  bool verified_ = false;
  bool measure_latency_ = false;
  Quorum quorum_;  // its report_ttl resolved
  DampingRule damping_rule_;
  Votes votes_;
  State wanted_ = State::kUnknown;  // the verdict before damping
  std::optional<std::uint64_t>
      restored_until_ns_;  // till then few do not speak against a restored one
  Damping damping_;
  Order ordered_;
  std::optional<std::uint64_t> ordered_until_ns_;  // CLOCK_MONOTONIC; nothing: no end
  State told_raw_ = State::kUnknown;
  bool told_healthy_ = true;
  Order told_ordered_;
  bool told_end_ = false;  // of an order, by itself, with the last change
  std::int64_t since_ms_ = 0;
  std::uint64_t decided_ns_ = 0;
  std::optional<std::uint64_t> observed_ns_;
  std::optional<std::uint64_t> drain_until_ns_;  // nothing: nobody is drained
  std::string reason_;                           // of the last observation
  Counters counters_;
  History history_;
  std::uint64_t changes_ = 0;
};

}  // namespace holdfast::health

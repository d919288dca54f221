// The walk of spec/routing.md section 6, folded: what a rule answers under one state of health, for
// each row of its clients, as outcomes with exact shares, and those as the thresholds of a
// decision. explain goes the same way. Control core only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "control/compile/compiled.h"
#include "control/compile/pools.h"

namespace holdfast::control {

/// A decision takes over its targets' outcomes while it has no more than this many; beyond, they
/// stay pools of their own that a reader goes on with.
inline constexpr std::size_t kInlineOutcomes = 64;
/// Most records of one multivalue answer.
inline constexpr std::size_t kMultivalueRecords = 8;

/// One way a rule can answer: with chance numerator / Folded::denominator.
struct FoldedOutcome {
  std::uint64_t numerator = 1;
  table::OutcomeKind kind = table::OutcomeKind::kNodata;
  std::uint8_t take = 0;
  bool last_resort = false;  // the rule fired on the way here, as far as this was folded
  RuleId pool = kNoRule;     // kPool
  ImageSpecPtr image;        // kImage, kSubset
};

/// What a rule answers to one row of its clients; the numerators sum to the denominator.
struct Folded {
  std::uint64_t denominator = 1;
  std::vector<FoldedOutcome> outcomes;
};

/// Who of a rule's members may answer one row of clients; nobody: NODATA.
struct Choice {
  struct Chosen {
    std::uint32_t member = 0;  // in Pools::Members
    std::uint32_t weight = 1;  // chance is weight / total; multivalue: all answer
  };
  std::vector<Chosen> chosen;
  std::uint64_t total = 1;
  bool last_resort = false;  // none was healthy: all were taken as healthy
};

/// Folds rules under one state of health. What is found out of targets is kept until Begin.
class Decider {
 public:
  /// @param pools  finished; outlives this.
  explicit Decider(const Pools& pools);

  /// Starts an evaluation: everything is found out anew, from `health`, which must stay as it is
  /// until the next Begin.
  void Begin(const HealthBits& health);

  /// H of section 5: own check, and under EvaluateTargetHealth some healthy member of the target.
  [[nodiscard]] bool Healthy(const Rule& rule, Row row, const RuleMember& member);
  /// Whether some member that may serve these clients is healthy.
  [[nodiscard]] bool AnyHealthy(RuleId id, Row row);

  /// Members that may answer, by preference. Section 4.
  void Choose(RuleId id, Row row, Choice& choice);

  /// What the rule answers. Valid until Begin or the next Fold.
  const Folded& Fold(RuleId id, Row row);

  /// The decision of a pool. Each outcome's width differs from its exact share of 2^32 by less than
  /// 1, and is never 0. Rows that are answered alike share a list.
  void Compile(RuleId id, CompiledPool& out);

 private:
  struct Health {
    std::uint32_t seen = 0;  // evaluation that `healthy` is of
    bool healthy = false;
  };
  struct Memo {
    Health health;
    std::vector<Health> healths;  // of a rule whose health depends on the client, by its number
    std::uint32_t fold_seen = 0;
    Folded folded;  // of a rule of one row
  };
  void FoldInto(RuleId id, Row row, Folded& out, unsigned depth);
  const Folded* Target(RuleId id, unsigned depth);
  void FoldSingle(const RuleMember& member, Folded& out, unsigned depth);
  void FoldDraw(const Rule& rule, const Choice& choice, Folded& out, unsigned depth);
  bool TakeOver(const Rule& rule, const Choice& choice, Folded& out, unsigned depth);
  void FoldUnion(const Rule& rule, const Choice& choice, Folded& out);
  void GoOn(RuleId target, FoldedOutcome& outcome) const;
  Health* HealthOf(const Rule& rule, Row row);
  void CompileFirsts(RuleId id, CompiledPool& out);

  const Pools& pools_;
  const HealthBits* health_ = nullptr;
  std::uint32_t evaluation_ = 0;
  std::vector<Memo> memos_;
  std::vector<Choice> choices_;  // working space, one per depth
  Folded folded_;                // of a rule that is nobody's target
};

/// Last number of a 32-bit draw that falls to a share of `sum`/`denominator`, rounded to nearest.
/// @param sum  1..denominator.
std::uint32_t UpTo(std::uint64_t sum, std::uint64_t denominator) noexcept;

}  // namespace holdfast::control

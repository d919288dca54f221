#include "control/compile/decide.h"

#include <algorithm>
#include <numeric>

#include "control/compile/render.h"
#include "dataplane/base/check.h"

namespace holdfast::control {
namespace {

using table::OutcomeKind;
__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t kMost = ~std::uint64_t{0};

// Below this share an outcome stays in a draw of its own: rounding to 32 bits then never empties
// one, nor makes it wrong by more than 2^-32.
constexpr Wide kLeastShare = Wide{1} << 31U;  // its inverse

// Upper end of an outcome's range: `sum` / `of` of 2^32, rounded to nearest, less one.
std::uint32_t UpTo(std::uint64_t sum, std::uint64_t of) noexcept {
  const Wide rounded = ((Wide{sum} << 33U) + of) / (Wide{of} << 1U);
  return static_cast<std::uint32_t>(rounded - 1);
}

}  // namespace

Decider::Decider(const Pools& pools)
    : pools_(pools), memos_(pools.memos()), choices_(table::kMaxSteps + 1) {}

void Decider::Begin(const HealthBits& health) {
  health_ = &health;
  if (++evaluation_ == 0) {
    for (auto& memo : memos_) {
      memo.health_seen = memo.fold_seen = 0;
    }
    evaluation_ = 1;
  }
}

bool Decider::Healthy(const RuleMember& member) {
  if (!health_->Healthy(member.check)) {
    return false;
  }
  if (member.kind == MemberKind::kImage || !member.evaluate_target_health) {
    return true;
  }
  return member.kind == MemberKind::kAlias && AnyHealthy(member.child);
}

bool Decider::AnyHealthy(RuleId id) {
  const auto& rule = pools_.rule(id);
  Memo* memo = rule.memo == kNoRule ? nullptr : &memos_[rule.memo];
  if (memo != nullptr && memo->health_seen == evaluation_) {
    return memo->healthy;
  }
  const bool healthy = std::ranges::any_of(
      pools_.Members(rule), [this](const RuleMember& member) { return Healthy(member); });
  if (memo != nullptr) {
    memo->health_seen = evaluation_;
    memo->healthy = healthy;
  }
  return healthy;
}

void Decider::Choose(RuleId id, Choice& choice) {
  const auto& rule = pools_.rule(id);
  const auto members = pools_.Members(rule);
  choice.chosen.clear();
  choice.total = 0;
  const bool first_only = rule.policy == Policy::kSimple || rule.policy == Policy::kFailover;
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    if (Healthy(members[i])) {
      choice.chosen.push_back({.member = i});
      if (first_only) {
        break;
      }
    }
  }
  choice.last_resort = choice.chosen.empty();
  if (choice.last_resort) {
    choice.chosen.resize(first_only ? 1 : members.size());
    for (std::uint32_t i = 0; i < choice.chosen.size(); ++i) {
      choice.chosen[i] = {.member = i};
    }
  }
  if (rule.policy == Policy::kWeighted) {
    for (auto& chosen : choice.chosen) {
      chosen.weight = members[chosen.member].weight;
      choice.total += chosen.weight;
    }
    if (choice.total > 0) {
      std::erase_if(choice.chosen, [](const Choice::Chosen& c) { return c.weight == 0; });
      return;
    }
    for (auto& chosen : choice.chosen) {
      chosen.weight = 1;
    }
  }
  choice.total = rule.policy == Policy::kMultivalue ? 1 : choice.chosen.size();
}

const Folded& Decider::Fold(RuleId id) {
  if (pools_.rule(id).memo != kNoRule) {
    return Target(id, 0);
  }
  FoldInto(id, folded_, 0);
  return folded_;
}

const Folded& Decider::Target(RuleId id, unsigned depth) {
  auto& memo = memos_[pools_.rule(id).memo];
  if (memo.fold_seen != evaluation_) {
    FoldInto(id, memo.folded, depth);
    memo.fold_seen = evaluation_;
  }
  return memo.folded;
}

void Decider::FoldInto(RuleId id, Folded& out, unsigned depth) {
  HF_CHECK(depth < choices_.size());
  const auto& rule = pools_.rule(id);
  auto& choice = choices_[depth];
  Choose(id, choice);
  out.outcomes.clear();
  out.denominator = 1;
  out.last_resort = choice.last_resort;
  if (choice.chosen.size() == 1) {
    FoldSingle(pools_.Members(rule)[choice.chosen[0].member], out, depth);
  } else if (rule.policy == Policy::kMultivalue) {
    FoldUnion(rule, choice, out);
  } else {
    FoldDraw(rule, choice, out, depth);
  }
}

// Leads to the target's own pool, past simple rules on the way, which have none.
void Decider::GoOn(RuleId target, FoldedOutcome& outcome) const {
  while (!pools_.IsPool(target)) {
    const auto& member = pools_.Members(pools_.rule(target))[0];
    if (member.kind != MemberKind::kAlias) {
      outcome.kind = member.kind == MemberKind::kImage ? OutcomeKind::kImage : OutcomeKind::kNodata;
      outcome.image = member.image;
      return;
    }
    target = member.child;
  }
  outcome.kind = OutcomeKind::kPool;
  outcome.pool = target;
}

void Decider::FoldSingle(const RuleMember& member, Folded& out, unsigned depth) {
  if (member.kind == MemberKind::kAlias) {
    const Folded& target = Target(member.child, depth + 1);
    if (target.outcomes.size() <= kInlineOutcomes) {
      const bool last_resort = out.last_resort;
      out = target;
      out.last_resort |= last_resort;
      return;
    }
  }
  auto& outcome = out.outcomes.emplace_back();
  if (member.kind == MemberKind::kAlias) {
    GoOn(member.child, outcome);
  } else if (member.kind == MemberKind::kImage) {
    outcome.kind = OutcomeKind::kImage;
    outcome.image = member.image;
  }
}

// All targets' outcomes over one denominator; false, with `out` in disorder, when they are too many
// or their shares too small.
bool Decider::TakeOver(const Rule& rule, const Choice& choice, Folded& out, unsigned depth) {
  const auto members = pools_.Members(rule);
  std::uint64_t common = 1;
  std::size_t outcomes = 0;
  for (const auto& chosen : choice.chosen) {
    const auto& member = members[chosen.member];
    if (member.kind != MemberKind::kAlias) {
      ++outcomes;
      continue;
    }
    const Folded& target = Target(member.child, depth + 1);
    outcomes += target.outcomes.size();
    const std::uint64_t factor = target.denominator / std::gcd(common, target.denominator);
    if (outcomes > kInlineOutcomes || Wide{common} * factor > kMost / choice.total) {
      return false;
    }
    common *= factor;
  }
  out.denominator = common * choice.total;
  for (const auto& chosen : choice.chosen) {
    const auto& member = members[chosen.member];
    if (member.kind != MemberKind::kAlias) {
      auto& outcome = out.outcomes.emplace_back();
      outcome.numerator = chosen.weight * common;
      if (member.kind == MemberKind::kImage) {
        outcome.kind = OutcomeKind::kImage;
        outcome.image = member.image;
      }
      continue;
    }
    const Folded& target = Target(member.child, depth + 1);
    out.last_resort |= target.last_resort;
    for (const auto& theirs : target.outcomes) {
      auto& outcome = out.outcomes.emplace_back(theirs);
      outcome.numerator = theirs.numerator * (common / target.denominator) * chosen.weight;
      if (Wide{outcome.numerator} * kLeastShare < out.denominator) {
        return false;
      }
    }
  }
  return true;
}

void Decider::FoldDraw(const Rule& rule, const Choice& choice, Folded& out, unsigned depth) {
  const auto members = pools_.Members(rule);
  const bool nested = std::ranges::any_of(choice.chosen, [&](const Choice::Chosen& c) {
    return members[c.member].kind == MemberKind::kAlias;
  });
  if (nested && TakeOver(rule, choice, out, depth)) {
    return;
  }
  out.outcomes.clear();
  out.denominator = choice.total;
  out.last_resort = choice.last_resort;
  for (const auto& chosen : choice.chosen) {
    const auto& member = members[chosen.member];
    auto& outcome = out.outcomes.emplace_back();
    if (member.kind == MemberKind::kAlias) {
      const Folded& target = Target(member.child, depth + 1);
      if (target.outcomes.size() == 1) {
        outcome = target.outcomes[0];
        out.last_resort |= target.last_resort;
      } else {
        GoOn(member.child, outcome);
      }
    } else if (member.kind == MemberKind::kImage) {
      outcome.kind = OutcomeKind::kImage;
      outcome.image = member.image;
    }
    outcome.numerator = chosen.weight;
  }
}

void Decider::FoldUnion(const Rule& rule, const Choice& choice, Folded& out) {
  const auto members = pools_.Members(rule);
  std::vector<const ImageSpec*> images;
  images.reserve(choice.chosen.size());
  for (const auto& chosen : choice.chosen) {
    images.push_back(members[chosen.member].image.get());
  }
  auto united = std::make_shared<const ImageSpec>(UniteImages(images, rule.repeats));
  auto& outcome = out.outcomes.emplace_back();
  const bool subset =
      images.size() > kMultivalueRecords && united->record_ends.size() > kMultivalueRecords;
  outcome.kind = subset ? OutcomeKind::kSubset : OutcomeKind::kImage;
  outcome.take = subset ? kMultivalueRecords : 0;
  outcome.image = std::move(united);
}

std::vector<std::uint32_t> Thresholds(const Folded& folded) {
  std::vector<std::uint32_t> upto;
  upto.reserve(folded.outcomes.size());
  std::uint64_t sum = 0;
  for (const auto& outcome : folded.outcomes) {
    sum += outcome.numerator;
    upto.push_back(UpTo(sum, folded.denominator));
  }
  return upto;
}

void Decider::Compile(RuleId id, CompiledPool& out) {
  const Folded& folded = Fold(id);
  const auto& rule = pools_.rule(id);
  out.rule = rule.digest;
  out.type = rule.type;
  out.flags = folded.last_resort ? table::kDecisionLastResort : 0;
  out.outcomes.clear();
  out.outcomes.reserve(folded.outcomes.size());
  std::uint64_t sum = 0;
  for (const auto& from : folded.outcomes) {
    sum += from.numerator;
    auto& to = out.outcomes.emplace_back();
    to.upto = UpTo(sum, folded.denominator);
    to.kind = from.kind;
    to.take = from.take;
    if (from.kind == OutcomeKind::kPool) {
      to.answer = pools_.rule(from.pool).digest;
    } else {
      to.answer = from.image;
    }
  }
}

}  // namespace holdfast::control

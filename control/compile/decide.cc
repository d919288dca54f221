#include "control/compile/decide.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <unordered_map>

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

}  // namespace

std::uint32_t UpTo(std::uint64_t sum, std::uint64_t denominator) noexcept {
  const Wide rounded = ((Wide{sum} << 33U) + denominator) / (Wide{denominator} << 1U);
  return static_cast<std::uint32_t>(rounded - 1);
}

Decider::Decider(const Pools& pools)
    : pools_(pools), memos_(pools.memos()), choices_(table::kMaxSteps + 1) {}

void Decider::Begin(const HealthBits& health) {
  health_ = &health;
  if (++evaluation_ == 0) {
    for (auto& memo : memos_) {
      memo.health = {};
      memo.healths.clear();
      memo.fold_seen = 0;
    }
    evaluation_ = 1;
  }
}

bool Decider::Healthy(const Rule& rule, Row row, const RuleMember& member) {
  if (!health_->Healthy(member.check)) {
    return false;
  }
  if (member.kind == MemberKind::kImage || !member.evaluate_target_health) {
    return true;
  }
  return member.kind == MemberKind::kAlias &&
         AnyHealthy(member.child, pools_.RowBelow(rule, row, member.child));
}

// Where it is kept what is found out of a target; null for a rule that is nobody's.
Decider::Health* Decider::HealthOf(const Rule& rule, Row row) {
  if (rule.memo == kNoRule) {
    return nullptr;
  }
  Memo& memo = memos_[rule.memo];
  if (rule.rows == nullptr || rule.rows->healths == 1) {
    return &memo.health;
  }
  memo.healths.resize(rule.rows->healths);
  return &memo.healths[rule.rows->health_of_row[row]];
}

bool Decider::AnyHealthy(RuleId id, Row row) {
  const auto& rule = pools_.rule(id);
  if (const Health* known = HealthOf(rule, row); known != nullptr && known->seen == evaluation_) {
    return known->healthy;
  }
  const auto members = pools_.Members(rule);
  bool healthy = false;
  if (AsksTheClient(rule.policy)) {
    healthy = std::ranges::any_of(rule.rows->candidates[row],
                                  [&](std::uint16_t i) { return Healthy(rule, row, members[i]); });
  } else {
    healthy = std::ranges::any_of(
        members, [&](const RuleMember& member) { return Healthy(rule, row, member); });
  }
  if (Health* known = HealthOf(rule, row); known != nullptr) {
    *known = {.seen = evaluation_, .healthy = healthy};
  }
  return healthy;
}

void Decider::Choose(RuleId id, Row row, Choice& choice) {
  const auto& rule = pools_.rule(id);
  const auto members = pools_.Members(rule);
  const bool asks = AsksTheClient(rule.policy);
  const bool first_only =
      asks || rule.policy == Policy::kSimple || rule.policy == Policy::kFailover;
  const std::size_t candidates = asks ? rule.rows->candidates[row].size() : members.size();
  const auto candidate = [&](std::size_t i) -> std::uint32_t {
    return asks ? rule.rows->candidates[row][i] : static_cast<std::uint32_t>(i);
  };
  choice.chosen.clear();
  choice.total = 0;
  choice.last_resort = false;
  for (std::size_t i = 0; i < candidates; ++i) {
    if (Healthy(rule, row, members[candidate(i)])) {
      choice.chosen.push_back({.member = candidate(i)});
      if (first_only) {
        break;
      }
    }
  }
  if (choice.chosen.empty()) {
    choice.last_resort = candidates != 0;
    for (std::size_t i = 0; i < (first_only ? std::min<std::size_t>(candidates, 1) : candidates);
         ++i) {
      choice.chosen.push_back({.member = candidate(i)});
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
  choice.total =
      rule.policy == Policy::kMultivalue ? 1 : std::max<std::uint64_t>(choice.chosen.size(), 1);
}

const Folded& Decider::Fold(RuleId id, Row row) {
  const auto& rule = pools_.rule(id);
  if (rule.memo != kNoRule && rule.RowCount() == 1) {
    return *Target(id, 0);
  }
  FoldInto(id, row, folded_, 0);
  return folded_;
}

// What a target answers; null when that depends on the client: it stays a pool of its own.
const Folded* Decider::Target(RuleId id, unsigned depth) {
  const auto& rule = pools_.rule(id);
  if (rule.RowCount() != 1) {
    return nullptr;
  }
  auto& memo = memos_[rule.memo];
  if (memo.fold_seen != evaluation_) {
    FoldInto(id, 0, memo.folded, depth);
    memo.fold_seen = evaluation_;
  }
  return &memo.folded;
}

void Decider::FoldInto(RuleId id, Row row, Folded& out, unsigned depth) {
  HF_CHECK(depth < choices_.size());
  const auto& rule = pools_.rule(id);
  auto& choice = choices_[depth];
  Choose(id, row, choice);
  out.outcomes.clear();
  out.denominator = 1;
  if (choice.chosen.empty()) {
    out.outcomes.emplace_back();
  } else if (choice.chosen.size() == 1) {
    FoldSingle(pools_.Members(rule)[choice.chosen[0].member], out, depth);
  } else if (rule.policy == Policy::kMultivalue) {
    FoldUnion(rule, choice, out);
  } else {
    FoldDraw(rule, choice, out, depth);
  }
  if (choice.last_resort) {
    for (auto& outcome : out.outcomes) {
      outcome.last_resort = true;
    }
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
    const Folded* target = Target(member.child, depth + 1);
    if (target != nullptr && target->outcomes.size() <= kInlineOutcomes) {
      out = *target;
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
    const Folded* target = Target(member.child, depth + 1);
    if (target == nullptr) {
      return false;
    }
    outcomes += target->outcomes.size();
    const std::uint64_t factor = target->denominator / std::gcd(common, target->denominator);
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
    const Folded& target = *Target(member.child, depth + 1);
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
  for (const auto& chosen : choice.chosen) {
    const auto& member = members[chosen.member];
    auto& outcome = out.outcomes.emplace_back();
    if (member.kind == MemberKind::kAlias) {
      const Folded* target = Target(member.child, depth + 1);
      if (target != nullptr && target->outcomes.size() == 1) {
        outcome = target->outcomes[0];
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

namespace {

// The outcomes of one list, behind those that `out` has.
void AppendOutcomes(const Folded& folded, const Pools& pools, CompiledPool& out) {
  std::uint64_t sum = 0;
  for (const auto& from : folded.outcomes) {
    sum += from.numerator;
    auto& to = out.outcomes.emplace_back();
    to.upto = UpTo(sum, folded.denominator);
    to.kind = from.kind;
    to.take = from.take;
    to.flags = from.last_resort ? table::kOutcomeLastResort : 0;
    if (from.kind == OutcomeKind::kPool) {
      to.answer = pools.rule(from.pool).digest;
    } else {
      to.answer = from.image;
    }
  }
}

bool Same(const CompiledOutcome& a, const CompiledOutcome& b) {
  return a.upto == b.upto && a.kind == b.kind && a.take == b.take && a.flags == b.flags &&
         a.answer == b.answer;
}

// The draws of a switch; equal ones are one list.
class Lists {
 public:
  Lists(const Pools& pools, CompiledPool& out) : pools_(pools), out_(out) {}

  std::uint16_t Of(const Folded& folded) {
    const std::size_t begin = out_.outcomes.size();
    AppendOutcomes(folded, pools_, out_);
    const std::span fresh = std::span(out_.outcomes).subspan(begin);
    const std::size_t hash = HashOf(fresh);
    const auto [first, last] = by_hash_.equal_range(hash);
    for (auto it = first; it != last; ++it) {
      const std::size_t from = it->second == 0 ? 0U : out_.list_ends[it->second - 1U];
      const std::size_t count = out_.list_ends[it->second] - from;
      if (std::ranges::equal(std::span(out_.outcomes).subspan(from, count), fresh, Same)) {
        out_.outcomes.resize(begin);
        return it->second;
      }
    }
    const auto list = static_cast<std::uint16_t>(out_.list_ends.size());
    by_hash_.emplace(hash, list);
    out_.list_ends.push_back(static_cast<std::uint32_t>(out_.outcomes.size()));
    return list;
  }

 private:
  static std::size_t HashOf(std::span<const CompiledOutcome> outcomes) {
    std::size_t hash = outcomes.size();
    for (const auto& outcome : outcomes) {
      const auto* image = std::get_if<ImageSpecPtr>(&outcome.answer);
      hash = (hash * 31) + outcome.upto +
             (image != nullptr ? reinterpret_cast<std::uintptr_t>(image->get())
                               : std::get<RuleDigest>(outcome.answer).word[0]);
    }
    return hash;
  }

  const Pools& pools_;
  CompiledPool& out_;
  std::unordered_multimap<std::size_t, std::uint16_t> by_hash_;  // of the outcomes
};

}  // namespace

void Decider::Compile(RuleId id, CompiledPool& out) {
  const auto& rule = pools_.rule(id);
  out.rule = rule.digest;
  out.type = rule.type;
  out.location = rule.rows == nullptr || rule.rows->domain == kNoDomain
                     ? nullptr
                     : pools_.clients().Table(rule.rows->domain);
  out.row_map = nullptr;
  out.list_of_row.clear();
  out.list_ends.clear();
  out.outcomes.clear();
  if (rule.RowCount() == 1) {
    AppendOutcomes(Fold(id, 0), pools_, out);
    return;
  }
  out.row_map = rule.rows->row_map;
  if (AsksTheClient(rule.policy)) {
    CompileFirsts(id, out);
  } else {
    Lists lists(pools_, out);
    for (std::size_t row = 0; row < rule.RowCount(); ++row) {
      out.list_of_row.push_back(lists.Of(Fold(id, static_cast<Row>(row))));
    }
  }
}

// Where the first healthy candidate answers, a row's draw depends on nothing but who that is: a
// target that goes by the client itself stays a pool. Rows may be as many as classes.
void Decider::CompileFirsts(RuleId id, CompiledPool& out) {
  const auto& rule = pools_.rule(id);
  const auto members = pools_.Members(rule);
  Lists lists(pools_, out);
  std::vector<std::optional<bool>> healthy(members.size());
  std::vector<std::optional<std::uint16_t>> list_of((members.size() * 2) + 1);
  const auto is_healthy = [&](Row row, std::uint16_t i) {
    const RuleMember& member = members[i];
    if (member.kind == MemberKind::kAlias && member.evaluate_target_health &&
        pools_.rule(member.child).rows != nullptr) {
      return Healthy(rule, row, member);  // for these clients
    }
    if (!healthy[i]) {
      healthy[i] = Healthy(rule, row, member);
    }
    return *healthy[i];
  };
  out.list_of_row.reserve(rule.RowCount());
  for (std::size_t i = 0; i < rule.RowCount(); ++i) {
    const auto row = static_cast<Row>(i);
    const auto& candidates = rule.rows->candidates[row];
    const auto first = std::ranges::find_if(
        candidates, [&](std::uint16_t candidate) { return is_healthy(row, candidate); });
    std::size_t chosen = members.size() * 2;  // nobody
    if (first != candidates.end()) {
      chosen = *first * std::size_t{2};
    } else if (!candidates.empty()) {
      chosen = (candidates.front() * std::size_t{2}) + 1;  // in last resort
    }
    if (!list_of[chosen]) {
      list_of[chosen] = lists.Of(Fold(id, row));
    }
    out.list_of_row.push_back(list_of[chosen].value_or(0));
  }
}

}  // namespace holdfast::control

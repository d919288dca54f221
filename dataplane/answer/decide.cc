// See decide.h.
#include "dataplane/answer/decide.h"

#include <algorithm>

namespace holdfast::answer {
namespace {

using table::Decision;
using table::DecisionOp;
using table::Outcome;
using table::OutcomeKind;

// The outcome whose share holds the draw. The last one ends at 2^32-1, but that is not relied on.
// `outcomes` is not empty.
const Outcome& Draw(std::span<const Outcome> outcomes, Random& random) noexcept {
  const Outcome* first = outcomes.data();
  const Outcome* last = first + outcomes.size() - 1;
  if (first == last) {
    return *first;
  }
  const std::uint32_t draw = random.Draw();
  if (outcomes.size() <= 8) {
    // All of them are compared: no branch that depends on the draw.
    std::size_t before = 0;
    for (const Outcome* outcome = first; outcome != last; ++outcome) {
      before += outcome->upto < draw ? 1 : 0;
    }
    return first[before];
  }
  return *std::lower_bound(
      first, last, draw, [](const Outcome& o, std::uint32_t d) { return o.upto < d; });
}

/// Where the client is in the tables that the decisions on the way go by. One look-up serves all
/// that go by the same one.
class Whereabouts {
 public:
  Whereabouts(OpenTable& open, const table::ClientPrefix& client) noexcept
      : open_(open), client_(client) {}

  [[nodiscard]] const table::Located& In(std::uint32_t location_at) noexcept {
    if (location_at != at_) {
      at_ = location_at;
      located_ = table::Locate(open_.At(location_at), client_);
    }
    return located_;
  }

 private:
  OpenTable& open_;
  const table::ClientPrefix& client_;
  std::uint32_t at_ = 0;
  table::Located located_;
};

// The draw that a switch leads this client to; empty when an index leads nowhere.
std::span<const Outcome> ListFor(const table::View& view,
                                 const Decision* decision,
                                 std::uint32_t class_at) noexcept {
  const table::DecisionParts parts = table::OpenDecision(view, decision);
  const auto row_of_class = table::OpenRowMap(view, parts.map_at);
  const std::size_t row = class_at < row_of_class.size() ? row_of_class[class_at] : 0U;
  if (parts.decision == nullptr || row_of_class.empty() || row >= parts.list_of_row.size())
      [[unlikely]] {
    return {};
  }
  const std::size_t list = parts.list_of_row[row];
  if (list >= parts.list_end.size()) [[unlikely]] {
    return {};
  }
  const std::size_t begin = list == 0 ? 0U : parts.list_end[list - 1];
  const std::size_t end = parts.list_end[list];
  if (begin >= end || end > parts.outcomes.size()) [[unlikely]] {
    return {};
  }
  return parts.outcomes.subspan(begin, end - begin);
}

}  // namespace

Choice Decide(const table::Snapshot& snapshot,
              std::uint32_t pool_at,
              const table::ClientPrefix& client,
              Random& random,
              OpenTable& open) noexcept {
  Choice choice{.kind = ChoiceKind::kUnreadable};
  Whereabouts whereabouts(open, client);
  for (unsigned step = 0; step < table::kMaxSteps; ++step) {
    const Decision* decision = snapshot.DecisionOf(pool_at);
    if (decision == nullptr) [[unlikely]] {
      return choice;
    }
    std::uint32_t class_at = 0;
    if (const std::uint32_t location_at = decision->location_at; location_at != 0) {
      const table::Located& located = whereabouts.In(location_at);
      if (!located.readable) [[unlikely]] {
        return choice;
      }
      // What the first decision goes by is the finest of all: what lies below is part of it.
      choice.scope = std::max(choice.scope, located.scope);
      class_at = located.class_at;
    }
    const std::span<const Outcome> outcomes =
        decision->op == DecisionOp::kDraw ? table::OpenDecision(snapshot.view(), decision).outcomes
                                          : ListFor(snapshot.view(), decision, class_at);
    if (outcomes.empty()) [[unlikely]] {
      return choice;
    }
    const Outcome& outcome = Draw(outcomes, random);
    choice.last_resort |= (outcome.flags & table::kOutcomeLastResort) != 0;
    switch (outcome.kind) {
      case OutcomeKind::kNodata:
        choice.kind = ChoiceKind::kNodata;
        return choice;
      case OutcomeKind::kImage:
        choice.kind = ChoiceKind::kImage;
        choice.at = outcome.at;
        return choice;
      case OutcomeKind::kSubset:
        choice.take = outcome.take;
        if (choice.take != 0) [[likely]] {
          choice.kind = ChoiceKind::kImage;
          choice.at = outcome.at;
        }
        return choice;
      case OutcomeKind::kPool:
        pool_at = outcome.at;
        break;
      default:
        return choice;
    }
  }
  return choice;
}

}  // namespace holdfast::answer

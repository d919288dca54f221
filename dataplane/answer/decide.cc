// See decide.h.
#include "dataplane/answer/decide.h"

#include <algorithm>

namespace holdfast::answer {
namespace {

using table::Decision;
using table::OutcomeKind;

// The outcome whose share holds `draw`. The last one ends at 2^32-1, but that is not relied on.
const table::Outcome& Drawn(const Decision& decision,
                            std::uint16_t count,
                            std::uint32_t draw) noexcept {
  const auto* first = reinterpret_cast<const table::Outcome*>(&decision + 1);
  const auto* last = first + count - 1;
  if (count <= 8) {
    while (first < last && first->upto < draw) {
      ++first;
    }
    return *first;
  }
  return *std::lower_bound(
      first, last, draw, [](const table::Outcome& o, std::uint32_t d) { return o.upto < d; });
}

}  // namespace

Choice Decide(const table::Snapshot& snapshot, std::uint32_t pool_at, Random& random) noexcept {
  Choice choice{.kind = ChoiceKind::kUnreadable};
  for (unsigned step = 0; step < table::kMaxSteps; ++step) {
    const Decision* decision = snapshot.DecisionOf(pool_at);
    if (decision == nullptr || decision->op != table::DecisionOp::kDraw) [[unlikely]] {
      return choice;
    }
    choice.last_resort |= (decision->flags & table::kDecisionLastResort) != 0;
    const std::uint16_t count = decision->count;
    const table::Outcome& outcome = Drawn(*decision, count, count == 1 ? 0 : random.Draw());
    switch (outcome.kind) {
      case OutcomeKind::kNodata:
        choice.kind = ChoiceKind::kNodata;
        return choice;
      case OutcomeKind::kImage:
        choice.kind = ChoiceKind::kImage;
        choice.at = outcome.at;
        return choice;
      case OutcomeKind::kSubset:
        if (outcome.take == 0) [[unlikely]] {
          return choice;
        }
        choice.kind = ChoiceKind::kImage;
        choice.at = outcome.at;
        choice.take = outcome.take;
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

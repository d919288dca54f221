// Step 6 of a query's journey: from a pool to the image that answers this time. Failover was
// settled when the decision was compiled; what is left here is where the client is, and a draw. Any
// core; at most kMaxSteps decisions per call.
#pragma once

#include <cstdint>

#include "dataplane/answer/random.h"
#include "dataplane/table/location.h"
#include "dataplane/table/view.h"

namespace holdfast::answer {

enum class ChoiceKind : std::uint8_t {
  kNone = 0,   // nothing was decided yet
  kImage,      // the rrset image at `at`; `take` of its records when that is not 0
  kNodata,     // the rule has nothing to answer
  kUnreadable  // an offset or a value in the tables led nowhere
};

struct Choice {
  std::uint32_t at = 0;  // RrImage
  ChoiceKind kind = ChoiceKind::kNone;
  std::uint8_t take = 0;     // records to draw; 0: all of them
  bool last_resort = false;  // a decision on the way was one of last resort
  std::uint8_t scope = 0;    // bits of the client's address that the answer depends on
};

/// Runs the decision of the pool at `pool_at`, and of those it goes on with.
Choice Decide(const table::Snapshot& snapshot,
              std::uint32_t pool_at,
              const table::ClientPrefix& client,
              Random& random) noexcept;

/// What an rrset entry or an additional reference leads to: the image itself, or its pool's choice.
inline Choice Choose(const table::Snapshot& snapshot,
                     table::RrsetKind kind,
                     std::uint32_t at,
                     const table::ClientPrefix& client,
                     Random& random) noexcept {
  if (kind == table::RrsetKind::kImage) [[likely]] {
    return {.at = at, .kind = ChoiceKind::kImage};
  }
  return kind == table::RrsetKind::kPool ? Decide(snapshot, at, client, random)
                                         : Choice{.kind = ChoiceKind::kUnreadable};
}

}  // namespace holdfast::answer

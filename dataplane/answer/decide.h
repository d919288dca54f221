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

/// A location table, opened: the decisions of a burst mostly go by the same one, which then is
/// checked once for all of them.
class OpenTable {
 public:
  explicit OpenTable(const table::View& view) noexcept : view_(view) {}

  /// The table at `location_at`, not 0. Valid until another one is asked for.
  [[nodiscard]] const table::LocationParts& At(std::uint32_t location_at) noexcept {
    if (location_at != at_) [[unlikely]] {
      at_ = location_at;
      parts_ = table::OpenLocation(view_, location_at);
    }
    return parts_;
  }

 private:
  const table::View& view_;
  std::uint32_t at_ = 0;
  table::LocationParts parts_;
};

/// Runs the decision of the pool at `pool_at`, and of those it goes on with.
/// @param open  of the same view.
Choice Decide(const table::Snapshot& snapshot,
              std::uint32_t pool_at,
              const table::ClientPrefix& client,
              Random& random,
              OpenTable& open) noexcept;

/// What an rrset entry or an additional reference leads to: the image itself, or its pool's choice.
inline Choice Choose(const table::Snapshot& snapshot,
                     table::RrsetKind kind,
                     std::uint32_t at,
                     const table::ClientPrefix& client,
                     Random& random) noexcept {
  if (kind == table::RrsetKind::kImage) [[likely]] {
    return {.at = at, .kind = ChoiceKind::kImage};
  }
  if (kind != table::RrsetKind::kPool) [[unlikely]] {
    return {.kind = ChoiceKind::kUnreadable};
  }
  OpenTable open(snapshot.view());
  return Decide(snapshot, at, client, random, open);
}

}  // namespace holdfast::answer

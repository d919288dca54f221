// What would change in the answers if a zone were another: every (name, type) of either state, the
// answers that each permits under the health of the moment, compared. Text that changes no answer
// does not count. Pure; runs on control's worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "control/compile/compiled.h"
#include "control/compile/match.h"
#include "control/compile/permitted.h"
#include "control/model/model.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// What one (name, type) is answered with.
struct PlannedAnswer {
  ExplainedStatus status = ExplainedStatus::kNotServed;
  std::string type;                      // of the answers: CNAME may speak for another
  std::vector<ExplainedAnswer> answers;  // of a referral its NS, of a redirection its DNAME
};

/// Clients that all see the same change.
struct PlannedClients {
  /// What is known of some class among them, by source: "geo", "cell", "latency", "cidr ID".
  std::vector<std::pair<std::string, std::string>> known;
  std::uint64_t classes = 0;
  PlannedAnswer before;
  PlannedAnswer after;
};

struct PlannedChange {
  std::string name;
  std::string type;  // empty: the name owns nothing, but whether it exists changes
  /// Where no location policy answers, one entry for all clients. Else the first of those who see
  /// a change, at most kMostClients.
  std::vector<PlannedClients> clients;
  std::uint64_t classes = 0;          // of clients told apart; 0: the client does not matter
  std::uint64_t changed_classes = 0;  // of those
};
inline constexpr std::size_t kMostClients = 3;

struct Plan {
  std::vector<PlannedChange> changes;  // in the order of names, as many as were asked for
  std::uint64_t changed = 0;           // (name, type) whose answers change, in all
  std::uint64_t compared = 0;          // names of either state
  std::uint64_t come = 0;              // names that exist afterwards only
  std::uint64_t go = 0;                // names that exist before only
  std::vector<std::string> warnings;   // of the zone as it would be
};

/// Compares what is served with the same after `after` has taken the place of the zone of its
/// origin, or has come to the others.
/// @param after   judged as a load judges it. @param health  as Explain's.
/// @param most    changes to describe.
/// @return kInvalid as Compile. Seconds for a hundred thousand names.
Result<Plan> PlanZone(const Model& served,
                      const Zone& after,
                      std::span<const CompiledHealth> health,
                      std::size_t most);

}  // namespace holdfast::control

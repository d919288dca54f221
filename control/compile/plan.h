// What would change in the answers if a zone were another: every (name, type) of either state, the
// answers that each permits under the health of the moment, compared. Text that changes no answer
// does not count. Pure; runs on control's worker for plans.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "control/compile/clients.h"
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
  std::vector<std::string> glue;         // of a referral: addresses of its servers as written
};

/// Clients that all see the same change.
struct PlannedClients {
  std::vector<KnownOfClient> known;  // of some class among them
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
/// Answers that all described changes have in words, about: what a reply can hold, though thousands
/// of names may share a rule of a hundred records.
inline constexpr std::size_t kMostAnswers = 250'000;

struct Plan {
  /// In the order of names, as many as were asked for and have no more than kMostAnswers.
  std::vector<PlannedChange> changes;
  std::uint64_t changed = 0;          // (name, type) whose answers change, in all
  std::uint64_t compared = 0;         // names of either state
  std::uint64_t come = 0;             // names that exist afterwards only
  std::uint64_t go = 0;               // names that exist before only
  std::vector<std::string> warnings;  // of the zone as it would be
};

/// Compares what is served with the same after a zone has become what another model says it is:
/// changed, new, or not there.
/// @param wanted  judged as a load judges it. Its location files tell the clients of either state
/// apart. @param origin  of the zone; wire form, folded. @param health  as Explain's.
/// @param most    changes to describe.
/// @param stop    ends it before its time.
/// @return kInvalid as Compile; kUnavailable when it was stopped, within the time that the compile
/// of one zone takes. A second or two for a hundred thousand names.
Result<Plan> PlanZone(const Model& served,
                      const Model& wanted,
                      const std::string& origin,
                      std::span<const CompiledHealth> health,
                      std::size_t most,
                      const std::stop_token& stop = {});

}  // namespace holdfast::control

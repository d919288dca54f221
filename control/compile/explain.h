// Why a name is answered as it is: the tree of groups with the health of each record set, and the
// answers that are permitted with their exact shares. Goes through the index, the rules and the
// folding that the tables are made with, on the part of the zone that matters. Control core, tools.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control/compile/clients.h"
#include "control/compile/compiled.h"
#include "control/compile/match.h"
#include "control/compile/permitted.h"
#include "control/compile/rows.h"
#include "control/compile/share.h"
#include "control/model/model.h"
#include "dataplane/base/result.h"
#include "dataplane/table/location.h"

namespace holdfast::control {

struct ExplainedGroup;

/// One record set (or static rrset) of a group, and what became of it.
struct ExplainedMember {
  std::string set_identifier;
  std::string source;        // where it was written
  std::uint8_t weight = 0;   // weighted
  bool primary = false;      // failover
  std::string where;         // location policies: which clients it is for
  int bias = 0;              // geoproximity
  std::string check_id;      // empty: none
  bool check_known = false;  // the model has that check
  bool check_healthy = true;
  bool check_disabled = false;
  bool check_decided = true;      // false: no verdict yet, it counts as healthy
  std::uint8_t check_manual = 0;  // the order behind it, as in CompiledHealth; 0: the probes' word
  std::int64_t check_manual_until_ms = 0;  // as there
  std::string alias_target;  // text, or the title of a policy's rule; empty: it holds values
  bool evaluate_target_health = false;
  bool target_found = false;
  std::string target_hidden_by;  // the delegation that hides the target, text; empty: none does
  bool target_healthy = false;   // some member of the target is healthy
  bool healthy = true;           // H of spec/routing.md section 5
  bool chosen = false;           // may answer
  Share share;                   // when chosen: of the group's answers; multivalue: all together
  std::string dropped_by;        // when not chosen: the rule, in words
  std::uint32_t ttl = 0;
  std::vector<std::string> values;         // text
  std::shared_ptr<ExplainedGroup> target;  // null too when its tree stands elsewhere already
};

struct ExplainedGroup {
  std::string name;                        // text, or the title of a traffic policy's rule
  std::string traffic_policy_instance_id;  // of the root of its tree; else empty
  std::string type;
  std::string policy;        // "simple", "weighted"...
  bool last_resort = false;  // nothing was healthy: all were taken as healthy
  std::vector<ExplainedMember> members;
};

/// An answer that the reply holds besides that of the name itself, and that depends on the client.
struct ExplainedAlso {
  std::string name;
  std::string type;
  bool beside = false;     // addresses beside the answer; else what a CNAME or DNAME leads to
  std::uint8_t scope = 0;  // bits of the client's address that it holds for
};

struct Explanation {
  ExplainedStatus status = ExplainedStatus::kNotServed;
  std::string zone;
  std::string owner;         // whose records answer: the name, a wildcard, a cut
  std::string type;          // CNAME where one answers for another type
  bool last_resort = false;  // the rule fired on a way that may be taken
  bool asks_client = false;  // a location policy stands in the tree, or where the tree may lead
  /// Bits of the client's address that the reply holds for, as its scope says: of the answer and of
  /// all in `also`, the most.
  std::uint8_t scope = 0;
  std::vector<KnownOfClient> known;  // of the client, by what is asked
  std::vector<ExplainedAlso> also;
  std::shared_ptr<ExplainedGroup> tree;
  std::vector<ExplainedAnswer> answers;  // shares sum to 1
  /// Of a referral: the addresses of its servers that a policy or an alias gives, each explained as
  /// an answer of its own (owner, type, scope, tree, answers, last_resort).
  std::vector<Explanation> glue;
};

/// Explains one name and type under a health snapshot. Of what a CNAME or DNAME leads to it says
/// how far that depends on the client, when one is given; for more ask for the target.
/// @param qname   wire form, any letter case.
/// @param qtype   a type that records have; ANY and the like are refused (kInvalid).
/// @param health  status by check id; checks not among them count as healthy.
/// @param client  who asks; of length 0: nothing is known of it.
/// @param kept    what was found out about clients at calls before; null: that is done anew, which
///                takes seconds for millions of prefixes.
/// Costs a few passes over the owners of the zone, as many for each name that a CNAME leads to, and
/// what Reach does; meant for people, not for loops.
Result<Explanation> Explain(const Model& model,
                            std::span<const CompiledHealth> health,
                            const std::string& qname,
                            std::uint16_t qtype,
                            const table::ClientPrefix& client = {},
                            KeptRows* kept = nullptr);

}  // namespace holdfast::control

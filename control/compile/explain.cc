#include "control/compile/explain.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "control/compile/excerpt.h"
#include "control/compile/explain_entry.h"
#include "control/compile/groups.h"
#include "control/compile/reach.h"
#include "control/compile/zone_index.h"
#include "control/config/rdata.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

constexpr auto kCname = static_cast<std::uint16_t>(wire::Type::kCname);
constexpr auto kSoa = static_cast<std::uint16_t>(wire::Type::kSoa);
constexpr auto kNs = static_cast<std::uint16_t>(wire::Type::kNs);
constexpr auto kA = static_cast<std::uint16_t>(wire::Type::kA);
constexpr auto kAaaa = static_cast<std::uint16_t>(wire::Type::kAaaa);
constexpr auto kDs = static_cast<std::uint16_t>(wire::Type::kDs);

// The deepest zone at or above the name; for DS at an apex the one above, when that is served.
const Zone* FindZone(const Model& model, const std::string& qname, std::uint16_t qtype) {
  const Zone* best = nullptr;
  const Zone* own = nullptr;
  for (const auto& zone : model.zones) {
    if (qtype == kDs && zone.origin == qname) {
      own = &zone;
    } else if (wire::IsAtOrBelow(qname, zone.origin) &&
               (best == nullptr || zone.origin.size() > best->origin.size())) {
      best = &zone;
    }
  }
  return best != nullptr ? best : own;
}

// What all names of one call to Explain have in common.
struct Asked {
  const Model& model;
  std::span<const CompiledHealth> health;
  std::uint16_t qtype;
  const table::ClientPrefix& client;
  std::shared_ptr<RowsMaker> rows;
  const Reach& reach;
};

// What a referral holds whoever asks.
ExplainedAnswer ServersOf(const Zone& zone, const ZoneIndex& index, const ZoneEntry& entry) {
  ExplainedAnswer answer{.share = Share(1, 1)};
  const auto take = [&answer](std::uint32_t ttl, const std::vector<std::string>& rdata) {
    answer.ttl = ttl;
    for (const std::string& each : rdata) {
      answer.values.push_back(RdataText(kNs, each));
    }
  };
  if (entry.routed) {
    const RecordSet& set = zone.record_sets[index.Group(entry)[0]];
    take(set.ttl, set.rdata);
  } else {
    take(zone.rrsets[entry.first].ttl, zone.rrsets[entry.first].rdata);
  }
  std::ranges::sort(answer.values);
  return answer;
}

// Explains an entry of the zone at hand into what it is given.
using ExplainAt = std::function<Status(std::uint32_t entry, Explanation& into)>;

// A referral: its servers, and the addresses of them that policies and aliases give.
Status ExplainReferral(const Zone& zone,
                       const ZoneIndex& index,
                       std::uint32_t entry,
                       const ExplainAt& explain,
                       Explanation& out) {
  out.type = wire::TypeText(kNs);
  out.answers.push_back(ServersOf(zone, index, index.entries()[entry]));
  for (const std::uint32_t server : ServersBelow(zone, index, entry)) {
    for (const std::uint16_t type : {kA, kAaaa}) {
      const std::uint32_t at = index.FindEntry(server, type);
      if (at == kNoIndex || !index.entries()[at].routed) {
        continue;
      }
      Explanation glue{.status = ExplainedStatus::kAnswer,
                       .zone = out.zone,
                       .owner = wire::ToText(index.names()[server].name)};
      HF_TRY(explain(at, glue));
      if (glue.asks_client) {
        out.also.push_back(
            {.name = glue.owner, .type = glue.type, .beside = true, .scope = glue.scope});
      }
      out.glue.push_back(std::move(glue));
    }
  }
  return {};
}

// @param leads  receives the names that a CNAME or DNAME leads to, folded.
Status ExplainInZone(const Asked& asked,
                     const Zone& zone,
                     const std::string& qname,
                     Explanation& out,
                     std::vector<std::string>& leads) {
  const auto& [model, health, qtype, client, rows, reach] = asked;
  std::vector<std::string_view> below;
  for (const auto& other : model.zones) {
    if (other.origin.size() > zone.origin.size() && wire::IsAtOrBelow(other.origin, zone.origin)) {
      below.emplace_back(other.origin);
    }
  }
  const Zone excerpt = ExcerptFor(zone, qname, qtype);
  const auto index = ZoneIndex::Create(excerpt, below);
  if (!index) {
    return std::unexpected(index.error());
  }
  out.zone = wire::ToText(zone.origin);
  if (index->FindEntry(0, kSoa) == kNoIndex) {
    out.status = ExplainedStatus::kNotLoaded;
    return {};
  }
  const NameMatch match = FindOwner(*index, qname, qtype);
  out.status = match.status;
  out.owner = wire::ToText(match.owner);
  if (match.status == ExplainedStatus::kRedirected) {
    if (auto target = Redirected(excerpt, *index, match.owner, qname);
        !target.empty() && qtype != kCname) {
      leads.push_back(std::move(target));
    }
  }
  const bool refers = match.status == ExplainedStatus::kReferral;
  if (match.status != ExplainedStatus::kAnswer && !refers) {
    return {};
  }
  const std::uint32_t owner = index->Find(match.owner);
  std::uint32_t entry = refers ? index->FindEntry(owner, kNs) : index->FindServed(owner, qtype);
  if (entry == kNoIndex && !refers) {
    entry = index->FindServed(owner, kCname);
  }
  if (entry == kNoIndex) {
    out.status = refers ? out.status : ExplainedStatus::kNodata;
    return {};
  }
  Pools pools(model.checks, rows);
  std::vector<std::string> warnings;
  Groups groups(excerpt, *index, pools, reach, warnings);
  groups.KeepOrder();
  std::vector<std::string> targets;
  const auto explain = [&](std::uint32_t at, Explanation& into) {
    into.type = wire::TypeText(index->entries()[at].type);
    return ExplainEntry({.zone = excerpt,
                         .index = *index,
                         .entry = at,
                         .pools = pools,
                         .groups = groups,
                         .health = health,
                         .checks = model.checks},
                        client,
                        into,
                        targets);
  };
  HF_TRY(refers ? ExplainReferral(excerpt, *index, entry, explain, out) : explain(entry, out));
  if (qtype != kCname) {
    std::ranges::move(targets, std::back_inserter(leads));
  }
  return {};
}

bool AsksTheClient(const Model& model) {
  return std::ranges::any_of(model.zones, [](const Zone& zone) {
    return std::ranges::any_of(zone.record_sets,
                               [](const RecordSet& set) { return AsksTheClient(set.policy); });
  });
}

// What of the reply depends on the client beyond the name itself: the answer function goes on to
// the targets of CNAMEs as long as they are served here.
Status Follow(const Asked& asked,
              const std::string& qname,
              std::vector<std::string> leads,
              Explanation& out) {
  if (asked.client.length == 0 || leads.empty() || !AsksTheClient(asked.model)) {
    return {};
  }
  std::set<std::string> visited{qname};
  for (unsigned links = 1; links < table::kMaxChain && !leads.empty(); ++links) {
    std::vector<std::string> next;
    for (const std::string& name : leads) {
      const Zone* zone = FindZone(asked.model, name, asked.qtype);
      if (zone == nullptr || !visited.insert(name).second) {
        continue;
      }
      Explanation there;
      HF_TRY(ExplainInZone(asked, *zone, name, there, next));
      if (there.asks_client) {
        out.also.push_back({.name = wire::ToText(name), .type = there.type, .scope = there.scope});
      }
      std::ranges::move(there.also, std::back_inserter(out.also));
    }
    leads = std::move(next);
  }
  return {};
}

}  // namespace

const char* ExplainedStatusText(ExplainedStatus status) noexcept {
  switch (status) {
    case ExplainedStatus::kAnswer:
      return "answer";
    case ExplainedStatus::kNodata:
      return "nodata";
    case ExplainedStatus::kNxdomain:
      return "nxdomain";
    case ExplainedStatus::kReferral:
      return "referral";
    case ExplainedStatus::kRedirected:
      return "redirected";
    case ExplainedStatus::kNotLoaded:
      return "not loaded";
    case ExplainedStatus::kNotServed:
      return "not served";
  }
  return "?";
}

Result<Explanation> Explain(const Model& model,
                            std::span<const CompiledHealth> health,
                            const std::string& qname,
                            std::uint16_t qtype,
                            const table::ClientPrefix& client,
                            KeptRows* kept) {
  const auto type = static_cast<wire::Type>(qtype);
  if (!wire::IsWellFormed(qname)) {
    return Fail(ErrorCode::kInvalid, "the name is malformed; expected a name in wire form");
  }
  if (qtype == 0 || type == wire::Type::kOpt ||
      (type >= wire::Type::kTkey && type <= wire::Type::kAny)) {
    return Fail(ErrorCode::kInvalid,
                wire::TypeText(qtype) + " is a type of questions; expected one that records have");
  }
  const std::string folded = wire::Fold(qname);
  Explanation out;
  out.type = wire::TypeText(qtype);
  KeptRows own;
  const auto rows = (kept != nullptr ? *kept : own).For(model.location);
  const Reach reach(model.zones, rows->clients(), folded);
  const Asked asked{.model = model,
                    .health = health,
                    .qtype = qtype,
                    .client = client,
                    .rows = rows,
                    .reach = reach};
  if (const Zone* zone = FindZone(model, folded, qtype)) {
    std::vector<std::string> leads;
    HF_TRY(ExplainInZone(asked, *zone, folded, out, leads));
    HF_TRY(Follow(asked, folded, std::move(leads), out));
  }
  for (const ExplainedAlso& also : out.also) {
    out.scope = std::max(out.scope, also.scope);
  }
  return out;
}

}  // namespace holdfast::control

#include "control/compile/explain.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "control/compile/decide.h"
#include "control/compile/excerpt.h"
#include "control/compile/groups.h"
#include "control/compile/zone_index.h"
#include "control/config/rdata.h"
#include "control/model/record_groups.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

constexpr auto kCname = static_cast<std::uint16_t>(wire::Type::kCname);
constexpr auto kSoa = static_cast<std::uint16_t>(wire::Type::kSoa);
constexpr auto kDs = static_cast<std::uint16_t>(wire::Type::kDs);

NameMatch FindOwner(const ZoneIndex& index, const std::string& qname, std::uint16_t qtype) {
  return MatchName(qname, qtype, [&](std::string_view name) -> std::optional<std::uint8_t> {
    const std::uint32_t at = index.Find(name);
    return at == kNoIndex || index.names()[at].hidden ? std::nullopt
                                                      : std::optional(index.names()[at].flags);
  });
}

class Explainer {
 public:
  Explainer(const Zone& zone,
            const ZoneIndex& index,
            std::span<const CompiledHealth> checks,
            Pools& pools,
            Groups& groups)
      : zone_(zone), index_(index), checks_(checks), pools_(pools), groups_(groups) {}

  void Run(std::uint32_t entry,
           const HealthBits& health,
           const table::ClientPrefix& client,
           Explanation& out) {
    const RuleId rule = groups_.RuleOf(entry);
    pools_.Finish();
    const RuleRows* rows = pools_.rule(rule).rows.get();
    domain_ = rows == nullptr ? kNoDomain : rows->domain;
    client_ = pools_.clients().ClassOf(domain_, client);
    if (domain_ != kNoDomain) {
      out.asks_client = true;
      out.scope = pools_.clients().ScopeOf(domain_, client);
      out.whereabouts = pools_.clients().Describe(domain_, client_);
    }
    health_ = &health;
    Decider decider(pools_);
    decider_ = &decider;
    decider.Begin(health);
    out.tree = Tree(entry, rule);
    const auto answers = PermittedAnswers(pools_, decider).Of(rule, zone_.origin, domain_, client_);
    out.answers = InWords(answers->permitted, index_.entries()[entry].type);
    out.last_resort = answers->last_resort;
  }

 private:
  [[nodiscard]] Row RowOf(RuleId rule) const {
    return RowIn(pools_.clients(), pools_.rule(rule).rows.get(), domain_, client_);
  }

  std::shared_ptr<ExplainedGroup> Tree(std::uint32_t at, RuleId id) {
    if (!told_.emplace(at, id).second) {
      return nullptr;
    }
    const auto& entry = index_.entries()[at];
    const auto& rule = pools_.rule(id);
    auto out = std::make_shared<ExplainedGroup>();
    out->name = NameOf(entry);
    if (const TrafficPart* part = PartOf(entry); part != nullptr && !part->hidden) {
      out->traffic_policy_instance_id = part->instance_id;
    }
    out->type = wire::TypeText(entry.type);
    out->policy = PolicyText(rule.policy);
    Choice choice;
    const Row row = RowOf(id);
    decider_->Choose(id, row, choice);
    out->last_resort = choice.last_resort;
    const auto members = pools_.Members(rule);
    const auto& order = *groups_.OrderOf(id, at);
    out->members.resize(members.size());
    for (std::uint32_t i = 0; i < members.size(); ++i) {
      auto& to = out->members[order[i]];
      Describe(entry, order[i], members[i], to);
      to.healthy = decider_->Healthy(rule, row, members[i]);
      const auto chosen = std::ranges::find(choice.chosen, i, &Choice::Chosen::member);
      to.chosen = chosen != choice.chosen.end();
      if (to.chosen) {
        to.share = Share(chosen->weight, choice.total);
      } else {
        to.dropped_by = IsCandidate(rule, row, i) ? WhyNot(rule.policy, choice, members[i], to)
                                                  : "it is not for this client";
      }
    }
    return out;
  }

  // Null unless a traffic policy made the group.
  [[nodiscard]] const TrafficPart* PartOf(const ZoneEntry& entry) const {
    return entry.routed ? zone_.record_sets[index_.Group(entry)[0]].traffic.get() : nullptr;
  }

  [[nodiscard]] std::string NameOf(const ZoneEntry& entry) const {
    const TrafficPart* part = PartOf(entry);
    return part != nullptr && part->hidden ? part->title
                                           : wire::ToText(index_.names()[entry.name].name);
  }

  // By latency and distance all are, however far.
  static bool IsCandidate(const Rule& rule, Row row, std::uint32_t member) {
    const bool some = rule.policy == Policy::kGeolocation || rule.policy == Policy::kCidr;
    return !some || std::ranges::find(rule.rows->candidates[row], member) !=
                        rule.rows->candidates[row].end();
  }

  void Describe(const ZoneEntry& entry,
                std::uint32_t place,
                const RuleMember& member,
                ExplainedMember& to) {
    if (!entry.routed) {
      const auto& rrset = zone_.rrsets[entry.first];
      to.source = rrset.source.Text();
      to.ttl = rrset.ttl;
      SetValues(entry.type, rrset.rdata, to);
      return;
    }
    const auto& set = zone_.record_sets[index_.Group(entry)[place]];
    to.set_identifier = set.set_identifier;
    to.source = set.source.Text();
    to.weight = set.weight;
    to.primary = set.primary;
    to.where = WhereText(set);
    to.bias = set.where == nullptr ? 0 : set.where->bias;
    to.check_id = set.health_check_id;
    to.check_known = member.check != kNoCheck;
    to.check_healthy = health_->Healthy(member.check);
    if (to.check_known) {
      const auto check = std::ranges::find(checks_, to.check_id, &CompiledHealth::id);
      to.check_manual = check == checks_.end() ? std::uint8_t{0} : check->manual;
    }
    if (!set.alias) {
      to.ttl = set.ttl;
      SetValues(entry.type, set.rdata, to);
      return;
    }
    const std::uint32_t target = groups_.TargetOf(set);
    to.alias_target =
        target == kNoIndex ? wire::ToText(set.alias->name) : NameOf(index_.entries()[target]);
    to.evaluate_target_health = set.alias->evaluate_target_health;
    to.target_found = member.kind == MemberKind::kAlias;
    if (to.target_found) {
      to.target_healthy = decider_->AnyHealthy(member.child, RowOf(member.child));
      to.target = Tree(target, member.child);
    }
  }

  static void SetValues(std::uint16_t type,
                        std::span<const std::string> rdata,
                        ExplainedMember& to) {
    for (const auto& each : rdata) {
      to.values.push_back(RdataText(type, each));
    }
  }

  static std::string WhyNot(Policy policy,
                            const Choice& choice,
                            const RuleMember& member,
                            const ExplainedMember& to) {
    if (!to.healthy && !choice.last_resort) {
      if (!to.check_healthy) {
        return to.check_manual == 0 ? "its health check is unhealthy"
                                    : "its health check is unhealthy, set by command";
      }
      return to.target_found ? "no record of its target is healthy" : "its target does not exist";
    }
    if (policy == Policy::kFailover) {
      return choice.last_resort ? "none is healthy: last resort takes the primary"
                                : "the primary is healthy";
    }
    if (policy == Policy::kWeighted && member.weight == 0) {
      return "its weight is zero and one with another weight is left";
    }
    return "another is chosen";
  }

  const Zone& zone_;
  const ZoneIndex& index_;
  std::span<const CompiledHealth> checks_;
  Pools& pools_;
  Groups& groups_;
  const HealthBits* health_ = nullptr;
  Decider* decider_ = nullptr;
  DomainId domain_ = kNoDomain;  // of the whole tree
  ClientClass client_ = 0;
  std::set<std::pair<std::uint32_t, RuleId>> told_;
};

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

Status ExplainInZone(const Model& model,
                     const Zone& zone,
                     std::span<const CompiledHealth> health,
                     const std::string& qname,
                     std::uint16_t qtype,
                     const table::ClientPrefix& client,
                     Explanation& out) {
  std::vector<std::string_view> below;
  for (const auto& other : model.zones) {
    if (other.origin.size() > zone.origin.size() && wire::IsAtOrBelow(other.origin, zone.origin)) {
      below.emplace_back(other.origin);
    }
  }
  const Zone excerpt = ExcerptFor(zone, qname);
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
  if (match.status != ExplainedStatus::kAnswer) {
    return {};
  }
  const std::uint32_t owner = index->Find(match.owner);
  std::uint32_t entry = index->FindServed(owner, qtype);
  if (entry == kNoIndex) {
    entry = index->FindServed(owner, kCname);
  }
  if (entry == kNoIndex) {
    out.status = ExplainedStatus::kNodata;
    return {};
  }
  Pools pools(model.checks, model.location);
  std::vector<std::string> warnings;
  Groups groups(excerpt, *index, pools, warnings);
  groups.KeepOrder();
  groups.RuleOf(entry);
  HF_TRY(groups.status());
  HealthBits bits(pools.checks());
  for (const auto& status : health) {
    if (const CheckIndex check = pools.FindCheck(status.id); check != kNoCheck) {
      bits.Set(check, status.healthy);
    }
  }
  out.type = wire::TypeText(index->entries()[entry].type);
  Explainer(excerpt, *index, health, pools, groups).Run(entry, bits, client, out);
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
                            const table::ClientPrefix& client) {
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
  if (const Zone* zone = FindZone(model, folded, qtype)) {
    HF_TRY(ExplainInZone(model, *zone, health, folded, qtype, client, out));
  }
  return out;
}

}  // namespace holdfast::control

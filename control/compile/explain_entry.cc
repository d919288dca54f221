// See explain_entry.h.
#include "control/compile/explain_entry.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "control/compile/decide.h"
#include "control/config/rdata.h"
#include "control/model/record_groups.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"
#include "health/transition.h"

namespace holdfast::control {
namespace {

constexpr auto kNoVerdict = static_cast<std::uint8_t>(health::State::kUnknown);
constexpr auto kCname = static_cast<std::uint16_t>(wire::Type::kCname);

class Explainer {
 public:
  explicit Explainer(const ExplainedEntry& what)
      : zone_(what.zone),
        index_(what.index),
        health_of_(what.health),
        checks_(what.checks),
        pools_(what.pools),
        groups_(what.groups) {}

  /// @param served  what the name answers with. @param leads  receives the targets of CNAMEs.
  void Run(std::uint32_t entry,
           const std::optional<AnswerRef>& served,
           const HealthBits& health,
           const table::ClientPrefix& client,
           Explanation& out,
           std::vector<std::string>& leads) {
    const RuleId rule = groups_.RuleOf(entry);
    pools_.Finish();
    const RuleRows* rows = pools_.rule(rule).rows.get();
    domain_ = rows == nullptr ? kNoDomain : rows->domain;
    client_ = pools_.clients().ClassOf(domain_, client);
    if (domain_ != kNoDomain) {
      out.asks_client = true;
      out.scope = pools_.clients().ScopeOf(domain_, client);
      out.known = pools_.clients().Describe(domain_, client_);
    }
    health_ = &health;
    Decider decider(pools_);
    decider_ = &decider;
    decider.Begin(health);
    out.tree = Tree(entry, rule);
    const std::uint16_t type = index_.entries()[entry].type;
    const auto answers = PermittedAnswers(pools_, decider).Of(rule, zone_.origin, domain_, client_);
    out.answers = InWords(answers->permitted, type);
    out.last_resort = answers->last_resort;
    if (type == kCname) {
      for (const auto& [answer, share] : answers->permitted) {
        for (const std::string& target : std::get<2>(answer)) {
          leads.push_back(wire::Fold(target));
        }
      }
    }
    if (const auto* image = served ? std::get_if<ImageSpecPtr>(&*served) : nullptr) {
      AddBeside(**image, client, out);
    } else {
      std::set<RuleId> seen;
      AddBesideRule(rule, client, seen, out);
    }
  }

 private:
  [[nodiscard]] Row RowOf(RuleId rule) const {
    return RowIn(pools_.clients(), pools_.rule(rule).rows.get(), domain_, client_);
  }

  // Addresses that the reply holds beside an answer, where they depend on the client.
  void AddBeside(const ImageSpec& image, const table::ClientPrefix& client, Explanation& out) {
    for (const AdditionalSpec& extra : image.additional) {
      const auto* digest = std::get_if<RuleDigest>(&extra.answer);
      const RuleRows* rows =
          digest == nullptr ? nullptr : pools_.rule(pools_.Find(*digest)).rows.get();
      if (rows == nullptr || rows->domain == kNoDomain) {
        continue;
      }
      ExplainedAlso also{.name = wire::ToText(index_.names()[extra.name].name),
                         .type = wire::TypeText(extra.type),
                         .beside = true,
                         .scope = pools_.clients().ScopeOf(rows->domain, client)};
      const auto same = [&also](const ExplainedAlso& other) {
        return other.name == also.name && other.type == also.type;
      };
      if (std::ranges::none_of(out.also, same)) {
        out.also.push_back(std::move(also));
      }
    }
  }

  // As AddBeside, for all that a rule permits to the client.
  void AddBesideRule(RuleId id,
                     const table::ClientPrefix& client,
                     std::set<RuleId>& seen,
                     Explanation& out) {
    if (!seen.insert(id).second) {
      return;
    }
    const Folded folded = decider_->Fold(id, RowOf(id));
    for (const FoldedOutcome& outcome : folded.outcomes) {
      if (outcome.kind == table::OutcomeKind::kPool) {
        AddBesideRule(outcome.pool, client, seen, out);
      } else if (outcome.image != nullptr) {
        AddBeside(*outcome.image, client, out);
      }
    }
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
      const auto known = std::ranges::find(health_of_, to.check_id, &CompiledHealth::id);
      to.check_manual = known == health_of_.end() ? std::uint8_t{0} : known->manual;
      to.check_manual_until_ms = known == health_of_.end() ? 0 : known->manual_until_ms;
      to.check_decided = known != health_of_.end() && known->raw != kNoVerdict;
      const auto check = std::ranges::find(checks_, to.check_id, &health::CheckConfig::id);
      to.check_disabled = check != checks_.end() && check->disabled;
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
    const std::uint32_t cut =
        target == kNoIndex ? index_.CutOf(wire::Fold(set.alias->name)) : kNoIndex;
    if (cut != kNoIndex) {
      to.target_hidden_by = wire::ToText(index_.names()[cut].name);
    }
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
      if (!to.target_hidden_by.empty()) {
        return "its target is hidden by the delegation at " + to.target_hidden_by;
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
  std::span<const CompiledHealth> health_of_;
  std::span<const health::CheckConfig> checks_;
  Pools& pools_;
  Groups& groups_;
  const HealthBits* health_ = nullptr;
  Decider* decider_ = nullptr;
  DomainId domain_ = kNoDomain;  // of the whole tree
  ClientClass client_ = 0;
  std::set<std::pair<std::uint32_t, RuleId>> told_;
};

}  // namespace

Status ExplainEntry(const ExplainedEntry& what,
                    const table::ClientPrefix& client,
                    Explanation& out,
                    std::vector<std::string>& leads) {
  what.groups.RuleOf(what.entry);
  const auto served = what.groups.Answer(what.entry);
  HF_TRY(what.groups.status());
  HealthBits bits(what.pools.checks());
  for (const auto& status : what.health) {
    if (const CheckIndex check = what.pools.FindCheck(status.id); check != kNoCheck) {
      bits.Set(check, status.healthy);
    }
  }
  Explainer(what).Run(what.entry, served, bits, client, out, leads);
  return {};
}

}  // namespace holdfast::control

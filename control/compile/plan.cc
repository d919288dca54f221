// See plan.h. Two passes: the first finds what differs, by digests and images, and compares the
// answers of that alone; the second puts into words as many of the changes as were asked for.
#include "control/compile/plan.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_set>

#include "control/compile/decide.h"
#include "control/compile/plan_side.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

// Types without the part of the image that stands beside the answer.
bool SameAnswer(const ImageSpec& a, const ImageSpec& b) {
  const auto same = [](const table::Relocation& x, const table::Relocation& y) {
    return x.at == y.at && x.code == y.code;
  };
  return a.kind == b.kind && a.type == b.type && a.ttl == b.ttl && a.authority == b.authority &&
         a.required == b.required && a.record_ends == b.record_ends && a.wire == b.wire &&
         std::ranges::equal(a.relocations, b.relocations, same);
}

bool SameRef(const AnswerRef& a, const AnswerRef& b) {
  const auto* image = std::get_if<ImageSpecPtr>(&a);
  const auto* other = std::get_if<ImageSpecPtr>(&b);
  if (image == nullptr || other == nullptr) {
    return image == nullptr && other == nullptr &&
           std::get<RuleDigest>(a) == std::get<RuleDigest>(b);
  }
  return SameAnswer(**image, **other);
}

bool SameName(const CompiledName& a, const CompiledName& b) {
  return a.flags == b.flags &&
         std::ranges::equal(a.rrsets, b.rrsets, [](const CompiledRrset& x, const CompiledRrset& y) {
           return x.type == y.type && x.kind == y.kind && SameRef(x.answer, y.answer);
         });
}

bool Exists(ExplainedStatus status) {
  return status == ExplainedStatus::kAnswer || status == ExplainedStatus::kNodata;
}

// Classes of clients that all rules of a comparison see alike.
struct ClientGroup {
  ClientClass one = 0;
  std::uint64_t classes = 0;
};

class Comparison {
 public:
  Comparison(const Model& served, const Zone& after, std::span<const CompiledHealth> health)
      : served_(served), after_(after), health_(health), pools_(served.checks, served.location) {}

  Result<Plan> Run(std::size_t most) {
    HF_TRY(CompileSides());
    pools_.Finish();
    HealthBits bits(pools_.checks());
    for (const auto& status : health_) {
      if (const CheckIndex check = pools_.FindCheck(status.id); check != kNoCheck) {
        bits.Set(check, status.healthy);
      }
    }
    decider_.emplace(pools_);
    decider_->Begin(bits);
    FindChanges();
    std::ranges::sort(found_, {}, [](const Change& change) {
      return std::pair(std::string_view(change.text), change.type);
    });
    plan_.changed = found_.size();
    for (std::size_t i = 0; i < std::min(most, found_.size()); ++i) {
      plan_.changes.push_back(Describe(found_[i]));
    }
    return std::move(plan_);
  }

 private:
  struct Change {
    std::string text;       // the name
    std::string_view name;  // folded
    std::uint16_t type = 0;
  };

  // Its own zone, and when it is new the one that spoke for its names before.
  Status CompileSides() {
    const Zone* own = nullptr;
    const Zone* above = nullptr;
    for (const Zone& zone : served_.zones) {
      if (zone.origin == after_.origin) {
        own = &zone;
      } else if (wire::IsAtOrBelow(after_.origin, zone.origin) &&
                 (above == nullptr || zone.origin.size() > above->origin.size())) {
        above = &zone;
      }
    }
    std::vector<std::string> known;  // what is wrong today was said when it was loaded
    if (own != nullptr) {
      HF_TRY(before_side_.Add(*own, Below(own->origin, false), pools_, known));
    } else if (above != nullptr) {
      HF_TRY(before_side_.Add(*above, Below(above->origin, false), pools_, known));
    }
    HF_TRY(after_side_.Add(after_, Below(after_.origin, false), pools_, plan_.warnings));
    if (own == nullptr && above != nullptr) {
      HF_TRY(after_side_.Add(*above, Below(above->origin, true), pools_, known));
    }
    return {};
  }

  // Origins of served zones below one; ZoneIndex passes over those that are not right below.
  std::vector<std::string_view> Below(const std::string& origin, bool with_after) const {
    std::vector<std::string_view> out;
    for (const Zone& zone : served_.zones) {
      if (zone.origin.size() > origin.size() && wire::IsAtOrBelow(zone.origin, origin)) {
        out.emplace_back(zone.origin);
      }
    }
    if (with_after) {
      out.emplace_back(after_.origin);
    }
    return out;
  }

  void FindChanges() {
    std::unordered_set<std::string_view> seen;
    const auto look = [&](const std::string& name) {
      if (seen.insert(name).second) {
        CompareName(name);
      }
    };
    before_side_.EachName(look);
    after_side_.EachName(look);
    plan_.compared = seen.size();
  }

  void CompareName(const std::string& name) {
    const CompiledName* before = before_side_.Exact(name);
    const CompiledName* after = after_side_.Exact(name);
    // A zone that comes takes its apex from the one above, whose DS stays there.
    const bool apex = name == after_.origin;
    if (!apex && before != nullptr && after != nullptr && SameName(*before, *after)) {
      return;
    }
    const ExplainedStatus was = before_side_.Find(name, 0).status;
    const ExplainedStatus is = after_side_.Find(name, 0).status;
    plan_.come += before == nullptr && after != nullptr ? 1 : 0;
    plan_.go += before != nullptr && after == nullptr ? 1 : 0;
    const auto types = TypesAt(name);
    for (const std::uint16_t type : types) {
      if (Differs(name, type)) {
        found_.push_back({.text = wire::ToText(name), .name = name, .type = type});
      }
    }
    if (types.empty() && was != is) {
      found_.push_back({.text = wire::ToText(name), .name = name, .type = 0});
    }
  }

  // What may be asked for at a name with another answer than NODATA, in either state.
  [[nodiscard]] std::set<std::uint16_t> TypesAt(std::string_view name) const {
    std::set<std::uint16_t> types;
    for (const PlanSide* side : {&before_side_, &after_side_}) {
      const CompiledName* exact = side->Exact(name);
      const PlanFound found = side->Find(name, 0);
      if (exact == nullptr && Exists(found.status)) {
        exact = found.owner;  // a wildcard
      }
      if (exact != nullptr) {
        for (const CompiledRrset& rrset : exact->rrsets) {
          types.insert(rrset.type);
        }
      }
    }
    return types;
  }

  bool Differs(std::string_view name, std::uint16_t type) {
    const PlanFound before = before_side_.Find(name, type);
    const PlanFound after = after_side_.Find(name, type);
    if (before.rrset != nullptr && after.rrset != nullptr && before.status == after.status &&
        before.rrset->type == after.rrset->type &&
        SameRef(before.rrset->answer, after.rrset->answer)) {
      return false;
    }
    const DomainId domain = DomainOf(before, after);
    return std::ranges::any_of(GroupsOf(domain, before, after), [&](const ClientGroup& group) {
      return !AnsweredAlike(before,
                            PermittedOf(before, before_side_, domain, group.one),
                            after,
                            PermittedOf(after, after_side_, domain, group.one));
    });
  }

  // A rule that has nothing to answer is NODATA as much as a name without one.
  static bool AnsweredAlike(const PlanFound& before,
                            const Permitted& was,
                            const PlanFound& after,
                            const Permitted& is) {
    if (!Exists(before.status) || !Exists(after.status)) {
      // Referrals and redirections come here only when their images differ.
      return before.status == after.status && before.rrset == nullptr && after.rrset == nullptr;
    }
    const bool nothing = was.size() == 1 && was.begin()->first == PermittedAnswer();
    return was == is && (nothing || before.rrset->type == after.rrset->type);
  }

  [[nodiscard]] RuleId RuleOf(const PlanFound& found) const {
    const auto* digest =
        found.rrset == nullptr ? nullptr : std::get_if<RuleDigest>(&found.rrset->answer);
    return digest == nullptr ? kNoRule : pools_.Find(*digest);
  }

  // Of everything that either goes by.
  DomainId DomainOf(const PlanFound& before, const PlanFound& after) {
    DomainSources sources;
    for (const PlanFound* found : {&before, &after}) {
      const RuleId rule = RuleOf(*found);
      const RuleRows* rows = rule == kNoRule ? nullptr : pools_.rule(rule).rows.get();
      if (rows != nullptr && rows->domain != kNoDomain) {
        sources = Join(sources, pools_.clients().Sources(rows->domain));
      }
    }
    return pools_.clients().DomainOf(sources);
  }

  // Rows of a rule and of all that it may lead to.
  void AddRows(RuleId id, std::set<RuleId>& seen, std::set<const RuleRows*>& rows) const {
    if (id == kNoRule || !seen.insert(id).second) {
      return;
    }
    const Rule& rule = pools_.rule(id);
    if (rule.rows != nullptr && !rule.rows->row_of_class.empty()) {
      rows.insert(rule.rows.get());
    }
    for (const RuleMember& member : pools_.Members(rule)) {
      AddRows(member.child, seen, rows);
    }
  }

  const std::vector<ClientGroup>& GroupsOf(DomainId domain,
                                           const PlanFound& before,
                                           const PlanFound& after) {
    static const std::vector<ClientGroup> kAll = {{.one = 0, .classes = 0}};
    if (domain == kNoDomain) {
      return kAll;
    }
    std::set<RuleId> seen;
    std::set<const RuleRows*> rows;
    AddRows(RuleOf(before), seen, rows);
    AddRows(RuleOf(after), seen, rows);
    const auto [place, fresh] = groups_.try_emplace({domain, rows});
    if (fresh) {
      place->second = MakeGroups(domain, rows);
    }
    return place->second;
  }

  std::vector<ClientGroup> MakeGroups(DomainId domain, const std::set<const RuleRows*>& rows) {
    std::map<std::vector<Row>, std::size_t> place_of;
    std::vector<ClientGroup> out;
    for (ClientClass client = 0; client < pools_.clients().Classes(domain); ++client) {
      std::vector<Row> key;
      for (const RuleRows* one : rows) {
        key.push_back(RowIn(pools_.clients(), one, domain, client));
      }
      const auto [place, fresh] = place_of.try_emplace(std::move(key), out.size());
      if (fresh) {
        out.push_back({.one = client, .classes = 0});
      }
      ++out[place->second].classes;
    }
    return out;
  }

  Permitted PermittedOf(const PlanFound& found,
                        const PlanSide& side,
                        DomainId domain,
                        ClientClass client) {
    Permitted out;
    if (found.status == ExplainedStatus::kNodata) {
      out.emplace(PermittedAnswer(), Share(1, 1));
    }
    if (found.rrset == nullptr) {
      return out;
    }
    if (found.status == ExplainedStatus::kReferral) {
      out.emplace(side.Delegation(found), Share(1, 1));
    } else if (const auto* image = std::get_if<ImageSpecPtr>(&found.rrset->answer)) {
      out.emplace(AnswerOf(**image, 0, found.compiled->origin), Share(1, 1));
    } else if (const RuleId rule = RuleOf(found); rule != kNoRule) {
      out = PermittedTo(pools_, *decider_, found.compiled->origin, domain, client).Of(rule);
    }
    return out;
  }

  static PlannedAnswer InPlan(const PlanFound& found, const Permitted& permitted) {
    PlannedAnswer out{.status = found.status, .type = {}, .answers = {}};
    if (found.rrset != nullptr) {
      out.type = wire::TypeText(found.rrset->type);
      out.answers = InWords(permitted, found.rrset->type);
    }
    return out;
  }

  PlannedChange Describe(const Change& change) {
    PlannedChange out{.name = change.text,
                      .type = change.type == 0 ? "" : wire::TypeText(change.type),
                      .clients = {}};
    const PlanFound before = before_side_.Find(change.name, change.type);
    const PlanFound after = after_side_.Find(change.name, change.type);
    const DomainId domain = DomainOf(before, after);
    out.classes = domain == kNoDomain ? 0 : pools_.clients().Classes(domain);
    for (const ClientGroup& group : GroupsOf(domain, before, after)) {
      const Permitted was = PermittedOf(before, before_side_, domain, group.one);
      const Permitted is = PermittedOf(after, after_side_, domain, group.one);
      if (AnsweredAlike(before, was, after, is)) {
        continue;
      }
      out.changed_classes += group.classes;
      if (out.clients.size() < kMostClients) {
        auto& clients = out.clients.emplace_back();
        clients.classes = group.classes;
        if (domain != kNoDomain) {
          clients.known = pools_.clients().Describe(domain, group.one);
        }
        clients.before = InPlan(before, was);
        clients.after = InPlan(after, is);
      }
    }
    return out;
  }

  const Model& served_;
  const Zone& after_;
  std::span<const CompiledHealth> health_;
  Pools pools_;
  std::optional<Decider> decider_;
  PlanSide before_side_;
  PlanSide after_side_;
  std::map<std::pair<DomainId, std::set<const RuleRows*>>, std::vector<ClientGroup>> groups_;
  std::vector<Change> found_;
  Plan plan_;
};

}  // namespace

Result<Plan> PlanZone(const Model& served,
                      const Zone& after,
                      std::span<const CompiledHealth> health,
                      std::size_t most) {
  return Comparison(served, after, health).Run(most);
}

}  // namespace holdfast::control

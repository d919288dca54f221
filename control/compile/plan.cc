// See plan.h. Two passes: the first finds what differs, by digests, images and addresses, and
// compares the answers of that alone; the second puts into words as many of the changes as were
// asked for. Names that one rule answered before and one rule would answer now are one case, looked
// at once.
#include "control/compile/plan.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_set>

#include "control/compile/decide.h"
#include "control/compile/plan_side.h"
#include "control/compile/render.h"
#include "dataplane/base/check.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

constexpr auto kDs = static_cast<std::uint16_t>(wire::Type::kDs);

bool SameRef(const AnswerRef& a, const AnswerRef& b);

// Without what stands beside the answer, but for the addresses that a referral needs.
bool SameAnswer(const ImageSpec& a, const ImageSpec& b) {
  const auto same_beside = [](const AdditionalSpec& x, const AdditionalSpec& y) {
    return x.type == y.type && x.name_at == y.name_at && SameRef(x.answer, y.answer);
  };
  const auto same = [](const table::Relocation& x, const table::Relocation& y) {
    return x.at == y.at && x.code == y.code;
  };
  return a.kind == b.kind && a.type == b.type && a.ttl == b.ttl && a.authority == b.authority &&
         a.required == b.required && a.record_ends == b.record_ends && a.wire == b.wire &&
         std::ranges::equal(a.relocations, b.relocations, same) &&
         (a.kind != table::ImageKind::kReferral ||
          std::ranges::equal(a.additional, b.additional, same_beside));
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

bool SameRrset(const CompiledRrset& a, const CompiledRrset& b) {
  if (a.type != b.type || a.kind != b.kind) {
    return false;
  }
  return a.kind == table::RrsetKind::kAddress
             ? a.address.ttl == b.address.ttl &&
                   std::ranges::equal(a.address.address, b.address.address)
             : SameRef(a.answer, b.answer);
}

bool SameName(const CompiledName& a, const CompiledName& b) {
  return a.flags == b.flags && std::ranges::equal(a.rrsets, b.rrsets, SameRrset);
}

bool Exists(ExplainedStatus status) {
  return status == ExplainedStatus::kAnswer || status == ExplainedStatus::kNodata;
}

std::size_t AnswersIn(const PlannedChange& change) {
  std::size_t answers = 0;
  for (const PlannedClients& clients : change.clients) {
    answers += clients.before.answers.size() + clients.after.answers.size();
  }
  return answers;
}

// Those of either state.
std::vector<health::CheckConfig> ChecksOf(const Model& served, const Model& wanted) {
  std::vector<health::CheckConfig> checks = served.checks;
  std::unordered_set<std::string_view> known;
  for (const health::CheckConfig& check : served.checks) {
    known.insert(check.id);
  }
  std::ranges::copy_if(wanted.checks, std::back_inserter(checks), [&](const auto& check) {
    return !known.contains(check.id);
  });
  return checks;
}

// Classes of clients that all rules of a comparison see alike.
struct ClientGroup {
  ClientClass one = 0;
  std::uint64_t classes = 0;
};

class Comparison {
 public:
  // @param after  a zone of `wanted`.
  Comparison(const Model& served,
             const Model& wanted,
             const Zone& after,
             std::span<const CompiledHealth> health,
             const std::stop_token& stop)
      : served_(served),
        wanted_(wanted),
        after_(after),
        health_(health),
        stop_(stop),
        pools_(ChecksOf(served, wanted), wanted.location) {}

  Result<Plan> Run(std::size_t most) {
    HF_TRY(NotStopped());
    HF_TRY(CompileSides());
    pools_.Finish();
    HealthBits bits(pools_.checks());
    for (const health::CheckConfig& check : wanted_.checks) {
      bits.Set(pools_.FindCheck(check.id), !check.inverted);  // as long as nobody knows it
    }
    for (const auto& status : health_) {
      if (const CheckIndex check = pools_.FindCheck(status.id); check != kNoCheck) {
        bits.Set(check, status.healthy);
      }
    }
    Decider decider(pools_);
    decider.Begin(bits);
    permitted_.emplace(pools_, decider);
    FindChanges();
    std::ranges::sort(found_, {}, [](const Change& change) {
      return std::pair(std::string_view(change.text), change.type);
    });
    plan_.changed = found_.size();
    std::size_t answers = 0;
    for (std::size_t i = 0; i < std::min(most, found_.size()) && !stop_.stop_requested(); ++i) {
      PlannedChange change = Describe(found_[i]);
      answers += AnswersIn(change);
      if (answers > kMostAnswers) {
        break;
      }
      plan_.changes.push_back(std::move(change));
    }
    HF_TRY(NotStopped());
    return std::move(plan_);
  }

 private:
  // What becomes of a (name, type) that only rules answer, if anything does.
  struct Case {
    bool differs = false;
    std::size_t left = 0;                   // changes of this case that are not in words yet
    std::optional<PlannedChange> in_words;  // the first, for the others
  };
  struct Change {
    std::string text;       // the name
    std::string_view name;  // folded
    std::uint16_t type = 0;
    Case* of = nullptr;  // null: records of its own are among the answers
  };
  // Which clients two rules may answer differently.
  struct Audience {
    DomainId domain = kNoDomain;
    const std::vector<ClientGroup>* groups = nullptr;
  };

  [[nodiscard]] Status NotStopped() const {
    return stop_.stop_requested()
               ? Fail(ErrorCode::kUnavailable, "the plan was given up, the process ends")
               : Status{};
  }

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
    const std::string& shown = own == nullptr && above != nullptr ? above->origin : after_.origin;
    for (const std::string_view origin : Below(shown, false)) {
      if (origin != after_.origin) {
        served_below_.insert(origin);
      }
    }
    HF_TRY(NotStopped());
    HF_TRY(after_side_.Add(after_, Below(after_.origin, false), pools_, plan_.warnings));
    if (own == nullptr && above != nullptr) {
      HF_TRY(NotStopped());
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
      if (seen.insert(name).second && !stop_.stop_requested()) {
        CompareName(name);
      }
    };
    before_side_.EachName(look);
    after_side_.EachName(look);
    plan_.compared = seen.size();
  }

  void CompareName(const std::string& name) {
    // What a zone below has at its apex is not asked here, but for its DS.
    if (served_below_.contains(name)) {
      if (TypesAt(name).contains(kDs)) {
        CompareType(name, kDs);
      }
      return;
    }
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
      CompareType(name, type);
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

  void CompareType(std::string_view name, std::uint16_t type) {
    const PlanFound before = before_side_.Find(name, type);
    const PlanFound after = after_side_.Find(name, type);
    if (before.rrset != nullptr && after.rrset != nullptr && before.status == after.status &&
        SameRrset(*before.rrset, *after.rrset)) {
      return;
    }
    Case* of = nullptr;
    if (!IsStatic(before) && !IsStatic(after)) {
      const auto [place, fresh] = cases_.try_emplace({KeyOf(before), KeyOf(after)});
      of = &place->second;
      if (fresh) {
        of->differs = Differ(before, after);
      }
      of->left += of->differs ? 1 : 0;
    }
    if (of != nullptr ? of->differs : Differ(before, after)) {
      found_.push_back({.text = wire::ToText(name), .name = name, .type = type, .of = of});
    }
  }

  bool Differ(const PlanFound& before, const PlanFound& after) {
    const Audience audience = AudienceOf(RuleOf(before), RuleOf(after));
    return std::ranges::any_of(*audience.groups, [&](const ClientGroup& group) {
      return stop_.stop_requested() ||
             !AnsweredAlike(before,
                            *PermittedOf(before, before_side_, audience.domain, group.one),
                            after,
                            *PermittedOf(after, after_side_, audience.domain, group.one));
    });
  }

  // Answered by the zone itself, not by a rule.
  static bool IsStatic(const PlanFound& found) {
    return found.rrset != nullptr && std::holds_alternative<ImageSpecPtr>(found.rrset->answer);
  }

  // All that an answer of a rule, or none, depends on.
  using Key = std::tuple<ExplainedStatus, std::uint16_t, RuleId, const CompiledZone*>;
  [[nodiscard]] Key KeyOf(const PlanFound& found) const {
    return found.rrset == nullptr
               ? Key(found.status, 0, kNoRule, nullptr)
               : Key(found.status, found.rrset->type, RuleOf(found), found.compiled);
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
    return (&was == &is || was == is) && (nothing || before.rrset->type == after.rrset->type);
  }

  [[nodiscard]] RuleId RuleOf(const PlanFound& found) const {
    const auto* digest =
        found.rrset == nullptr ? nullptr : std::get_if<RuleDigest>(&found.rrset->answer);
    return digest == nullptr ? kNoRule : pools_.Find(*digest);
  }

  // The domain is of everything that either goes by.
  Audience AudienceOf(RuleId before, RuleId after) {
    static const std::vector<ClientGroup> kAll = {{.one = 0, .classes = 0}};
    DomainSources sources;
    for (const RuleId rule : {before, after}) {
      if (AsksTheClient(rule)) {
        sources = Join(sources, pools_.clients().Sources(pools_.rule(rule).rows->domain));
      }
    }
    const DomainId domain = pools_.clients().DomainOf(sources);
    if (domain == kNoDomain) {
      return {.domain = kNoDomain, .groups = &kAll};
    }
    auto& audience = audiences_[{before, after}];
    if (audience.groups == nullptr) {
      std::set<RuleId> seen;
      std::set<const RuleRows*> rows;
      AddRows(before, seen, rows);
      AddRows(after, seen, rows);
      const auto [place, fresh] = groups_.try_emplace({domain, rows});
      if (fresh) {
        place->second = MakeGroups(domain, rows);
      }
      audience = {.domain = domain, .groups = &place->second};
    }
    return audience;
  }

  // Whether a rule, or one that it may lead to, does.
  [[nodiscard]] bool AsksTheClient(RuleId rule) const {
    const RuleRows* rows = rule == kNoRule ? nullptr : pools_.rule(rule).rows.get();
    return rows != nullptr && rows->domain != kNoDomain;
  }

  // Rows of a rule and of all that it may lead to.
  void AddRows(RuleId id, std::set<RuleId>& seen, std::set<const RuleRows*>& rows) const {
    if (!AsksTheClient(id) || !seen.insert(id).second) {
      return;
    }
    const Rule& rule = pools_.rule(id);
    if (!rule.rows->row_of_class.empty()) {
      rows.insert(rule.rows.get());
    }
    for (const RuleMember& member : pools_.Members(rule)) {
      AddRows(member.child, seen, rows);
    }
  }

  std::vector<ClientGroup> MakeGroups(DomainId domain, const std::set<const RuleRows*>& rows) {
    std::map<std::vector<Row>, std::size_t> place_of;
    std::vector<ClientGroup> out;
    for (ClientClass client = 0; client < pools_.clients().Classes(domain); ++client) {
      std::vector<Row> key;
      key.reserve(rows.size());
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

  std::shared_ptr<const Permitted> PermittedOf(const PlanFound& found,
                                               const PlanSide& side,
                                               DomainId domain,
                                               ClientClass client) {
    if (const RuleId rule = RuleOf(found); rule != kNoRule) {
      HF_CHECK(permitted_.has_value());  // since Run
      auto answers = permitted_->Of(rule, found.compiled->origin, domain, client);
      const Permitted* permitted = &answers->permitted;
      return {std::move(answers), permitted};
    }
    auto out = std::make_shared<Permitted>();
    if (found.status == ExplainedStatus::kNodata) {
      out->emplace(PermittedAnswer(), Share(1, 1));
    } else if (found.status == ExplainedStatus::kReferral && found.rrset != nullptr) {
      out->emplace(side.Delegation(found), Share(1, 1));
    } else if (IsStatic(found)) {
      const CompiledRrset& rrset = *found.rrset;
      const std::string& origin = found.compiled->origin;
      out->emplace(rrset.kind == table::RrsetKind::kAddress
                       ? AnswerOf(RenderAddress(rrset.address), 0, origin)
                       : AnswerOf(*std::get<ImageSpecPtr>(rrset.answer), 0, origin),
                   Share(1, 1));
    }
    return out;
  }

  static PlannedAnswer InPlan(const PlanFound& found,
                              const PlanSide& side,
                              const Permitted& permitted) {
    PlannedAnswer out{.status = found.status, .type = {}, .answers = {}, .glue = {}};
    if (found.status == ExplainedStatus::kReferral && found.rrset != nullptr) {
      out.glue = side.Glue(found);
    }
    if (found.rrset != nullptr) {
      out.type = wire::TypeText(found.rrset->type);
      out.answers = InWords(permitted, found.rrset->type);
    }
    return out;
  }

  // The same for all of a case, but for the name and the type that was asked for.
  PlannedChange Describe(const Change& change) {
    PlannedChange out;
    if (change.of == nullptr) {
      out = InWordsOf(change);
    } else {
      if (!change.of->in_words) {
        change.of->in_words = InWordsOf(change);
      }
      out = --change.of->left == 0 ? *std::move(change.of->in_words) : *change.of->in_words;
    }
    out.name = change.text;
    out.type = change.type == 0 ? "" : wire::TypeText(change.type);
    return out;
  }

  PlannedChange InWordsOf(const Change& change) {
    PlannedChange out;
    const PlanFound before = before_side_.Find(change.name, change.type);
    const PlanFound after = after_side_.Find(change.name, change.type);
    const auto [domain, groups] = AudienceOf(RuleOf(before), RuleOf(after));
    out.classes = domain == kNoDomain ? 0 : pools_.clients().Classes(domain);
    for (const ClientGroup& group : *groups) {
      if (stop_.stop_requested()) {
        break;
      }
      const auto was = PermittedOf(before, before_side_, domain, group.one);
      const auto is = PermittedOf(after, after_side_, domain, group.one);
      if (AnsweredAlike(before, *was, after, *is)) {
        continue;
      }
      out.changed_classes += group.classes;
      if (out.clients.size() < kMostClients) {
        auto& clients = out.clients.emplace_back();
        clients.classes = group.classes;
        if (domain != kNoDomain) {
          clients.known = pools_.clients().Describe(domain, group.one);
        }
        clients.before = InPlan(before, before_side_, *was);
        clients.after = InPlan(after, after_side_, *is);
      }
    }
    return out;
  }

  const Model& served_;
  const Model& wanted_;
  const Zone& after_;
  std::span<const CompiledHealth> health_;
  const std::stop_token& stop_;
  Pools pools_;
  std::optional<PermittedAnswers> permitted_;
  PlanSide before_side_;
  PlanSide after_side_;
  std::map<std::pair<DomainId, std::set<const RuleRows*>>, std::vector<ClientGroup>> groups_;
  std::map<std::pair<RuleId, RuleId>, Audience> audiences_;  // of rules that ask the client
  std::map<std::pair<Key, Key>, Case> cases_;
  std::unordered_set<std::string_view> served_below_;  // origins of zones that stay as they are
  std::vector<Change> found_;
  Plan plan_;
};

}  // namespace

Result<Plan> PlanZone(const Model& served,
                      const Model& wanted,
                      const std::string& origin,
                      std::span<const CompiledHealth> health,
                      std::size_t most,
                      const std::stop_token& stop) {
  const auto after = std::ranges::find(wanted.zones, origin, &Zone::origin);
  // A zone that a command dropped stays so, whatever its files say.
  return after == wanted.zones.end() ? Plan{}
                                     : Comparison(served, wanted, *after, health, stop).Run(most);
}

}  // namespace holdfast::control

#include "control/compile/groups.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "control/compile/render.h"
#include "control/compile/signed_zone.h"
#include "control/model/record_groups.h"
#include "control/model/signed_rules.h"
#include "control/model/text.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using wire::Type;

constexpr auto kA = static_cast<std::uint16_t>(Type::kA);
constexpr auto kAaaa = static_cast<std::uint16_t>(Type::kAaaa);
constexpr auto kNs = static_cast<std::uint16_t>(Type::kNs);
constexpr std::size_t kBeforeRdata = 12;  // owner pointer, type, class, TTL, rdlength

bool Contains(std::span<const std::uint32_t> list, std::uint32_t value) {
  return std::ranges::find(list, value) != list.end();
}

}  // namespace

Groups::Groups(const Zone& zone,
               const ZoneIndex& index,
               Pools& pools,
               const Reach& reach,
               std::vector<std::string>& warnings)
    : zone_(zone),
      index_(index),
      pools_(pools),
      reach_(reach),
      warnings_(warnings),
      signed_(IsSigned(zone)),
      images_(),
      rules_(zone.record_sets.empty() ? 0 : index.entries().size(), kNoRule),
      heights_(rules_.size(), 0) {}

Status Groups::status() const {
  if (error_) {
    return std::unexpected(*error_);
  }
  return {};
}

void Groups::Refuse(const RecordSet& set, const std::string& what) {
  Refuse(set.source, RecordText(set), what);
}

void Groups::Refuse(const Source& source, const std::string& record, const std::string& what) {
  if (!error_) {
    error_ = Error{.code = ErrorCode::kInvalid,
                   .message = Printable(source.Text() + ": " + record + ": " + what)};
  }
}

std::string Groups::EntryText(std::uint32_t at) const {
  const auto& entry = index_.entries()[at];
  return "record '" + NameTypeText(index_.names()[entry.name].name, entry.type) + "'";
}

// The records of an entry that needs no rule to be answered.
std::optional<Groups::Records> Groups::PlainRecords(std::uint32_t at) const {
  const auto& entry = index_.entries()[at];
  if (!entry.routed) {
    const auto& rrset = zone_.rrsets[entry.first];
    return Records{.ttl = rrset.ttl, .rdata = rrset.rdata, .source = &rrset.source};
  }
  const auto& set = zone_.record_sets[index_.Group(entry)[0]];
  if (entry.count == 1 && set.policy == Policy::kSimple && !set.alias) {
    return Records{.ttl = set.ttl, .rdata = set.rdata, .source = &set.source};
  }
  return std::nullopt;
}

std::optional<AnswerRef> Groups::Answer(std::uint32_t at) {
  const auto& entry = index_.entries()[at];
  if (entry.type == kNs && (index_.names()[entry.name].flags & table::kNameCut) != 0) {
    auto referral = Referral(at);
    return referral == nullptr ? std::nullopt : std::optional<AnswerRef>(std::move(referral));
  }
  if (const auto records = PlainRecords(at)) {
    auto image = Image(at, *records, entry.name);
    return image == nullptr ? std::nullopt : std::optional<AnswerRef>(std::move(image));
  }
  const RuleId rule = RuleOf(at);
  return rule == kNoRule ? std::nullopt : pools_.Answer(rule);
}

std::optional<table::InlineAddress> Groups::Address(std::uint32_t at) const {
  if (signed_ || index_.entries()[at].type != kA) {  // signatures would go with it
    return std::nullopt;
  }
  const auto records = PlainRecords(at);
  table::InlineAddress address{};
  if (!records || records->rdata.size() != 1 ||
      records->rdata[0].size() != sizeof(address.address)) {
    return std::nullopt;
  }
  address.ttl = records->ttl;
  std::memcpy(address.address, records->rdata[0].data(), sizeof(address.address));
  return address;
}

RuleId Groups::RuleOf(std::uint32_t at) {
  if (rules_.empty()) {  // nothing of this zone is routed, so nothing is an alias's target
    rules_.assign(index_.entries().size(), kNoRule);
    heights_.assign(rules_.size(), 0);
  }
  if (rules_[at] == kNoRule) {
    // Also asked for from inside a build, for addresses beside: they start a path of their own.
    Walk walk = std::exchange(walk_, {});
    rules_[at] = Build(at).rule;
    walk_ = std::move(walk);
  }
  return rules_[at];
}

std::uint32_t Groups::TargetOf(const RecordSet& set) const {
  if (!set.alias || set.alias->hosted_zone_id != zone_.id) {
    return kNoIndex;
  }
  return index_.FindTarget(wire::Fold(set.alias->name), set.type);
}

CheckIndex Groups::CheckOf(const RecordSet& set) {
  if (set.health_check_id.empty()) {
    return kNoCheck;
  }
  return pools_.FindCheck(set.health_check_id);  // none: LintZone has said it
}

bool Groups::FormIsGood(const ZoneEntry& entry) {
  const auto group = index_.Group(entry);
  const auto& first = zone_.record_sets[group[0]];
  if (group.size() > (first.policy == Policy::kSimple ? 1 : table::kMaxOutcomes)) {
    Refuse(first,
           std::to_string(group.size()) + " record sets share a name and type; " +
               "expected at most " +
               (first.policy == Policy::kSimple ? "one without a routing policy"
                                                : std::to_string(table::kMaxOutcomes)));
    return false;
  }
  for (const auto i : group) {
    const auto& set = zone_.record_sets[i];
    if (set.policy != first.policy) {
      Refuse(set, "two routing policies at one name and type; expected one");
      return false;
    }
    if (set.alias ? set.policy == Policy::kMultivalue : set.rdata.empty()) {
      Refuse(set,
             set.alias ? "a multivalue record set is an alias; expected values"
                       : "a record set has no values; expected at least one");
      return false;
    }
  }
  return true;
}

// How many record sets of the group come before `set` by their identifiers.
std::uint8_t Groups::PlaceByIdentifier(std::span<const std::uint32_t> group,
                                       const RecordSet& set) const {
  return static_cast<std::uint8_t>(std::ranges::count_if(group, [&](std::uint32_t i) {
    return zone_.record_sets[i].set_identifier < set.set_identifier;
  }));
}

// The path decides only where aliases lead back into it or run too deep, the root only where
// records name their owner. Anything else is built once per entry; such a subtree is the same from
// everywhere.
Groups::Built Groups::Build(std::uint32_t at) {
  if (heights_[at] != 0 && walk_.path.size() + heights_[at] <= kMaxAliasDepth) {
    return {.rule = rules_[at], .height = heights_[at]};
  }
  if (const auto known = walk_.owned.find(at);
      known != walk_.owned.end() && walk_.path.size() + known->second.height <= kMaxAliasDepth) {
    return known->second;
  }
  ++walk_.visits;
  const auto& entry = index_.entries()[at];
  Built built;
  std::vector<RuleMember> members(entry.count);
  Policy policy = Policy::kSimple;
  walk_.path.push_back(at);
  const std::uint32_t owner = index_.entries()[walk_.path.front()].name;
  if (const auto records = PlainRecords(at); records && !entry.routed) {
    members[0].image = Image(at, *records, owner);
    built.names_owner = NamesOwner(at, records->rdata);
  } else if (FormIsGood(entry)) {
    const auto group = index_.Group(entry);
    policy = zone_.record_sets[group[0]].policy;
    for (std::size_t i = 0; i < members.size(); ++i) {
      const auto& set = zone_.record_sets[group[i]];
      auto& member = members[i];
      member.check = CheckOf(set);
      if (policy == Policy::kWeighted) {
        member.weight = set.weight;
      } else if (policy == Policy::kFailover) {
        member.weight = set.primary ? 0 : 1;
      } else if (policy == Policy::kGeoproximity) {
        member.weight = PlaceByIdentifier(group, set);
      }
      member.where = set.where;
      if (set.alias) {
        FollowAlias(set, *set.alias, member, built);
      } else {
        member.image = Render(at, set.ttl, set.rdata, owner, set.source);
        built.names_owner |= NamesOwner(at, set.rdata);
      }
    }
  }
  walk_.path.pop_back();
  std::size_t octets = 0;
  for (const auto& member : members) {
    if (member.kind == MemberKind::kImage && member.image == nullptr) {
      return built;  // refused
    }
    octets += member.image == nullptr ? 0 : member.image->wire.size();
  }
  if (policy == Policy::kMultivalue && octets > kMaxImageOctets) {
    Refuse(zone_.record_sets[index_.Group(entry)[0]],
           "the values of the group need " + std::to_string(octets) + " octets; expected at most " +
               std::to_string(kMaxImageOctets) + ": take fewer or shorter values");
    return built;
  }
  std::vector<std::uint32_t> order;
  built.rule =
      pools_.Add({.type = entry.type,
                  .policy = policy,
                  .beyond = reach_.Of(index_.names()[built.names_owner ? owner : entry.name].name,
                                      entry.type)},
                 std::move(members),
                 keep_order_ ? &order : nullptr);
  if (built.rule == kNoRule) {
    Refuse(zone_.record_sets[index_.Group(entry)[0]],
           "the group tells too many kinds of clients apart; expected at most " +
               std::to_string(table::kMaxRows) +
               ": take a larger grid_degrees in [location], or fewer record sets");
    return built;
  }
  if (keep_order_) {
    orders_[{built.rule, at}] = std::move(order);
  }
  if (built.clean && built.names_owner) {
    walk_.owned.emplace(at, built);
  } else if (built.clean) {
    rules_[at] = built.rule;
    heights_[at] = built.height;
  }
  return built;
}

void Groups::FollowAlias(const RecordSet& set,
                         const AliasTarget& alias,
                         RuleMember& member,
                         Built& built) {
  member.kind = MemberKind::kMissing;
  member.evaluate_target_health = alias.evaluate_target_health;
  const std::uint32_t target = TargetOf(set);
  if (target == kNoIndex) {
    const std::uint32_t cut = index_.CutOf(wire::Fold(alias.name));
    warnings_.push_back(Printable(set.source.Text() + ": " + RecordText(set) + ": alias target " +
                                  NameTypeText(alias.name, set.type) +
                                  (cut == kNoIndex ? " does not exist in the zone"
                                                   : " is hidden by the delegation at " +
                                                         wire::ToText(index_.names()[cut].name)) +
                                  "; it answers with no data"));
    return;
  }
  if (Contains(walk_.path, target) || walk_.path.size() >= kMaxAliasDepth ||
      walk_.visits >= kMaxLoopVisits) {
    built.clean = false;
    return;
  }
  const Built below = Build(target);
  built.clean = built.clean && below.clean;
  built.names_owner = built.names_owner || below.names_owner;
  built.height = std::max<std::uint8_t>(built.height, below.height + 1);
  if (below.rule != kNoRule) {
    member.kind = MemberKind::kAlias;
    member.child = below.rule;
  }
}

const std::vector<std::uint32_t>* Groups::OrderOf(RuleId rule, std::uint32_t at) const {
  const auto found = orders_.find({rule, at});
  return found == orders_.end() ? nullptr : &found->second;
}

bool Groups::NamesOwner(std::uint32_t at, std::span<const std::string> rdata) const {
  return std::ranges::any_of(rdata, [type = index_.entries()[at].type](const std::string& one) {
    return control::NamesOwner(type, one);
  });
}

// The image of an entry, null until it is made. Zones of lone addresses have none at all.
ImageSpecPtr& Groups::Kept(std::uint32_t at) {
  images_.resize(index_.entries().size());
  return images_[at];
}

// `owner`: the name it is answered for, another one where an alias leads here.
ImageSpecPtr Groups::Image(std::uint32_t at, const Records& records, std::uint32_t owner) {
  if (owner != index_.entries()[at].name && NamesOwner(at, records.rdata)) {
    return Render(at, records.ttl, records.rdata, owner, *records.source);
  }
  ImageSpecPtr& kept = Kept(at);
  if (kept == nullptr) {
    kept = Render(at, records.ttl, records.rdata, owner, *records.source);
  }
  return kept;
}

ImageSpecPtr Groups::Render(std::uint32_t at,
                            std::uint32_t ttl,
                            std::span<const std::string> rdata,
                            std::uint32_t owner,
                            const Source& source) {
  const std::uint16_t type = index_.entries()[at].type;
  const bool is_signed =
      signed_ && !index_.entries()[at].routed && owner == index_.entries()[at].name;
  if (is_signed) {
    ttl = SignedTtl(zone_, index_, owner, type, ttl);
  }
  auto image = RenderRrset(type, ttl, rdata, zone_.origin);
  if (!image) {
    Refuse(source, EntryText(at), image.error().message);
    return nullptr;
  }
  if (TargetOffset(type) >= 0) {
    AddBeside(*image, rdata, owner);
  }
  if (is_signed) {
    auto sigs = SigsOf(zone_, index_, owner, type, ttl);
    if (!sigs) {
      Refuse(source, EntryText(at), sigs.error().message);
      return nullptr;
    }
    image->sigs = *std::move(sigs);
  }
  return std::make_shared<const ImageSpec>(*std::move(image));
}

void Groups::AddBeside(ImageSpec& image, std::span<const std::string> rdata, std::uint32_t owner) {
  const auto offset = static_cast<std::size_t>(TargetOffset(image.type));
  std::vector<std::uint32_t> done;
  std::size_t start = 0;
  for (std::size_t i = 0; i < rdata.size(); ++i) {
    const auto target = NameInRdata(rdata[i], offset);
    std::uint32_t name = kNoIndex;
    std::size_t name_at = start + kBeforeRdata + offset;
    if (target.size() > 1) {
      name = index_.Find(wire::Fold(target));
    } else if (control::NamesOwner(image.type, rdata[i])) {
      name = owner;
      name_at = start;
    }
    if (name != kNoIndex && !Contains(done, name)) {
      if (!AddAddresses(image, name, name_at)) {
        return;
      }
      done.push_back(name);
    }
    start = image.record_ends[i];
  }
}

// False when no more may be added.
bool Groups::AddAddresses(ImageSpec& image, std::uint32_t name, std::size_t name_at) {
  for (const auto type : {kA, kAaaa}) {
    const std::uint32_t entry = index_.FindServed(name, type);
    if (entry == kNoIndex) {
      continue;
    }
    if (image.additional.size() == table::kMaxAdditional) {
      return false;
    }
    if (auto answer = Answer(entry)) {
      image.additional.push_back({.type = type,
                                  .name_at = static_cast<std::uint16_t>(name_at),
                                  .name = name,
                                  .answer = *std::move(answer)});
    }
  }
  return true;
}

// Addresses of servers at or below a cut that records of a policy or aliases give: they are drawn
// when the referral is written, and must be there (RFC 9471 3.1).
bool Groups::AddRoutedGlue(ImageSpec& image,
                           std::uint32_t at,
                           const Source& source,
                           std::span<const RoutedGlue> glue) {
  for (const RoutedGlue& each : glue) {
    auto answer = Answer(each.entry);
    if (!answer) {
      continue;
    }
    if (image.additional.size() == table::kMaxAdditional) {
      Refuse(source,
             EntryText(at),
             "more than " + std::to_string(table::kMaxAdditional) +
                 " addresses of its name servers are routed or aliases; expected simple ones");
      return false;
    }
    const auto& entry = index_.entries()[each.entry];
    const std::size_t start = each.record == 0 ? 0 : image.record_ends[each.record - 1];
    image.additional.push_back({.type = entry.type,
                                .name_at = static_cast<std::uint16_t>(start + kBeforeRdata),
                                .name = entry.name,
                                .answer = *std::move(answer)});
  }
  return true;
}

// NS of a cut with the addresses this zone knows of its servers: those below cuts are known here
// for nothing else.
ImageSpecPtr Groups::Referral(std::uint32_t at) {
  ImageSpecPtr& kept = Kept(at);
  if (kept != nullptr) {
    return kept;
  }
  const auto records = PlainRecords(at);
  if (!records) {
    Refuse(zone_.record_sets[index_.Group(index_.entries()[at])[0]],
           "NS records are routed or an alias; expected a simple record set");
    return nullptr;
  }
  const auto& cut = index_.names()[index_.entries()[at].name].name;
  std::vector<Glue> glue;
  std::vector<RoutedGlue> routed;
  std::vector<std::uint32_t> done;
  for (std::size_t i = 0; i < records->rdata.size(); ++i) {
    const std::uint32_t name = index_.Find(wire::Fold(NameInRdata(records->rdata[i], 0)));
    if (name == kNoIndex || Contains(done, name)) {
      continue;
    }
    done.push_back(name);
    for (const auto type : {kA, kAaaa}) {
      const std::uint32_t entry = index_.FindEntry(name, type);
      const auto addresses = entry == kNoIndex ? std::nullopt : PlainRecords(entry);
      if (addresses) {
        glue.push_back({.target = index_.names()[name].name,
                        .type = type,
                        .ttl = addresses->ttl,
                        .rdata = addresses->rdata});
      } else if (entry != kNoIndex && wire::IsAtOrBelow(index_.names()[name].name, cut)) {
        routed.push_back({.entry = entry, .record = i});
      }
    }
  }
  if (!routed.empty()) {  // what only may be there leaves the room to what must
    std::erase_if(glue, [&cut](const Glue& each) { return !wire::IsAtOrBelow(each.target, cut); });
  }
  auto image = RenderReferral(cut, zone_.origin, records->ttl, records->rdata, glue);
  if (!image) {
    Refuse(*records->source, EntryText(at), image.error().message);
    return nullptr;
  }
  if (!AddRoutedGlue(*image, at, *records->source, routed)) {
    return nullptr;
  }
  kept = std::make_shared<const ImageSpec>(*std::move(image));
  return kept;
}

}  // namespace holdfast::control

// See plan_side.h.
#include "control/compile/plan_side.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "control/compile/zone.h"
#include "control/config/rdata.h"
#include "control/model/folded.h"
#include "control/model/record_groups.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

constexpr auto kA = static_cast<std::uint16_t>(wire::Type::kA);
constexpr auto kAaaa = static_cast<std::uint16_t>(wire::Type::kAaaa);
constexpr auto kNs = static_cast<std::uint16_t>(wire::Type::kNs);
constexpr auto kCname = static_cast<std::uint16_t>(wire::Type::kCname);
constexpr auto kDname = static_cast<std::uint16_t>(wire::Type::kDname);
constexpr auto kDs = static_cast<std::uint16_t>(wire::Type::kDs);

const CompiledRrset* OfType(const CompiledName& name, std::uint16_t type) {
  const auto found = std::ranges::find(name.rrsets, type, &CompiledRrset::type);
  return found == name.rrsets.end() ? nullptr : &*found;
}

std::string Values(std::uint16_t type, const std::vector<std::string>& rdata) {
  std::string text;
  for (const std::string& each : rdata) {
    text += " " + RdataText(type, each);
  }
  return text;
}

// What tells one record set of a group from another.
std::string OfSet(const RecordSet& set) {
  std::string text;
  if (set.policy != Policy::kSimple) {
    text += std::string(" ") + PolicyText(set.policy) + " '" + set.set_identifier + "'";
    text += set.policy == Policy::kWeighted ? " weight " + std::to_string(set.weight) : "";
    text += set.policy != Policy::kFailover ? "" : set.primary ? " primary" : " secondary";
  }
  text += set.alias ? " alias of " + wire::ToText(set.alias->name)
                    : Values(set.type, set.rdata) + " ttl " + std::to_string(set.ttl);
  return text + (set.health_check_id.empty() ? "" : " check " + set.health_check_id);
}

}  // namespace

Status PlanSide::Add(const Zone& zone,
                     std::span<const std::string_view> child_origins,
                     Pools& pools,
                     std::vector<std::string>& warnings) {
  auto compiled = CompileZone(zone, {.child_origins = child_origins}, pools, warnings);
  if (!compiled) {
    return std::unexpected(compiled.error());
  }
  auto& part = *parts_.emplace_back(std::make_unique<Part>());
  part.zone = &zone;
  part.compiled = *std::move(compiled);
  part.children.insert(child_origins.begin(), child_origins.end());
  part.names.reserve(part.compiled.names.size());
  for (const CompiledName& name : part.compiled.names) {
    part.names.emplace(name.name, &name);
  }
  return {};
}

// The deepest zone at or above the name; for DS at an apex the one above, when that is here.
const PlanSide::Part* PlanSide::PartFor(std::string_view qname, std::uint16_t qtype) const {
  const Part* own = nullptr;
  for (const auto& part : parts_) {
    if (!wire::IsAtOrBelow(qname, part->compiled.origin)) {
      continue;
    }
    if (qtype != kDs || part->compiled.origin != qname) {
      return part.get();
    }
    own = part.get();
  }
  return own;
}

const CompiledName* PlanSide::Exact(std::string_view name) const {
  const Part* part = PartFor(name, 0);
  if (part == nullptr) {
    return nullptr;
  }
  const auto found = part->names.find(name);
  return found == part->names.end() ? nullptr : found->second;
}

PlanFound PlanSide::Find(std::string_view qname, std::uint16_t qtype) const {
  PlanFound out;
  const Part* part = PartFor(qname, qtype);
  if (part == nullptr) {
    return out;
  }
  out.compiled = &part->compiled;
  if ((part->compiled.flags & table::kZoneNotLoaded) != 0) {
    out.status = ExplainedStatus::kNotLoaded;
    return out;
  }
  const auto flags_of = [&](std::string_view name) -> std::optional<std::uint8_t> {
    const auto found = part->names.find(name);
    return found == part->names.end() ? std::nullopt : std::optional(found->second->flags);
  };
  const NameMatch match = MatchName(qname, qtype, flags_of);
  out.status = match.status;
  const auto owner = part->names.find(match.owner);
  if (out.status == ExplainedStatus::kNxdomain || owner == part->names.end()) {
    // That a zone below is served makes its apex a name of this one too.
    out.status =
        part->children.contains(qname) ? ExplainedStatus::kNodata : ExplainedStatus::kNxdomain;
    return out;
  }
  out.owner = owner->second;
  if (out.status == ExplainedStatus::kReferral || out.status == ExplainedStatus::kRedirected) {
    out.rrset = OfType(*out.owner, out.status == ExplainedStatus::kReferral ? kNs : kDname);
    return out;
  }
  out.rrset = OfType(*out.owner, qtype);
  if (out.rrset == nullptr) {
    out.rrset = OfType(*out.owner, kCname);
  }
  if (out.rrset == nullptr) {
    out.status = ExplainedStatus::kNodata;
  }
  return out;
}

const PlanSide::Part* PlanSide::PartOf(const PlanFound& found) const {
  const auto at = std::ranges::find_if(
      parts_, [&found](const auto& part) { return &part->compiled == found.compiled; });
  return at == parts_.end() ? nullptr : at->get();
}

PermittedAnswer PlanSide::Delegation(const PlanFound& found) const {
  const auto take = [](std::uint32_t ttl, std::vector<std::string> rdata) {
    std::ranges::sort(rdata);
    return PermittedAnswer(ttl, 0, std::move(rdata));
  };
  const Part* part = PartOf(found);
  if (part == nullptr) {
    return {};
  }
  for (const Rrset& rrset : part->zone->rrsets) {
    if (rrset.type == kNs && FoldedEqual{}(rrset.owner, found.owner->name)) {
      return take(rrset.ttl, rrset.rdata);
    }
  }
  for (const RecordSet& set : part->zone->record_sets) {
    if (set.type == kNs && set.name == found.owner->name) {
      return take(set.ttl, set.rdata);
    }
  }
  return {};
}

std::vector<std::string> PlanSide::Glue(const PlanFound& found) const {
  std::vector<std::string> glue;
  const Part* part = PartOf(found);
  if (part == nullptr) {
    return glue;
  }
  const auto servers = std::get<2>(Delegation(found));
  const auto is_wanted = [&servers](const std::string& owner, std::uint16_t type) {
    return (type == kA || type == kAaaa) &&
           std::ranges::any_of(servers, [&owner](const std::string& server) {
             return FoldedEqual{}(owner, server);
           });
  };
  for (const Rrset& rrset : part->zone->rrsets) {
    if (is_wanted(rrset.owner, rrset.type)) {
      glue.push_back(NameTypeText(rrset.owner, rrset.type) + Values(rrset.type, rrset.rdata) +
                     " ttl " + std::to_string(rrset.ttl));
    }
  }
  for (const RecordSet& set : part->zone->record_sets) {
    if (is_wanted(set.name, set.type)) {
      glue.push_back(NameTypeText(set.name, set.type) + OfSet(set));
    }
  }
  std::ranges::sort(glue);
  return glue;
}

}  // namespace holdfast::control

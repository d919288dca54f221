// See plan_side.h.
#include "control/compile/plan_side.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "control/compile/zone.h"
#include "control/model/folded.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

constexpr auto kNs = static_cast<std::uint16_t>(wire::Type::kNs);
constexpr auto kCname = static_cast<std::uint16_t>(wire::Type::kCname);
constexpr auto kDname = static_cast<std::uint16_t>(wire::Type::kDname);
constexpr auto kDs = static_cast<std::uint16_t>(wire::Type::kDs);

const CompiledRrset* OfType(const CompiledName& name, std::uint16_t type) {
  const auto found = std::ranges::find(name.rrsets, type, &CompiledRrset::type);
  return found == name.rrsets.end() ? nullptr : &*found;
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
    out.status = ExplainedStatus::kNxdomain;
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

PermittedAnswer PlanSide::Delegation(const PlanFound& found) const {
  const auto take = [](std::uint32_t ttl, std::vector<std::string> rdata) {
    std::ranges::sort(rdata);
    return PermittedAnswer(ttl, 0, std::move(rdata));
  };
  for (const auto& part : parts_) {
    if (&part->compiled != found.compiled) {
      continue;
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
  }
  return {};
}

}  // namespace holdfast::control

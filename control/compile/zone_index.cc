#include "control/compile/zone_index.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <unordered_map>

#include "control/model/signed_rules.h"
#include "dataplane/table/format.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using wire::Type;

constexpr auto kNs = static_cast<std::uint16_t>(Type::kNs);
constexpr auto kDs = static_cast<std::uint16_t>(Type::kDs);

std::uint32_t HashOf(std::string_view name) noexcept {
  const std::size_t hash = std::hash<std::string_view>{}(name);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32U));
}

constexpr std::size_t kAhead = 8;  // owners whose slots are sent for

bool IsWildcard(std::string_view name) noexcept {
  return name.size() > 2 && name[0] == 1 && name[1] == '*';
}

}  // namespace

std::vector<std::vector<std::string_view>> ChildOrigins(std::span<const Zone> zones) {
  std::unordered_map<std::string_view, std::size_t> by_origin;
  for (std::size_t i = 0; i < zones.size(); ++i) {
    by_origin.emplace(zones[i].origin, i);
  }
  std::vector<std::vector<std::string_view>> children(zones.size());
  for (const auto& zone : zones) {
    for (std::string_view name = zone.origin; name.size() > 1;) {
      name = wire::Parent(name);
      if (const auto found = by_origin.find(name); found != by_origin.end()) {
        children[found->second].push_back(zone.origin);
        break;
      }
    }
  }
  return children;
}

Result<ZoneIndex> ZoneIndex::Create(const Zone& zone,
                                    std::span<const std::string_view> child_origins) {
  ZoneIndex index;
  index.origin_ = zone.origin;
  index.names_.reserve(zone.rrsets.size() + zone.record_sets.size() + 1);
  index.Intern(index.origin_);
  HF_TRY(index.AddOwners(zone));
  std::vector<bool> child_apex;
  for (const auto child : child_origins) {
    const std::uint32_t at = index.Intern(child);
    child_apex.resize(std::max<std::size_t>(child_apex.size(), at + 1U));
    child_apex[at] = true;
  }
  HF_TRY(index.Link(zone));
  child_apex.resize(index.names_.size());
  index.Flag(child_apex);
  return index;
}

Status ZoneIndex::AddOwners(const Zone& zone) {
  owned_.reserve(zone.rrsets.size() + zone.record_sets.size());
  std::string folded;
  const std::string* last = nullptr;  // zone files have the rrsets of a name together
  std::uint32_t last_at = kNoIndex;
  const auto add = [&](const std::string& owner,
                       std::uint16_t type,
                       bool routed,
                       std::size_t i,
                       const Source& source) -> Status {
    if (last == nullptr || owner != *last) {
      folded = owner;
      wire::FoldInPlace(folded);
      if (!wire::IsAtOrBelow(folded, zone.origin)) {
        return Fail(ErrorCode::kInvalid,
                    source.Text() + ": " + wire::ToText(owner) + " is outside the zone " +
                        wire::ToText(zone.origin));
      }
      last_at = Intern(folded);
      last = &owner;
    }
    owned_.push_back({last_at, type, routed, static_cast<std::uint32_t>(i)});
    return {};
  };
  for (std::size_t i = 0; i < zone.rrsets.size(); ++i) {
    if (i + kAhead < zone.rrsets.size()) {
      // Of an owner in capitals another slot is sent for, to no harm.
      __builtin_prefetch(&slots_[HashOf(zone.rrsets[i + kAhead].owner) & (slots_.size() - 1)]);
    }
    const auto& rrset = zone.rrsets[i];
    if (StandsAtHash(rrset)) {
      continue;  // its owner is no name of DNS (RFC 5155 7.2.8)
    }
    HF_TRY(add(rrset.owner, rrset.type, false, i, rrset.source));
  }
  for (std::size_t i = 0; i < zone.record_sets.size(); ++i) {
    const auto& set = zone.record_sets[i];
    HF_TRY(add(set.name, set.type, true, i, set.source));
    names_[last_at].of_rule = set.traffic != nullptr && set.traffic->hidden;
  }
  return {};
}

// Turns what names own into entries: one per (name, type), groups with their record sets together.
Status ZoneIndex::Link(const Zone& zone) {
  const auto key = [](const Owned& o) { return std::tie(o.name, o.type, o.routed, o.at); };
  if (!std::ranges::is_sorted(owned_, {}, key)) {
    std::ranges::sort(owned_, {}, key);
  }
  entries_.reserve(owned_.size());
  for (const auto& owned : owned_) {
    const bool again = !entries_.empty() && entries_.back().name == owned.name &&
                       entries_.back().type == owned.type;
    if (again && (!owned.routed || !entries_.back().routed)) {
      const auto& source =
          owned.routed ? zone.record_sets[owned.at].source : zone.rrsets[owned.at].source;
      return Fail(ErrorCode::kInvalid,
                  source.Text() + ": " + wire::ToText(names_[owned.name].name) + " " +
                      wire::TypeText(owned.type) +
                      " is given twice; expected one rrset or one group of record sets");
    }
    if (!again) {
      auto& name = names_[owned.name];
      if (name.entries == 0) {
        name.first_entry = static_cast<std::uint32_t>(entries_.size());
      }
      if (name.entries == table::kMaxNameRrsets) {
        return Fail(ErrorCode::kInvalid,
                    wire::ToText(name.name) + " has more than " +
                        std::to_string(table::kMaxNameRrsets) + " types; expected no more");
      }
      ++name.entries;
      entries_.push_back(
          {.name = owned.name,
           .first = owned.routed ? static_cast<std::uint32_t>(grouped_.size()) : owned.at,
           .count = 0,
           .type = owned.type,
           .routed = owned.routed});
    }
    if (owned.routed) {
      grouped_.push_back(owned.at);
    }
    ++entries_.back().count;
  }
  owned_.clear();
  owned_.shrink_to_fit();
  return {};
}

void ZoneIndex::Flag(const std::vector<bool>& child_apex) {
  names_[0].flags |= table::kNameApex;
  for (std::uint32_t at = 0; at < names_.size(); ++at) {
    auto& name = names_[at];
    bool has_ns = false;
    for (const auto& entry : EntriesOf(at)) {
      has_ns = has_ns || entry.type == kNs;
      if (entry.type == static_cast<std::uint16_t>(Type::kCname)) {
        name.flags |= table::kNameCname;
      } else if (entry.type == static_cast<std::uint16_t>(Type::kDname)) {
        name.flags |= table::kNameDname;
      }
    }
    if (at == 0) {
      continue;
    }
    if (name.of_rule) {
      name.hidden = true;
      continue;
    }
    auto& parent = names_[name.parent];
    name.hidden = parent.hidden || (parent.flags & (table::kNameCut | table::kNameDname)) != 0 ||
                  child_apex[name.parent] || (child_apex[at] && !has_ns);
    // NS at a wildcard has no meaning (RFC 4592 4.2): it delegates nothing.
    if (!name.hidden && has_ns && !IsWildcard(name.name)) {
      name.flags = table::kNameCut;  // whatever else it owns is hidden, but for DS
    }
    if (!name.hidden && IsWildcard(name.name)) {
      parent.flags |= table::kNameWildcard;
    }
  }
}

std::uint32_t ZoneIndex::FindEntry(std::uint32_t name, std::uint16_t type) const noexcept {
  const auto entries = EntriesOf(name);
  const auto found = std::ranges::lower_bound(entries, type, {}, &ZoneEntry::type);
  return found != entries.end() && found->type == type
             ? static_cast<std::uint32_t>(&*found - entries_.data())
             : kNoIndex;
}

std::uint32_t ZoneIndex::FindServed(std::uint32_t name, std::uint16_t type) const noexcept {
  const auto& at = names_[name];
  if (at.hidden || ((at.flags & table::kNameCut) != 0 && type != kDs)) {
    return kNoIndex;
  }
  return FindEntry(name, type);
}

std::uint32_t ZoneIndex::FindTarget(std::string_view folded, std::uint16_t type) const noexcept {
  const std::uint32_t at = Find(folded);
  if (at == kNoIndex) {
    return kNoIndex;
  }
  return names_[at].of_rule ? FindEntry(at, type) : FindServed(at, type);
}

std::uint32_t ZoneIndex::CutOf(std::string_view folded) const noexcept {
  for (; folded.size() > origin_.size(); folded = wire::Parent(folded)) {
    const std::uint32_t at = Find(folded);
    if (at != kNoIndex && (names_[at].flags & table::kNameCut) != 0) {
      return at;
    }
  }
  return kNoIndex;
}

std::uint32_t ZoneIndex::Find(std::string_view folded) const noexcept {
  return Find(folded, HashOf(folded));
}

std::uint32_t ZoneIndex::Find(std::string_view folded, std::uint32_t hash) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask; slots_[i] != 0; i = (i + 1) & mask) {
    const std::uint32_t at = slots_[i] - 1;
    if (names_[at].hash == hash && names_[at].name == folded) {
      return at;
    }
  }
  return kNoIndex;
}

// Most names have the parent of the name before.
std::uint32_t ZoneIndex::InternParent(std::string_view folded) {
  if (folded.size() <= origin_.size()) {
    return 0;
  }
  const std::string_view parent = wire::Parent(folded);
  const std::uint32_t last = names_.back().parent;
  return names_[last].name == parent ? last : Intern(parent);
}

std::uint32_t ZoneIndex::Intern(std::string_view folded) {
  if (names_.size() * 2 >= slots_.size()) {
    Grow();
  }
  const std::uint32_t hash = HashOf(folded);
  const std::uint32_t found = Find(folded, hash);
  if (found != kNoIndex) {
    return found;
  }
  const std::uint32_t parent = InternParent(folded);
  const auto at = static_cast<std::uint32_t>(names_.size());
  names_.push_back({.name = std::string(folded), .parent = parent, .hash = hash});
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = names_[at].hash & mask;
  while (slots_[i] != 0) {
    i = (i + 1) & mask;
  }
  slots_[i] = at + 1;
  return at;
}

void ZoneIndex::Grow() {
  std::size_t size = 64;
  while (size < names_.capacity() * 2 || size < names_.size() * 4) {
    size *= 2;
  }
  slots_.assign(size, 0);
  for (std::uint32_t at = 0; at < names_.size(); ++at) {
    std::size_t i = names_[at].hash & (size - 1);
    while (slots_[i] != 0) {
      i = (i + 1) & (size - 1);
    }
    slots_[i] = at + 1;
  }
}

}  // namespace holdfast::control

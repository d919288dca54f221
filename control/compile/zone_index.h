// The names of one zone while it is compiled: who owns what, what lies between, what is hidden by a
// delegation, a DNAME or a zone of its own below. Used by the zone compiler and by explain; control
// core only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/model/model.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

inline constexpr std::uint32_t kNoIndex = 0xFFFFFFFF;

/// One (name, type) of a zone: a static rrset or a group of record sets.
struct ZoneEntry {
  std::uint32_t name = 0;   // in ZoneIndex::names()
  std::uint32_t first = 0;  // static: in Zone::rrsets; routed: see ZoneIndex::Group
  std::uint32_t count = 1;  // routed: record sets of the group
  std::uint16_t type = 0;
  bool routed = false;
};

struct ZoneName {
  std::string name;  // folded wire form
  std::uint32_t parent = 0;
  std::uint32_t hash = 0;
  std::uint32_t first_entry = 0;
  std::uint16_t entries = 0;
  std::uint8_t flags = 0;  // table::NameFlags
  bool hidden = false;     // not served: below a cut, a DNAME, in a zone of its own, or of a rule
  bool of_rule = false;    // a traffic policy's: no name of DNS, aliases alone lead there
};

/// For each zone the origins of the served zones right below it, of the names in `zones`.
std::vector<std::vector<std::string_view>> ChildOrigins(std::span<const Zone> zones);

class ZoneIndex {
 public:
  /// @param zone           referred to while the index lives.
  /// @param child_origins  folded origins of served zones right below this one: what this zone has
  ///                       there is theirs, but for NS and DS at their apex.
  /// @return kInvalid, with the source, for an owner outside the zone or a (name, type) given
  /// twice.
  static Result<ZoneIndex> Create(const Zone& zone,
                                  std::span<const std::string_view> child_origins);

  /// Place of a folded name that exists in the zone (empty non-terminals and hidden names too), or
  /// kNoIndex.
  [[nodiscard]] std::uint32_t Find(std::string_view folded) const noexcept;

  /// Names; the apex is the first, and parents stand before their children.
  [[nodiscard]] std::span<const ZoneName> names() const noexcept { return names_; }
  /// Hands the octets of a name over; the name cannot be found any more.
  std::string TakeName(std::uint32_t at) noexcept { return std::move(names_[at].name); }

  /// Entries, ascending by name and type.
  [[nodiscard]] std::span<const ZoneEntry> entries() const noexcept { return entries_; }
  [[nodiscard]] std::span<const ZoneEntry> EntriesOf(std::uint32_t name) const noexcept {
    return std::span(entries_).subspan(names_[name].first_entry, names_[name].entries);
  }
  /// Place in entries() of what `name` has of `type`, or kNoIndex.
  [[nodiscard]] std::uint32_t FindEntry(std::uint32_t name, std::uint16_t type) const noexcept;
  /// As FindEntry, but only what the zone answers with: nothing of hidden names; of a cut DS alone.
  [[nodiscard]] std::uint32_t FindServed(std::uint32_t name, std::uint16_t type) const noexcept;
  /// Place in entries() of what an alias to this folded name and type leads to, or kNoIndex.
  [[nodiscard]] std::uint32_t FindTarget(std::string_view folded,
                                         std::uint16_t type) const noexcept;
  /// The delegation that this folded name stands at or below, or kNoIndex.
  [[nodiscard]] std::uint32_t CutOf(std::string_view folded) const noexcept;
  /// Places in Zone::record_sets of a routed entry's record sets.
  [[nodiscard]] std::span<const std::uint32_t> Group(const ZoneEntry& entry) const noexcept {
    return std::span(grouped_).subspan(entry.first, entry.count);
  }

 private:
  [[nodiscard]] std::uint32_t Find(std::string_view folded, std::uint32_t hash) const noexcept;
  std::uint32_t Intern(std::string_view folded);
  std::uint32_t InternParent(std::string_view folded);
  void Grow();
  Status AddOwners(const Zone& zone);
  Status Link(const Zone& zone);
  void Flag(const std::vector<bool>& child_apex);

  struct Owned {  // what names own, before it is grouped
    std::uint32_t name;
    std::uint16_t type;
    bool routed;
    std::uint32_t at;
  };
  std::string origin_;
  std::vector<ZoneName> names_;
  std::vector<std::uint32_t> slots_;  // open addressing: place in names_ + 1
  std::vector<Owned> owned_;
  std::vector<ZoneEntry> entries_;
  std::vector<std::uint32_t> grouped_;
};

}  // namespace holdfast::control

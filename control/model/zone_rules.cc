// CheckZone: what holds for a zone as a whole. The parts about groups and aliases are in
// group_rules.cc and alias_rules.cc.
#include <array>
#include <string>
#include <unordered_set>

#include "control/model/record_groups.h"
#include "control/model/rules.h"
#include "control/model/rules_parts.h"
#include "control/model/signed_rules.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using wire::Type;
using NameSet = std::unordered_set<std::string_view, FoldedHash, FoldedEqual>;

bool Is(std::uint16_t type, Type wanted) noexcept {
  return type == static_cast<std::uint16_t>(wanted);
}

// What may stand beside a CNAME (RFC 4034 4, 2535 for the old pair).
bool IsDnssecType(std::uint16_t type) noexcept {
  constexpr std::uint16_t kSig = 24;
  constexpr std::uint16_t kKey = 25;
  return Is(type, Type::kRrsig) || Is(type, Type::kNsec) || type == kSig || type == kKey;
}

// A static rrset or a group of record sets: here both are owners of a type.
struct Entry {
  std::string_view owner;
  std::uint16_t type;
  std::size_t values;  // 0 for an alias
  const Source& source;
  bool hidden;  // the group of a traffic policy's rule
  std::string (*text)(const void*);
  const void* from;
};

std::string RrsetText(const void* from) {
  const auto* rrset = static_cast<const Rrset*>(from);
  return "'" + NameTypeText(rrset->owner, rrset->type) + "'";
}
std::string RecordSetText(const void* from) {
  return RecordText(*static_cast<const RecordSet*>(from));
}

class ZoneRules {
 public:
  ZoneRules(const Zone& zone, const RecordGroups& groups, Findings& findings)
      : zone_(zone), groups_(groups), findings_(findings) {}
  void Check();

 private:
  template <class Visit>
  void ForEach(Visit visit) const;
  void Count(const Entry& entry);
  void CheckEntry(const Entry& entry);
  void CheckSingle(const Entry& entry);
  void CheckBelowDname(const Entry& entry);
  void CheckShared();
  void CheckSize(const Rrset& rrset);
  void Refuse(const Entry& entry, const std::string& what) {
    findings_.AddError(entry.source, entry.text(entry.from) + ": " + what);
  }
  [[nodiscard]] bool IsApex(std::string_view owner) const {
    return FoldedEqual{}(owner, zone_.origin);
  }

  const Zone& zone_;
  const std::string zone_text_ = wire::ToText(zone_.origin);
  const RecordGroups& groups_;
  Findings& findings_;
  NameSet cnames_;
  NameSet dnames_;
  bool has_soa_ = false;
  bool has_ns_ = false;
};

template <class Visit>
void ZoneRules::ForEach(Visit visit) const {
  for (const Rrset& rrset : zone_.rrsets) {
    visit(
        Entry{rrset.owner, rrset.type, rrset.rdata.size(), rrset.source, false, RrsetText, &rrset});
  }
  for (const RecordSet& record : zone_.record_sets) {
    visit(Entry{record.name,
                record.type,
                record.rdata.size(),
                record.source,
                record.traffic != nullptr && record.traffic->hidden,
                RecordSetText,
                &record});
  }
}

void ZoneRules::Count(const Entry& entry) {
  if (Is(entry.type, Type::kCname)) {
    cnames_.insert(entry.owner);
  } else if (Is(entry.type, Type::kDname)) {
    dnames_.insert(entry.owner);
  }
  has_soa_ = has_soa_ || (Is(entry.type, Type::kSoa) && IsApex(entry.owner));
  has_ns_ = has_ns_ || (Is(entry.type, Type::kNs) && IsApex(entry.owner));
}

void ZoneRules::CheckSingle(const Entry& entry) {
  if (entry.values > 1) {
    Refuse(entry, "has " + std::to_string(entry.values) + " values; expected one");
  }
}

void ZoneRules::CheckBelowDname(const Entry& entry) {
  for (std::string_view name = entry.owner; name.size() > zone_.origin.size();) {
    name = wire::Parent(name);
    if (const auto dname = dnames_.find(name); dname != dnames_.end()) {
      Refuse(entry,
             "lies below the DNAME of '" + wire::ToText(*dname) +
                 "', which redirects all of it (RFC 6672 2.4)");
      return;
    }
  }
}

void ZoneRules::CheckEntry(const Entry& entry) {
  if (Is(entry.type, Type::kSoa)) {
    CheckSingle(entry);
    if (!IsApex(entry.owner)) {
      Refuse(entry, "SOA stands below the apex; expected it at " + zone_text_ + " alone");
    }
  } else if (Is(entry.type, Type::kDname)) {
    CheckSingle(entry);
  } else if (Is(entry.type, Type::kCname)) {
    CheckSingle(entry);
    if (IsApex(entry.owner)) {
      Refuse(entry,
             "RRSet of type CNAME with DNS name " + zone_text_ +
                 " is not permitted at apex in zone " + zone_text_);
    }
  }
  if (!cnames_.empty() && !Is(entry.type, Type::kCname) && !IsDnssecType(entry.type) &&
      cnames_.contains(entry.owner)) {
    Refuse(entry,
           "RRSet of type " + wire::TypeText(entry.type) + " with DNS name " +
               wire::ToText(entry.owner) +
               " is not permitted because a conflicting RRSet of type CNAME with the same DNS "
               "name already exists in zone " +
               zone_text_);
  }
  // No name of DNS lies there, so nothing redirects it.
  if (!dnames_.empty() && !entry.hidden && !Is(entry.type, Type::kNsec3) &&
      !Is(entry.type, Type::kRrsig)) {
    CheckBelowDname(entry);
  }
  if (!entry.hidden && IsHiddenOwner(entry.owner)) {
    Refuse(entry, "its first label is kept for the rules of traffic policies; expected another");
  }
}

void ZoneRules::CheckShared() {
  if (zone_.record_sets.empty()) {
    return;
  }
  for (const Rrset& rrset : zone_.rrsets) {
    if (const std::size_t at = groups_.Find({rrset.owner, rrset.type}); at != RecordGroups::kNone) {
      const RecordSet& record = *groups_.All()[at].front();
      findings_.AddError(record.source,
                         RecordText(record) + ": the zone file has this name and type too (" +
                             rrset.source.Text() + "); expected it in one of the two");
    }
  }
}

// Header, question, and with each record its compressed owner and the ten octets before its rdata.
void ZoneRules::CheckSize(const Rrset& rrset) {
  std::size_t octets = wire::kHeaderOctets + rrset.owner.size() + 4;
  for (const std::string& rdata : rrset.rdata) {
    octets += 12 + rdata.size();
  }
  if (octets > wire::kMaxMessageOctets) {
    findings_.AddError(rrset.source,
                       RrsetText(&rrset) + ": its " + std::to_string(rrset.rdata.size()) +
                           " records need a message of " + std::to_string(octets) +
                           " octets; expected at most 65535");
  }
}

void ZoneRules::Check() {
  ForEach([this](const Entry& entry) { Count(entry); });
  ForEach([this](const Entry& entry) { CheckEntry(entry); });
  for (const Rrset& rrset : zone_.rrsets) {
    CheckSize(rrset);
  }
  CheckShared();
  if (!has_soa_) {
    findings_.AddError(zone_.source,
                       "zone " + wire::ToText(zone_.origin) + " has no SOA record at its apex");
  }
  if (!has_ns_) {
    findings_.AddError(zone_.source,
                       "zone " + wire::ToText(zone_.origin) + " has no NS record at its apex");
  }
}

}  // namespace

void CheckZone(const Zone& zone, Findings& findings) {
  const RecordGroups groups(zone);
  ZoneRules(zone, groups, findings).Check();
  CheckSigned(zone, findings);
  CheckGroups(groups, findings);
  CheckAliases(zone, groups, findings);
}

}  // namespace holdfast::control

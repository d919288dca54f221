// Step 5 of a query's journey: from a folded name to the record that speaks for it (RFC 1034 4.3.2,
// RFC 4592). Any core; at most max_labels + 2 look-ups per name, each of bounded work.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/table/view.h"
#include "dataplane/wire/types.h"

namespace holdfast::answer {

enum class Where : std::uint8_t {
  kName,        // `record` is the name, or the wildcard that stands for it
  kBelowCut,    // `record` is the delegation above the name
  kBelowDname,  // `record` owns a DNAME above the name
  kMissing,     // the name does not exist; `record` is its closest encloser
  kNotOurs      // no zone here holds the name
};

struct Found {
  Where where = Where::kNotOurs;
  const table::NameRecord* record = nullptr;
  std::size_t encloser_octets = 0;  // of the name of `record` when it is above the name
};

/// Where a name lies in the zones served here. Where a zone and the one above it are both served,
/// the lower one speaks for the name between them, but for DS (RFC 4035 3.1.4.1).
/// @param key    hashed, folded, padded.
/// @param exact  what snapshot.Find(key) returned.
Found Locate(const table::Snapshot& snapshot,
             const table::NameKey& key,
             const table::NameRecord* exact,
             std::uint16_t qtype) noexcept;

/// As Locate, as if the name itself were not there: what the names above it say.
Found LocateAbove(const table::Snapshot& snapshot, const table::NameKey& key) noexcept;

/// Whether a question of this type is answered by looking at the name as a whole: ANY, and NSEC and
/// RRSIG, which are no rrsets of a record.
constexpr bool AsksTheName(std::uint16_t qtype) noexcept {
  constexpr auto kRrsig = static_cast<std::uint16_t>(wire::Type::kRrsig);
  static_assert(static_cast<std::uint16_t>(wire::Type::kNsec) == kRrsig + 1);
  return static_cast<std::uint16_t>(qtype - kRrsig) < 2 ||
         qtype == static_cast<std::uint16_t>(wire::Type::kAny);
}

/// The entry of `record` that answers `qtype`: of that type, else its CNAME; null when it has none.
/// Not for a type that AsksTheName.
inline const table::RrsetEntry* EntryFor(const table::Snapshot& snapshot,
                                         const table::NameRecord& record,
                                         std::uint16_t qtype) noexcept {
  if (record.rrset[0].type == qtype && record.rrsets - 1U < 2U) [[likely]] {
    return record.rrset;
  }
  const auto entries = snapshot.Rrsets(record);
  for (const auto& entry : entries) {
    if (entry.type == qtype) {
      return &entry;
    }
  }
  if ((record.flags & table::kNameCname) != 0) {
    for (const auto& entry : entries) {
      if (entry.type == static_cast<std::uint16_t>(wire::Type::kCname)) {
        return &entry;
      }
    }
  }
  return nullptr;
}

/// The rrset that ANY gets (RFC 8482 4.1): the CNAME if there is one, else the smallest static one,
/// else the first pool; null when the record has none.
const table::RrsetEntry* SmallestEntry(const table::Snapshot& snapshot,
                                       const table::NameRecord& record) noexcept;

}  // namespace holdfast::answer

// See lookup.h.
#include "dataplane/answer/lookup.h"

#include <cstring>

namespace holdfast::answer {
namespace {

using table::NameKey;
using table::NameRecord;
using table::Snapshot;

std::size_t LabelsOf(const NameKey& key) noexcept {
  std::size_t labels = 0;
  for (std::size_t at = 0; key.name[at] != std::byte{0}; ++labels) {
    at += std::to_integer<std::size_t>(key.name[at]) + 1;
  }
  return labels;
}

// `*` put before the name of the closest encloser.
const NameRecord* FindWildcard(const Snapshot& snapshot, const NameKey& encloser) noexcept {
  constexpr std::size_t kStarOctets = 2;
  if (encloser.octets + kStarOctets > wire::kMaxNameOctets) {
    return nullptr;
  }
  std::array<std::byte, wire::kMaxNameOctets + 1 + table::kHashPadding> name;
  name[0] = std::byte{1};
  name[1] = std::byte{'*'};
  std::memcpy(name.data() + kStarOctets, encloser.name, encloser.octets);
  NameKey key{.name = name.data(), .octets = encloser.octets + kStarOctets};
  std::memset(name.data() + key.octets, 0, table::kHashPadding);
  key.hash = HashName(key.name, key.octets, snapshot.key());
  return snapshot.Find(key);
}

bool IsApex(const NameRecord& record) noexcept {
  return (record.flags & table::kNameApex) != 0;
}

bool IsCut(const NameRecord& record) noexcept {
  return (record.flags & table::kNameCut) != 0;
}

// The record that speaks for a name between two zones, when both may be served here.
const NameRecord* OnItsSide(const Snapshot& snapshot,
                            const NameKey& key,
                            const NameRecord* record,
                            bool upper) noexcept {
  if (!IsApex(*record) && !IsCut(*record)) [[likely]] {
    return record;
  }
  if (IsCut(*record) == upper) {
    return record;
  }
  const NameRecord* other = snapshot.FindIf(key, upper ? IsCut : IsApex);
  return other == nullptr ? record : other;
}

Found AtEncloser(const Snapshot& snapshot, const NameKey& key, const NameRecord& record) noexcept {
  Found found{.where = Where::kMissing, .record = &record, .encloser_octets = key.octets};
  if (IsCut(record)) {
    found.where = Where::kBelowCut;
  } else if ((record.flags & table::kNameDname) != 0) {
    found.where = Where::kBelowDname;
  } else if ((record.flags & table::kNameWildcard) != 0) {
    const NameRecord* wildcard = FindWildcard(snapshot, key);
    if (wildcard != nullptr) {
      found.where = Where::kName;
      found.record = wildcard;
    }
  }
  return found;
}

}  // namespace

Found Locate(const Snapshot& snapshot,
             const NameKey& key,
             const NameRecord* exact,
             std::uint16_t qtype) noexcept {
  if (exact == nullptr) {
    return LocateAbove(snapshot, key);
  }
  const bool upper = qtype == static_cast<std::uint16_t>(wire::Type::kDs);
  return {.where = Where::kName,
          .record = OnItsSide(snapshot, key, exact, upper),
          .encloser_octets = key.octets};
}

Found LocateAbove(const Snapshot& snapshot, const NameKey& key) noexcept {
  NameKey at = key;
  // Names with more labels than any in the tables need not be looked for: a flood of deep names
  // costs no more than one of shallow ones.
  for (std::size_t labels = LabelsOf(key); labels > 0; --labels) {
    const auto label = std::to_integer<std::size_t>(at.name[0]) + 1;
    at.name += label;
    at.octets -= label;
    if (labels - 1 > snapshot.max_labels()) {
      continue;
    }
    at.hash = HashName(at.name, at.octets, snapshot.key());
    if (const NameRecord* record = snapshot.Find(at); record != nullptr) {
      return AtEncloser(snapshot, at, *OnItsSide(snapshot, at, record, false));
    }
  }
  return {};
}

const table::RrsetEntry* SmallestEntry(const Snapshot& snapshot,
                                       const NameRecord& record) noexcept {
  const table::RrsetEntry* best = nullptr;
  std::size_t best_octets = 0;
  for (const table::RrsetEntry& entry : snapshot.Rrsets(record)) {
    if (entry.type == static_cast<std::uint16_t>(wire::Type::kCname)) {
      return &entry;
    }
    const table::ImageParts image = entry.kind == table::RrsetKind::kImage
                                        ? table::OpenImage(snapshot.view(), entry.at)
                                        : table::ImageParts{};
    const std::size_t octets = image.image == nullptr ? SIZE_MAX : image.wire.size();
    if (best == nullptr || octets < best_octets) {
      best = &entry;
      best_octets = octets;
    }
  }
  return best;
}

}  // namespace holdfast::answer

// NXDOMAIN and NODATA as nearly every query gets them: the zone's SOA by UDP, without proofs or
// options but a cookie. What a flood of names that do not exist costs, and every AAAA for a name
// that has A alone. What Compose and Close would write, octet for octet; tests hold the two equal.
// Any core.
#pragma once

#include "dataplane/answer/lookup.h"
#include "dataplane/answer/plain.h"

namespace holdfast::answer {

/// Puts the SOA of negative answers of a zone at `begin` of the message. @return where it ends; 0:
/// the zone has none that is a plain one, or it is damaged, and what is behind the question is of
/// no meaning.
/// @param name  octets of the question's name. @param room  octets there are behind the question.
inline std::size_t PutPlainSoa(const table::Snapshot& snapshot,
                               std::uint32_t zone_at,
                               std::byte* message,
                               std::size_t name,
                               std::size_t begin,
                               std::size_t room) noexcept {
  using table::RelocationBase;
  const table::ZoneVersion* zone = snapshot.Zone(zone_at);
  if (zone == nullptr || (zone->flags & table::kZoneNotLoaded) != 0) [[unlikely]] {
    return 0;
  }
  const table::ImageParts image = table::OpenImage(snapshot.view(), zone->negative_at);
  const std::size_t octets = image.wire.size();
  if (image.image == nullptr || image.image->kind != table::ImageKind::kNegative ||
      octets < table::kRecordHead || octets > room || image.relocations.empty() ||
      image.relocations[0].at != 0 ||  // the owner is a pointer
      LoadBe16(image.wire.data() + table::kRecordHead - 2) != octets - table::kRecordHead)
      [[unlikely]] {
    return 0;
  }
  CopyOctets(message + begin, image.wire.data(), octets);
  for (const table::Relocation& relocation : image.relocations) {
    const std::size_t at = relocation.at;
    const std::size_t addend = relocation.code & 0x3FFFU;
    const auto base = static_cast<RelocationBase>(relocation.code >> 14U);
    std::size_t target = wire::kHeaderOctets;
    if (base == RelocationBase::kSuffix) {
      target += name - addend;
    } else if (base == RelocationBase::kImage) {
      target = begin + addend;
    }
    const bool in_name = base != RelocationBase::kSuffix || addend <= name;
    if (at + 2 > octets || !in_name || base > RelocationBase::kImage || target >= begin + at)
        [[unlikely]] {
      return 0;
    }
    StoreBe16(message + begin + at, static_cast<std::uint16_t>(0xC000U | target));
  }
  return begin + octets;
}

/// The closest encloser of a name that is not there, or null when the general way must look.
/// @param last  that of the query before, which mostly is this one's; may be null, and is changed.
inline const table::NameRecord* PlainEncloser(const table::Snapshot& snapshot,
                                              const table::NameKey& key,
                                              const table::NameRecord*& last) noexcept {
  const auto label = std::to_integer<std::size_t>(key.name[0]) + 1;
  if (label < key.octets &&
      snapshot.IsFound(last, {.name = key.name + label, .octets = key.octets - label})) [[likely]] {
    return last;
  }
  constexpr unsigned kMore = table::kNameCut | table::kNameDname | table::kNameWildcard;
  const Found found = LocateAbove(snapshot, key);
  if (found.where != Where::kMissing || (found.record->flags & kMore) != 0) {
    return nullptr;
  }
  return last = found.record;
}

/// Writes the reply when it is a plain negative one and says so; else leaves the query as it was.
/// @param encloser  PlainEncloser's `last`, of the burst.
/// @param udp_octets  what we say we take over UDP.
inline bool RespondPlainlyAbsent(const table::Snapshot& snapshot,
                                 Job& job,
                                 const Query& query,
                                 const table::NameRecord*& encloser,
                                 std::uint16_t udp_octets,
                                 Tally& tally) noexcept {
  if (query.todo != Todo::kLookUp || query.entry != nullptr || query.dnssec_ok ||
      (query.asked & ~unsigned{kAskedCookie}) != 0) {
    return false;
  }
  const table::NameRecord* record = query.record;
  const bool is_there = record != nullptr;
  if (is_there) {
    if ((record->flags & table::kNameCut) != 0 || AsksTheName(query.qtype) ||
        query.qtype == static_cast<std::uint16_t>(wire::Type::kDs)) {
      return false;
    }
  } else {
    record = PlainEncloser(snapshot, query.key, encloser);
    if (record == nullptr) {
      return false;
    }
  }
  const std::size_t begin = wire::kHeaderOctets + query.key.octets + 4;
  const std::size_t end = PutPlainSoa(
      snapshot, record->zone_at, job.message, query.key.octets, begin, kMostPlain - begin);
  if (end == 0) [[unlikely]] {
    return false;
  }
  const auto rcode = is_there ? wire::Rcode::kNoError : wire::Rcode::kNxDomain;
  ClosePlainly(job, query, end, {.rcode = rcode, .authorities = 1}, udp_octets, tally);
  tally.Add(is_there ? Counter::kNoError : Counter::kNxDomain);
  tally.Add(Counter::kNodata, is_there ? 1 : 0);
  return true;
}

}  // namespace holdfast::answer

// What a name leads to: rrset images, pools and their decisions, zones and their proofs, each
// judged once however many names lead there. See verifier.h.
#include <algorithm>

#include "dataplane/base/bytes.h"
#include "dataplane/table/location.h"
#include "dataplane/table/verifier.h"
#include "dataplane/table/verify_location.h"
#include "dataplane/table/verify_ordered.h"
#include "dataplane/wire/types.h"

namespace holdfast::table {
namespace {

constexpr unsigned kMaxDepth = 64;

}  // namespace

void Verifier::Entry(const RrsetEntry& entry, std::uint32_t from) {
  switch (entry.kind) {
    case RrsetKind::kImage:
      return Image(entry.at, ImageKind::kRrset, entry.type);
    case RrsetKind::kReferral:
      return Image(entry.at, ImageKind::kReferral, entry.type);
    case RrsetKind::kPool:
      return Pool(entry.at, entry.type);
    case RrsetKind::kAddress:  // of a record alone
    case RrsetKind::kTable:
      break;
  }
  Broken(Rule::kRecordRrsets, from);
}

void Verifier::Image(std::uint32_t at, ImageKind kind, std::uint16_t type) {
  const ImageParts parts = OpenImage(view_, at);
  if (parts.image == nullptr) {
    Broken(Rule::kImagePlace, at);
    return;
  }
  if (parts.image->kind != kind || (kind != ImageKind::kNegative && TypeOf(parts) != type)) {
    Broken(Rule::kImageKind, at);
  }
  const auto octets = static_cast<std::size_t>(parts.wire.data() + parts.wire.size() -
                                               reinterpret_cast<const std::byte*>(parts.image));
  if (!First(at, octets)) {
    return;
  }
  ++result_.images;
  if (!ChecksumFits(parts.image, octets)) {
    Broken(Rule::kImageChecksum, at);
    return;  // nothing below would say more
  }
  ImageInside(parts, at);
}

void Verifier::ImageInside(const ImageParts& parts, std::uint32_t at) {
  std::uint32_t before = 0;
  for (const std::uint16_t end : parts.record_ends) {
    if (end <= before || end > parts.wire.size()) {
      Broken(Rule::kImageRecords, at);
      return;
    }
    before = end;
  }
  if (parts.image->records == 0 || parts.referral.authority > parts.image->records ||
      parts.referral.required > parts.image->records ||
      (parts.image->records > 1 && before != parts.wire.size())) {
    Broken(Rule::kImageRecords, at);
  }
  for (const Relocation& relocation : parts.relocations) {
    const unsigned addend = relocation.code & kMaxRelocationAddend;
    const auto base = static_cast<RelocationBase>(relocation.code >> 14U);
    if (relocation.at + 2U > parts.wire.size() || base > RelocationBase::kImage ||
        (base == RelocationBase::kImage && addend >= parts.wire.size()) ||
        (base == RelocationBase::kSuffix && addend > 255)) {
      Broken(Rule::kImageRelocation, at);
    }
  }
  if (++depth_ > kMaxDepth) {
    Broken(Rule::kDepth, at);
  } else {
    if (parts.image->sigs_at != 0) {
      Image(
          parts.image->sigs_at, ImageKind::kRrset, static_cast<std::uint16_t>(wire::Type::kRrsig));
    }
    for (const AdditionalRef& ref : parts.additional) {
      if (ref.name_at >= parts.wire.size()) {
        Broken(Rule::kImageRelocation, at);
      }
      Entry({ref.type, ref.kind, 0, ref.at}, at);
    }
  }
  --depth_;
}

void Verifier::Pool(std::uint32_t at, std::uint16_t type) {
  const auto* slot = view_.At<PoolSlot>(at);
  if (slot == nullptr || slot->type != type) {
    Broken(Rule::kPoolPlace, at);
    return;
  }
  if (!First(at, sizeof(*slot))) {
    return;
  }
  ++result_.pools;
  Chain<Decision>(slot->decision_at.load(std::memory_order_relaxed));
  const Decision* decision = snapshot_.DecisionOf(at);
  const DecisionParts parts = OpenDecision(view_, decision);
  if (parts.decision == nullptr ||
      (decision->op == DecisionOp::kSwitch && decision->location_at == 0)) {
    Broken(Rule::kDecisionPlace, at);
    return;
  }
  result_.octets += parts.octets;
  if (ChecksumOf(parts) != decision->crc32c) {
    Broken(Rule::kDecisionChecksum, at);
    return;
  }
  if (decision->location_at != 0) {
    Location(decision->location_at);
  }
  if (++depth_ > kMaxDepth) {
    Broken(Rule::kDepth, at);
  } else {
    if (decision->op == DecisionOp::kDraw) {
      Outcomes(parts.outcomes, type, at);
    } else {
      Lists(parts, at);
      std::size_t begin = 0;
      for (const std::uint32_t end : parts.list_end) {
        if (begin < end && end <= parts.outcomes.size()) {
          Outcomes(parts.outcomes.subspan(begin, end - begin), type, at);
        }
        begin = end;
      }
    }
  }
  --depth_;
}

void Verifier::Lists(const DecisionParts& parts, std::uint32_t at) {
  std::uint32_t begin = 0;
  for (const std::uint32_t end : parts.list_end) {
    if (end <= begin || end - begin > kMaxOutcomes) {
      Broken(Rule::kDecisionLists, at);
      return;
    }
    begin = end;
  }
  const auto lists = parts.list_end.size();
  if (begin != parts.outcomes.size() ||
      std::ranges::any_of(parts.list_of_row,
                          [lists](std::uint16_t list) { return list >= lists; })) {
    Broken(Rule::kDecisionLists, at);
  }
  RowsOf(parts);
}

void Verifier::RowsOf(const DecisionParts& parts) {
  const auto row_of_class = OpenRowMap(view_, parts.map_at);
  const std::size_t octets = sizeof(RowMap) + row_of_class.size_bytes();
  if (row_of_class.empty()) {
    Broken(Rule::kRowMap, parts.map_at);
    return;
  }
  if (FirstShared(Rule::kRowMap, parts.map_at, octets) &&
      !ChecksumFits(view_.At<RowMap>(parts.map_at), octets)) {
    Broken(Rule::kRowMap, parts.map_at);
  }
  if (!in_parts_ && *std::ranges::max_element(row_of_class) >= parts.list_of_row.size()) {
    Broken(Rule::kRowMap, parts.map_at);
  }
}

void Verifier::Location(std::uint32_t at) {
  const LocationParts parts = OpenLocation(view_, at);
  if (parts.table == nullptr) {
    Broken(Rule::kLocationTable, at);
    return;
  }
  if (!FirstShared(Rule::kLocationTable, at, parts.octets)) {
    return;
  }
  if (!ChecksumFits(parts.table, parts.octets) || !IsInOrder(parts)) {
    Broken(Rule::kLocationTable, at);
  }
}

void Verifier::Outcomes(std::span<const Outcome> outcomes, std::uint16_t type, std::uint32_t at) {
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if ((i > 0 && outcomes[i].upto <= outcomes[i - 1].upto) ||
        (i + 1U == outcomes.size() && outcomes[i].upto != 0xFFFFFFFFU)) {
      Broken(Rule::kDecisionOutcomes, at);
    }
    switch (outcomes[i].kind) {
      case OutcomeKind::kNodata:
        break;
      case OutcomeKind::kSubset:
        if (outcomes[i].take == 0) {
          Broken(Rule::kDecisionOutcomes, at);
        }
        [[fallthrough]];
      case OutcomeKind::kImage:
        Image(outcomes[i].at, ImageKind::kRrset, type);
        break;
      case OutcomeKind::kPool:
        Pool(outcomes[i].at, type);
        break;
      default:
        Broken(Rule::kDecisionOutcomes, at);
    }
  }
}

void Verifier::Zone(std::uint32_t at, std::string_view name, std::uint32_t record_at) {
  const ZoneVersion* zone = snapshot_.Zone(at);
  if (zone == nullptr) {
    Broken(Rule::kZonePlace, at);
    return;
  }
  const auto* origin = view_.At<NameBlob>(zone->name_at, kNameBlobName + zone->name_octets);
  if (origin == nullptr || origin->octets != zone->name_octets ||
      !ChecksumFits(origin, kNameBlobName + origin->octets)) {
    Broken(Rule::kZonePlace, at);
    return;
  }
  const std::string_view origin_name(reinterpret_cast<const char*>(origin->name), origin->octets);
  if (!name.ends_with(origin_name)) {
    Broken(Rule::kRecordZone, record_at);
  }
  if (!First(at, sizeof(ZoneSlot) + sizeof(*zone))) {
    return;
  }
  Chain<ZoneVersion>(view_.At<ZoneSlot>(at)->version_at.load(std::memory_order_relaxed));
  constexpr std::size_t kSealed = offsetof(ZoneVersion, serial);
  if (Crc32c(reinterpret_cast<const std::byte*>(zone) + kSealed, sizeof(*zone) - kSealed) !=
      zone->crc32c) {
    Broken(Rule::kZoneChecksum, at);
    return;
  }
  if (zone->negative_at != 0) {
    Image(zone->negative_at, ImageKind::kNegative, 6);
  } else if ((zone->flags & kZoneNotLoaded) == 0) {
    Broken(Rule::kZonePlace, at);
  }
  if (zone->ordered_at != 0) {
    Ordered(zone->ordered_at);
  }
}

// Its images too, but not when the image is looked through in parts: there may be millions.
void Verifier::Ordered(std::uint32_t at) {
  const OrderedParts parts = OpenOrdered(view_, at);
  if (parts.table == nullptr) {
    Broken(Rule::kOrderedTable, at);
    return;
  }
  if (!FirstShared(Rule::kOrderedTable, at, parts.octets)) {
    return;
  }
  if (!ChecksumFits(parts.table, parts.octets) || !IsInOrder(parts)) {
    Broken(Rule::kOrderedTable, at);
    return;
  }
  const auto type = parts.hashed() ? wire::Type::kNsec3 : wire::Type::kNsec;
  for (std::size_t i = 0; i < parts.count(); ++i) {
    Image(parts.ImageAt(i), ImageKind::kRrset, static_cast<std::uint16_t>(type));
  }
}

}  // namespace holdfast::table

#include "dataplane/table/verify.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "dataplane/base/bytes.h"
#include "dataplane/table/location.h"
#include "dataplane/table/readers.h"
#include "dataplane/table/verify_location.h"
#include "dataplane/table/verify_ordered.h"

namespace holdfast::table {
namespace {

constexpr unsigned kMaxDepth = 64;
constexpr std::size_t kChecksum = sizeof(std::uint32_t);

bool ChecksumFits(const void* blob, std::size_t octets) {
  const auto* at = static_cast<const std::byte*>(blob);
  return octets >= kChecksum &&
         Crc32c(at + kChecksum, octets - kChecksum) == LoadAs<std::uint32_t>(at);
}

std::uint32_t Sum(std::span<const std::byte> octets) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    sum += std::to_integer<std::uint64_t>(octets[i]) << (i % 2 == 0 ? 8U : 0U);
  }
  while (sum >> 16U != 0) {
    sum = (sum & 0xFFFFU) + (sum >> 16U);
  }
  return static_cast<std::uint32_t>(sum);
}

class Verifier {
 public:
  Verifier(const View& view, Generation g, std::size_t most)
      : view_(view), snapshot_(view, g), g_(g), most_(most) {}

  VerifyResult Run() {
    Header();
    Index(0, ~0U);
    Health();
    ReplySettings();
    return std::move(result_);
  }
  VerifyResult RunBuckets(std::uint32_t first, std::uint32_t count) {
    in_parts_ = true;
    Header();
    Index(first, count);
    return std::move(result_);
  }
  VerifyResult RunHealth() {
    Health();
    ReplySettings();
    return std::move(result_);
  }

 private:
  void Broken(Rule rule, std::uint32_t at) {
    if (result_.defects.size() < most_) {
      result_.defects.push_back({rule, at, record_at_});
    }
  }
  // Whether a large blob is to be looked at here and now.
  bool FirstShared(Rule rule, std::uint32_t at, std::uint64_t octets) {
    if (!First(at, octets)) {
      return false;
    }
    if (in_parts_) {
      result_.shared.push_back({rule, at, octets, record_at_});
    }
    return !in_parts_;
  }
  // True at the first look at `at`.
  bool First(std::uint32_t at, std::size_t octets) {
    if (!seen_.insert(at).second) {
      return false;
    }
    result_.octets += octets;
    return true;
  }

  // From newer to older, ends with none.
  template <class V>
  void Chain(std::uint32_t at) {
    std::uint64_t born = ~std::uint64_t{0};
    for (unsigned i = 0; at != 0; ++i) {
      const V* version = view_.At<V>(at);
      if (version == nullptr || i >= kMaxVersions || version->born > born) {
        Broken(Rule::kVersionChain, at);
        return;
      }
      born = version->born;
      at = version->older_at;
    }
  }

  void Header();
  void Index(std::uint32_t first, std::uint32_t count);
  void Buckets(const IndexVersion& index,
               const Bucket* buckets,
               std::uint32_t first,
               std::uint32_t count);
  void Record(const NameRecord& record, std::uint32_t at);
  void Rrsets(const NameRecord& record, std::uint32_t at);
  void Entry(const RrsetEntry& entry, std::uint32_t from);
  void Image(std::uint32_t at, ImageKind kind, std::uint16_t type);
  void ImageInside(const ImageParts& parts, std::uint32_t at);
  void Pool(std::uint32_t at, std::uint16_t type);
  void Lists(const DecisionParts& parts, std::uint32_t at);
  void RowsOf(const DecisionParts& parts);
  void Location(std::uint32_t at);
  void Outcomes(std::span<const Outcome> outcomes, std::uint16_t type, std::uint32_t at);
  void Zone(std::uint32_t at, std::string_view name, std::uint32_t record_at);
  void Ordered(std::uint32_t at);
  void Health();
  void ReplySettings();
  std::string_view NameOf(const NameRecord& record) const;

  View view_;
  Snapshot snapshot_;
  Generation g_;
  std::size_t most_;
  unsigned depth_ = 0;
  bool in_parts_ = false;
  std::uint32_t record_at_ = 0;  // what is looked at belongs to this one
  std::unordered_set<std::uint32_t> seen_;
  VerifyResult result_;
};

void Verifier::Header() {
  if (!CheckImageHeader(view_.header(), view_.octets(), {})) {
    Broken(Rule::kHeader, 0);
  }
}

void Verifier::Index(std::uint32_t first, std::uint32_t count) {
  const std::uint32_t at = view_.header().index_at.load(std::memory_order_relaxed);
  Chain<IndexVersion>(at);
  const auto* index = view_.Newest<IndexVersion>(at, g_);
  if (index == nullptr || !snapshot_.ok() || index->spill > kMaxSpill) {
    Broken(Rule::kIndexVersion, at);
    return;
  }
  if (first < index->buckets) {
    Buckets(*index,
            view_.At<Bucket>(index->buckets_at),
            first,
            std::min(count, index->buckets - first));
  }
}

// Entries that spilled past these buckets lie in the next ones: those are counted, not judged.
void Verifier::Buckets(const IndexVersion& index,
                       const Bucket* buckets,
                       std::uint32_t first,
                       std::uint32_t count) {
  std::vector<std::uint32_t> spilled(count);
  const std::uint32_t beyond = std::min(index.spill, index.buckets - count);
  for (std::uint32_t step = 0; step < count + beyond; ++step) {
    const auto b = static_cast<std::uint32_t>((std::uint64_t{first} + step) % index.buckets);
    const bool judged = step < count;
    for (unsigned i = 0; i < kBucketEntries; ++i) {
      const std::uint32_t ref = buckets[b].ref[i];
      if (ref == 0) {
        continue;
      }
      const auto* record = view_.At<NameRecord>(ref);
      const std::string_view name = record == nullptr ? std::string_view{} : NameOf(*record);
      if (name.empty()) {
        if (judged) {
          Broken(record == nullptr ? Rule::kRecordPlace : Rule::kRecordName, ref);
        }
        continue;
      }
      std::byte padded[256 + kHashPadding]{};
      std::memcpy(padded, name.data(), name.size());
      const std::uint64_t hash = HashName(padded, name.size(), snapshot_.key());
      std::uint32_t own = BucketOf(hash, index.buckets);
      unsigned steps = 0;
      for (; own != b && steps <= index.spill; ++steps) {
        if (own - first < count) {  // not below `first` either: that would be a large number
          ++spilled[own - first];
        }
        own = own + 1 == index.buckets ? 0 : own + 1;
      }
      if (!judged) {
        continue;
      }
      record_at_ = ref;
      if (own != b || buckets[b].tag[i] != TagOf(hash)) {
        Broken(Rule::kRecordBucket, ref);
      }
      if (snapshot_.Visible(*record)) {
        Record(*record, ref);
      }
      record_at_ = 0;
    }
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (buckets[first + i].spilled < spilled[i]) {
      Broken(Rule::kRecordBucket,
             index.buckets_at + ((first + i) * std::uint32_t{sizeof(Bucket) / kOffsetUnit}));
    }
  }
}

// Empty when the name is not as it must be.
std::string_view Verifier::NameOf(const NameRecord& record) const {
  std::string_view name(reinterpret_cast<const char*>(record.name), record.name_octets);
  if (record.name_octets > kInlineNameOctets) {
    const auto* blob =
        view_.At<NameBlob>(LoadAs<std::uint32_t>(record.name), kNameBlobName + record.name_octets);
    if (blob == nullptr || blob->octets != record.name_octets ||
        !ChecksumFits(blob, kNameBlobName + blob->octets)) {
      return {};
    }
    name = {reinterpret_cast<const char*>(blob->name), blob->octets};
  } else if (std::any_of(record.name + record.name_octets,
                         record.name + kInlineNameOctets,
                         [](std::uint8_t o) { return o != 0; })) {
    return {};
  }
  std::size_t at = 0;
  while (at < name.size() && name[at] != 0) {
    const auto octets = static_cast<unsigned char>(name[at]);
    if (octets > 63 || at + octets + 1 >= name.size()) {
      return {};
    }
    at += octets + 1U;
  }
  const bool folded = std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
  return at + 1 == name.size() && folded ? name : std::string_view{};
}

void Verifier::Record(const NameRecord& record, std::uint32_t at) {
  ++result_.names;
  First(at, sizeof(record));
  const std::string_view name = NameOf(record);
  unsigned labels = 0;
  for (std::size_t i = 0; name[i] != 0; ++labels) {
    i += static_cast<unsigned char>(name[i]) + 1U;
  }
  if (labels > snapshot_.max_labels()) {
    Broken(Rule::kRecordLabels, at);
  }
  Zone(record.zone_at, name, at);
  Rrsets(record, at);
}

void Verifier::Rrsets(const NameRecord& record, std::uint32_t at) {
  if (record.rrsets > 2) {
    const auto* table = view_.At<RrsetTable>(record.rrset[0].at);
    const std::size_t octets =
        table == nullptr ? 0 : sizeof(*table) + (std::size_t{table->count} * sizeof(RrsetEntry));
    if (table == nullptr || record.rrset[0].kind != RrsetKind::kTable ||
        !view_.Holds(table, octets) || !ChecksumFits(table, octets) ||
        table->count != record.rrsets) {
      Broken(Rule::kTableChecksum, record.rrset[0].at);
      return;
    }
    First(record.rrset[0].at, octets);
  }
  std::uint32_t before = 0;
  for (const RrsetEntry& entry : snapshot_.Rrsets(record)) {
    if (entry.type <= before && before != 0) {
      Broken(Rule::kRecordRrsets, at);
    }
    before = entry.type;
    Entry(entry, at);
  }
}

void Verifier::Entry(const RrsetEntry& entry, std::uint32_t from) {
  switch (entry.kind) {
    case RrsetKind::kImage:
      return Image(entry.at, ImageKind::kRrset, entry.type);
    case RrsetKind::kReferral:
      return Image(entry.at, ImageKind::kReferral, entry.type);
    case RrsetKind::kPool:
      return Pool(entry.at, entry.type);
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
  if (parts.image->kind != kind || parts.image->type != type) {
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
  if (parts.image->records == 0 || parts.image->authority > parts.image->records ||
      parts.image->required > parts.image->records ||
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
  if (Sum(parts.wire) != parts.image->sum) {
    Broken(Rule::kImageSum, at);
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

void Verifier::Health() {
  const std::uint32_t at = view_.header().health_at.load(std::memory_order_relaxed);
  if (at == 0) {
    return;
  }
  Chain<HealthTable>(at);
  const auto* health = view_.Newest<HealthTable>(at, g_);
  if (health == nullptr ||
      !view_.Holds(health,
                   sizeof(*health) + (std::uint64_t{health->count} * sizeof(HealthEntry)))) {
    Broken(Rule::kHealthTable, at);
    return;
  }
  const auto* entries = reinterpret_cast<const HealthEntry*>(health + 1);
  std::string_view before;
  for (std::uint32_t i = 0; i < health->count; ++i) {
    const HealthEntry& entry = entries[i];
    const std::string_view id(entry.id, std::min<std::size_t>(entry.id_octets, sizeof(entry.id)));
    if (id.empty() || id.size() != entry.id_octets || id <= before || entry.raw > 2 ||
        entry.healthy > 1 || entry.manual > 2) {
      Broken(Rule::kHealthTable, at);
      return;
    }
    before = id;
  }
}

void Verifier::ReplySettings() {
  const std::uint32_t at = view_.header().settings_at.load(std::memory_order_relaxed);
  if (at == 0) {
    return;
  }
  Chain<Settings>(at);
  const auto* settings = view_.Newest<Settings>(at, g_);
  if (settings == nullptr || ChecksumOf(*settings) != settings->crc32c ||
      settings->cookies > CookieMode::kRequire || settings->cookie_secrets > kMaxCookieSecrets ||
      settings->extended_errors > 1 || settings->nsid_octets > kMaxNsidOctets ||
      (settings->rate.answers_per_second != 0 && settings->rate.burst == 0)) {
    Broken(Rule::kSettings, at);
  } else if (settings->access_at != 0) {
    Location(settings->access_at);
  }
}

}  // namespace

VerifyResult VerifyImage(const View& view, Generation g, std::size_t most) {
  return Verifier(view, g, most).Run();
}

VerifyResult VerifyBuckets(
    const View& view, Generation g, std::uint32_t first, std::uint32_t count, std::size_t most) {
  return Verifier(view, g, most).RunBuckets(first, count);
}

VerifyResult VerifyHealth(const View& view, Generation g) {
  return Verifier(view, g, 1).RunHealth();
}

}  // namespace holdfast::table

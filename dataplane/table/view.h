// Reading an image. A View bounds every offset and length where it is read; a Snapshot is a View at
// one published generation, taken once per burst after the packets came. Hot: any core, no locks,
// no allocation; whatever the octets of the image say, nothing outside it is read and every loop
// ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <emmintrin.h>
#include <span>

#include "dataplane/base/bytes.h"
#include "dataplane/table/format.h"
#include "dataplane/table/hash.h"

namespace holdfast::table {

/// Bounded access to a mapped image. Does not own the mapping.
class View {
 public:
  View() noexcept = default;
  /// @param base    start of the image, aligned to 64 octets; at least a page long.
  /// @param octets  length of the mapping.
  View(const std::byte* base, std::uint64_t octets) noexcept : base_(base), octets_(octets) {}

  /// The T at `at` with `octets` octets behind its start, or null when that is not inside the image
  /// (or is the header, which offset 0 means "none" for).
  template <class T>
  [[nodiscard]] const T* At(std::uint32_t at, std::uint64_t octets) const noexcept {
    const std::uint64_t start = std::uint64_t{at} * kOffsetUnit;
    if (start < sizeof(ImageHeader) || octets > octets_ || start > octets_ - octets) [[unlikely]] {
      return nullptr;
    }
    return reinterpret_cast<const T*>(base_ + start);
  }
  template <class T>
  [[nodiscard]] const T* At(std::uint32_t at) const noexcept {
    constexpr std::uint32_t kHeaderUnits = sizeof(ImageHeader) / kOffsetUnit;
    const std::uint64_t start = std::uint64_t{at} * kOffsetUnit;
    if (at < kHeaderUnits || start + sizeof(T) > octets_) [[unlikely]] {
      return nullptr;
    }
    return reinterpret_cast<const T*>(base_ + start);
  }
  /// Whether `octets` octets from `p`, which lies inside the image, are inside it too.
  [[nodiscard]] bool Holds(const void* p, std::uint64_t octets) const noexcept {
    const auto start = static_cast<std::uint64_t>(static_cast<const std::byte*>(p) - base_);
    return octets <= octets_ && start <= octets_ - octets;
  }
  [[nodiscard]] const ImageHeader& header() const noexcept {
    return *reinterpret_cast<const ImageHeader*>(base_);
  }
  [[nodiscard]] bool empty() const noexcept { return base_ == nullptr; }
  [[nodiscard]] std::uint64_t octets() const noexcept { return octets_; }
  [[nodiscard]] const std::byte* base() const noexcept { return base_; }

  /// The newest version with born <= g, starting from the slot's newest; null when there is none
  /// within kMaxVersions. V has `born` and `older_at`.
  template <class V>
  [[nodiscard]] const V* Newest(std::uint32_t at, Generation g) const noexcept {
    for (unsigned i = 0; i < kMaxVersions; ++i) {
      const V* version = At<V>(at);
      if (version == nullptr) [[unlikely]] {
        return nullptr;
      }
      if (__atomic_load_n(&version->born, __ATOMIC_RELAXED) <= g.value()) [[likely]] {
        return version;
      }
      at = __atomic_load_n(&version->older_at, __ATOMIC_RELAXED);
    }
    return nullptr;
  }

 private:
  const std::byte* base_ = nullptr;
  std::uint64_t octets_ = 0;
};

/// What stands behind a Decision, each part checked to lie inside the image file.
struct DecisionParts {
  const Decision* decision = nullptr;          // null: not readable
  std::uint64_t octets = 0;                    // of all of it
  std::uint32_t map_at = 0;                    // kSwitch: RowMap
  std::span<const std::uint32_t> list_end;     // kSwitch; may lead past the outcomes
  std::span<const std::uint16_t> list_of_row;  // kSwitch; may lead past the lists
  std::span<const Outcome> outcomes;           // of all lists together
};

inline DecisionParts OpenDecision(const View& view, const Decision* decision) noexcept {
  DecisionParts parts;
  if (decision == nullptr || decision->count == 0) [[unlikely]] {
    return parts;
  }
  // Each field is read once: what was checked is what is used, also while the image changes.
  const std::uint32_t count = decision->count;
  if (decision->op == DecisionOp::kDraw) {
    parts.octets = sizeof(Decision) + (count * sizeof(Outcome));
    if (count <= kMaxOutcomes && view.Holds(decision, parts.octets)) [[likely]] {
      parts.outcomes = {reinterpret_cast<const Outcome*>(decision + 1), count};
      parts.decision = decision;
    }
    return parts;
  }
  const auto* head = reinterpret_cast<const SwitchHead*>(decision + 1);
  if (decision->op != DecisionOp::kSwitch || !view.Holds(head, sizeof(*head))) [[unlikely]] {
    return parts;
  }
  const std::uint64_t rows = head->rows;
  const std::uint64_t outcomes = head->outcomes;
  const std::uint64_t before = sizeof(Decision) + sizeof(SwitchHead) +
                               (count * sizeof(std::uint32_t)) +
                               (((rows + 1) & ~std::uint64_t{1}) * sizeof(std::uint16_t));
  parts.octets = before + (outcomes * sizeof(Outcome));
  if (rows == 0 || !view.Holds(decision, parts.octets)) [[unlikely]] {
    return parts;
  }
  const auto* ends = reinterpret_cast<const std::uint32_t*>(head + 1);
  parts.map_at = head->map_at;
  parts.list_end = {ends, count};
  parts.list_of_row = {reinterpret_cast<const std::uint16_t*>(ends + count), rows};
  parts.outcomes = {
      reinterpret_cast<const Outcome*>(reinterpret_cast<const std::byte*>(decision) + before),
      outcomes};
  parts.decision = decision;
  return parts;
}

/// The checksum that all of a decision has, its `born` and `older_at` left out. For who checks, not
/// for who answers.
inline std::uint32_t ChecksumOf(const DecisionParts& parts) noexcept {
  constexpr std::size_t kBehind = offsetof(Decision, crc32c) + sizeof(std::uint32_t);
  return Crc32c(reinterpret_cast<const std::byte*>(parts.decision) + kBehind,
                parts.octets - kBehind);
}

/// The checksum that settings have, `born` and `older_at` left out.
inline std::uint32_t ChecksumOf(const Settings& settings) noexcept {
  constexpr std::size_t kBehind = offsetof(Settings, crc32c) + sizeof(std::uint32_t);
  return Crc32c(reinterpret_cast<const std::byte*>(&settings) + kBehind,
                sizeof(settings) - kBehind);
}

/// The rows of a RowMap by class; empty when it is not readable.
inline std::span<const std::uint16_t> OpenRowMap(const View& view, std::uint32_t at) noexcept {
  const auto* map = view.At<RowMap>(at);
  const std::uint64_t classes = map == nullptr ? 0 : map->classes;
  if (map == nullptr || !view.Holds(map, sizeof(*map) + (classes * sizeof(std::uint16_t))))
      [[unlikely]] {
    return {};
  }
  return {reinterpret_cast<const std::uint16_t*>(map + 1), classes};
}

/// The parts behind an RrImage's header, each checked to lie inside the image file.
struct ImageParts {
  const RrImage* image = nullptr;  // null: not a readable image
  ReferralHead referral{};         // of kind kReferral
  std::span<const AdditionalRef> additional;
  std::span<const Relocation> relocations;
  std::span<const std::uint16_t> record_ends;  // empty when there is one record
  std::span<const std::byte> wire;
};

/// Opens the RrImage at `at`. `image` of the result is null when it is not wholly inside the image
/// file; record ends and relocations are not yet checked against `wire`: who uses one checks it.
inline ImageParts OpenImage(const View& view, std::uint32_t at) noexcept {
  ImageParts parts;
  const auto* image = view.At<RrImage>(at);
  if (image == nullptr) [[unlikely]] {
    return parts;
  }
  // Each field is read once: what was checked is what is used, also while the image changes.
  const std::size_t additional = image->additional;
  const std::size_t relocations = image->relocations;
  const std::size_t ends = image->records > 1 ? image->records : 0U;
  const std::size_t octets = image->octets;
  const bool is_referral = image->kind == ImageKind::kReferral;
  const std::size_t head = sizeof(RrImage) + (is_referral ? sizeof(ReferralHead) : 0);
  const std::size_t before = head + (additional * sizeof(AdditionalRef)) +
                             (relocations * sizeof(Relocation)) + (ends * sizeof(std::uint16_t));
  if (view.At<RrImage>(at, before + octets) == nullptr || additional > kMaxAdditional)
      [[unlikely]] {
    return parts;
  }
  const auto* p = reinterpret_cast<const std::byte*>(image) + head;
  parts.image = image;
  if (is_referral) {
    parts.referral = LoadAs<ReferralHead>(image + 1);
  }
  parts.additional = {reinterpret_cast<const AdditionalRef*>(p), additional};
  p += additional * sizeof(AdditionalRef);
  parts.relocations = {reinterpret_cast<const Relocation*>(p), relocations};
  p += relocations * sizeof(Relocation);
  parts.record_ends = {reinterpret_cast<const std::uint16_t*>(p), ends};
  p += ends * sizeof(std::uint16_t);
  parts.wire = {p, octets};
  return parts;
}

inline constexpr std::size_t kRecordHead = 12;  // pointer, type, class, TTL, RDLENGTH

/// Type and TTL of the first record of an rrset or referral; 0 when the image holds no record.
inline std::uint16_t TypeOf(const ImageParts& parts) noexcept {
  return parts.wire.size() < kRecordHead ? std::uint16_t{0} : LoadBe16(parts.wire.data() + 2);
}
inline std::uint32_t TtlOf(const ImageParts& parts) noexcept {
  return parts.wire.size() < kRecordHead ? 0 : LoadBe32(parts.wire.data() + 6);
}

/// The record of a kAddress entry as an image holds it, made where it is wanted.
class AddressImage {
 public:
  /// @param entry  of `record`. @return an image that cannot be read when the two do not agree.
  ImageParts Open(const NameRecord& record, const RrsetEntry& entry) noexcept {
    static constexpr RrImage kImage{.crc32c = 0,
                                    .octets = kOctets,
                                    .records = 1,
                                    .kind = ImageKind::kRrset,
                                    .additional = 0,
                                    .relocations = 0,
                                    .sigs_at = 0};
    ImageParts parts;
    if (&entry == record.rrset && record.rrsets == 1) [[likely]] {
      Write(record, wire_.data());
      parts.image = &kImage;
      parts.wire = wire_;
    }
    return parts;
  }
  static constexpr std::uint16_t kOctets = 16;
  /// Puts kOctets octets at `to`.
  static void Write(const NameRecord& record, std::byte* to) noexcept {
    const auto address = LoadAs<InlineAddress>(&record.rrset[1]);
    const std::uint32_t ttl = __builtin_bswap32(address.ttl);
    constexpr std::uint64_t kOwnerTypeClass = 0x010001000CC0;  // C0 0C, A, IN, read little-endian
    constexpr std::uint64_t kAddressOctets = 0x0400;
    StoreAs(to, kOwnerTypeClass | (std::uint64_t{ttl} << 48U));
    StoreAs(to + 8,
            (ttl >> 16U) | (kAddressOctets << 16U) |
                (std::uint64_t{LoadAs<std::uint32_t>(address.address)} << 32U));
  }

 private:
  std::array<std::byte, kOctets> wire_;
};

/// The checksum that a record's kAddress entry has.
inline std::uint32_t ChecksumOfAddress(const NameRecord& record) noexcept {
  return Crc32c(&record.rrset[1], sizeof(InlineAddress));
}

/// The wire octets of the image at `at` when it is an rrset of one record that is placed as it
/// stands where its owner is the question; empty for any other, and for one that is damaged.
inline std::span<const std::byte> OpenSingle(const View& view, std::uint32_t at) noexcept {
  constexpr std::uint16_t kQuestionPointer = 0x0CC0;  // C0 0C, read little-endian
  const auto* image = view.At<RrImage>(at);
  if (image == nullptr || image->kind != ImageKind::kRrset || image->records != 1 ||
      image->additional != 0 || image->relocations != 0) {
    return {};
  }
  const std::size_t octets = image->octets;
  const auto* wire = reinterpret_cast<const std::byte*>(image + 1);
  if (octets < kRecordHead || !view.Holds(wire, octets) ||
      LoadAs<std::uint16_t>(wire) != kQuestionPointer ||
      LoadBe16(wire + kRecordHead - 2) != octets - kRecordHead) [[unlikely]] {
    return {};
  }
  return {wire, octets};
}

/// A name as the index looks it up: folded, zero-padded by kHashPadding octets, hashed.
struct NameKey {
  const std::byte* name = nullptr;
  std::size_t octets = 0;
  std::uint64_t hash = 0;
};

/// An image at one published generation: what one burst is answered from. Cheap to copy.
class Snapshot {
 public:
  Snapshot() noexcept = default;
  /// Resolves the index of generation `g`. Not ok() when the image has none that is readable.
  Snapshot(const View& view, Generation g) noexcept : view_(view), generation_(g) {
    const auto* index =
        view.Newest<IndexVersion>(view.header().index_at.load(std::memory_order_relaxed), g);
    if (index == nullptr) {
      return;
    }
    // Read once, here and below: what was judged is what is used, whoever writes meanwhile.
    const std::uint32_t buckets = index->buckets;
    const std::uint32_t spill = index->spill;
    if (buckets == 0 || spill > kMaxSpill) {
      return;
    }
    buckets_ = view.At<Bucket>(index->buckets_at, std::uint64_t{buckets} * sizeof(Bucket));
    bucket_count_ = buckets_ == nullptr ? 0 : buckets;
    spill_ = spill;
    key_ = {{index->key[0], index->key[1]}};
    max_labels_ = view.header().max_labels.load(std::memory_order_relaxed);
    settings_ = view.Newest<Settings>(view.header().settings_at.load(std::memory_order_relaxed), g);
  }

  [[nodiscard]] bool ok() const noexcept { return bucket_count_ != 0; }
  [[nodiscard]] const View& view() const noexcept { return view_; }
  [[nodiscard]] Generation generation() const noexcept { return generation_; }
  [[nodiscard]] const HashKey& key() const noexcept { return key_; }
  /// No name of the image has more labels than this.
  [[nodiscard]] std::uint32_t max_labels() const noexcept { return max_labels_; }
  [[nodiscard]] std::uint32_t bucket_count() const noexcept { return bucket_count_; }
  /// What replies are made by; null when the image has none: everything off. The numbers in it are
  /// not judged here.
  [[nodiscard]] const Settings* settings() const noexcept { return settings_; }

  /// First bucket to look into, for prefetching. ok() only.
  [[nodiscard]] const Bucket* BucketFor(std::uint64_t hash) const noexcept {
    return buckets_ + BucketOf(hash, bucket_count_);
  }

  /// First record whose tag fits in the hash's own bucket, for prefetching; null when none does.
  [[nodiscard]] const NameRecord* Candidate(std::uint64_t hash) const noexcept {
    const Bucket& bucket = *BucketFor(hash);
    const unsigned fits = MatchTags(bucket, TagOf(hash));
    return fits == 0 ? nullptr : view_.At<NameRecord>(LoadRef(bucket, __builtin_ctz(fits)));
  }

  /// The record of a name that is visible at this generation, or null. ok() only; looks into at
  /// most 1 + kMaxSpill buckets.
  [[nodiscard]] const NameRecord* Find(const NameKey& key) const noexcept {
    return FindIf(key, [](const NameRecord&) { return true; });
  }

  /// As Find, for the record that also `fits`: the apex of a zone and the cut in the zone above it
  /// are two records of one name when both zones are served.
  template <class Fits>
  [[nodiscard]] const NameRecord* FindIf(const NameKey& key, Fits fits) const noexcept {
    std::uint32_t at = BucketOf(key.hash, bucket_count_);
    for (std::uint32_t i = 0; i <= spill_; ++i) {
      const Bucket& bucket = buckets_[at];
      for (unsigned same = MatchTags(bucket, TagOf(key.hash)); same != 0; same &= same - 1) {
        const auto* record = view_.At<NameRecord>(LoadRef(bucket, __builtin_ctz(same)));
        if (record != nullptr && Visible(*record) && HasName(*record, key) && fits(*record)) {
          return record;
        }
      }
      if (__atomic_load_n(&bucket.spilled, __ATOMIC_RELAXED) == 0) [[likely]] {
        break;
      }
      at = at + 1 == bucket_count_ ? 0 : at + 1;
    }
    return nullptr;
  }

  /// Whether `record` is what Find(key) returns, for what Candidate gave; may be null.
  [[nodiscard]] bool IsFound(const NameRecord* record, const NameKey& key) const noexcept {
    return record != nullptr && Visible(*record) && HasName(*record, key);
  }

  [[nodiscard]] bool Visible(const NameRecord& record) const noexcept {
    const std::uint32_t born = __atomic_load_n(&record.born, __ATOMIC_RELAXED);
    const std::uint32_t died = __atomic_load_n(&record.died, __ATOMIC_RELAXED);
    if ((born | died) == 0) [[likely]] {
      return true;
    }
    const auto g = static_cast<std::uint32_t>(generation_.value());
    return (born == 0 || static_cast<std::int32_t>(g - born) >= 0) &&
           (died == 0 || static_cast<std::int32_t>(g - died) < 0);
  }

  /// The rrset entries of a record; empty when it has none or they are not readable.
  [[nodiscard]] std::span<const RrsetEntry> Rrsets(const NameRecord& record) const noexcept {
    const unsigned inlined = record.rrsets;
    if (inlined <= 2) [[likely]] {
      return {record.rrset, inlined};
    }
    const std::uint32_t at = record.rrset[0].at;
    const auto* table = view_.At<RrsetTable>(at);
    const std::uint32_t count = table == nullptr ? 0 : table->count;
    if (count == 0 || count > kMaxNameRrsets ||
        view_.At<RrsetTable>(at, sizeof(RrsetTable) + (count * sizeof(RrsetEntry))) == nullptr)
        [[unlikely]] {
      return {};
    }
    return {reinterpret_cast<const RrsetEntry*>(table + 1), count};
  }

  /// The zone's state at this generation, or null.
  [[nodiscard]] const ZoneVersion* Zone(std::uint32_t zone_at) const noexcept {
    const auto* slot = view_.At<ZoneSlot>(zone_at);
    return slot == nullptr ? nullptr
                           : view_.Newest<ZoneVersion>(
                                 slot->version_at.load(std::memory_order_relaxed), generation_);
  }

  /// The decision of a pool at this generation, or null. What stands behind it: OpenDecision.
  [[nodiscard]] const Decision* DecisionOf(std::uint32_t pool_at) const noexcept {
    const auto* slot = view_.At<PoolSlot>(pool_at);
    if (slot == nullptr) [[unlikely]] {
      return nullptr;
    }
    return view_.Newest<Decision>(slot->decision_at.load(std::memory_order_relaxed), generation_);
  }

 private:
  static std::uint32_t LoadRef(const Bucket& bucket, unsigned i) noexcept {
    return __atomic_load_n(&bucket.ref[i], __ATOMIC_RELAXED);
  }
  // Bit i: tag[i] equals `tag`. Whether ref[i] is in use shows when it is followed (0 leads
  // nowhere). Two overlapping vector compares cover the ten; each yields two bits per tag, packed
  // to one.
  static unsigned MatchTags(const Bucket& bucket, std::uint16_t tag) noexcept {
    const __m128i wanted = _mm_set1_epi16(static_cast<std::int16_t>(tag));
    const auto compare = [&](unsigned first) {
      const __m128i tags = _mm_loadu_si128(reinterpret_cast<const __m128i*>(&bucket.tag[first]));
      const __m128i equal = _mm_cmpeq_epi16(tags, wanted);
      return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())));
    };
    return compare(0) | (compare(2) << 2U);
  }
  [[nodiscard]] bool HasName(const NameRecord& record, const NameKey& key) const noexcept {
    if (record.name_octets != key.octets) {
      return false;
    }
    if (key.octets <= kInlineNameOctets) [[likely]] {
      // Both are zero behind the name.
      const auto same = [&](std::size_t at) {
        return _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(record.name + at)),
                              _mm_loadu_si128(reinterpret_cast<const __m128i*>(key.name + at)));
      };
      static_assert(kInlineNameOctets == 32 && kHashPadding >= 32);
      return _mm_movemask_epi8(_mm_and_si128(same(0), same(16))) == 0xFFFF;
    }
    const auto* blob =
        view_.At<NameBlob>(LoadAs<std::uint32_t>(record.name), kNameBlobName + key.octets);
    return blob != nullptr && blob->octets == key.octets &&
           std::memcmp(blob->name, key.name, key.octets) == 0;
  }

  View view_;
  Generation generation_;
  const Bucket* buckets_ = nullptr;
  std::uint32_t bucket_count_ = 0;
  std::uint32_t spill_ = 0;
  std::uint32_t max_labels_ = 0;
  HashKey key_;
  const Settings* settings_ = nullptr;
};

}  // namespace holdfast::table

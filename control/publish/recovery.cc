#include "control/publish/recovery.h"

#include <algorithm>
#include <cstring>

#include "dataplane/base/bytes.h"
#include "dataplane/base/check.h"
#include "dataplane/table/location.h"
#include "dataplane/table/ordered.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {

using table::Bucket;
using table::NameRecord;
using table::RrsetEntry;
using table::RrsetKind;

namespace {

constexpr unsigned kMaxDepth = 64;  // of pools that lead to pools, images that lead to images

void Store(std::uint32_t& where, std::uint32_t value) {
  __atomic_store_n(&where, value, __ATOMIC_RELAXED);
}

}  // namespace

std::unexpected<Error> Recovery::Damaged(const char* what, std::uint32_t at) {
  return Fail(
      ErrorCode::kInvalid,
      std::string("damaged: ") + what + " at offset " + std::to_string(at) + " is unreadable");
}

Status Recovery::Run() {
  HF_TRY(AdoptIndex());
  HF_TRY(AdoptHealth());
  HF_TRY(AdoptSettings());
  for (auto& [origin, zone] : p_.zones_) {
    std::ranges::sort(zone.records);
  }
  p_.blobs_->AppendExtents(used_);
  p_.shared_->AppendExtents(used_);
  std::ranges::sort(used_);
  for (std::size_t i = 1; i < used_.size(); ++i) {
    if (used_[i - 1].at + used_[i - 1].units > used_[i].at) {
      return Damaged("something that overlaps another", used_[i].at);
    }
  }
  p_.writer_->arena().Assume(std::move(used_));
  std::ranges::stable_sort(waiting_, {}, &Publisher::Waiting::generation);
  p_.waiting_.assign(waiting_.begin(), waiting_.end());
  // What is free now may have become so a moment before the other control died: a reader may still
  // hold it. It is used again only after a generation of ours was passed.
  for (const Extent& run : p_.writer_->arena().TakeFree()) {
    p_.Wait({p_.Next().value(), Kind::kRun, run.at, 0, run.units});
  }
  return {};
}

// Back to the newest published version; versions before it wait for their readers.
template <class V, class Each>
Status Recovery::AdoptVersions(std::atomic<std::uint32_t>& newest,
                               Kind kind,
                               std::uint32_t owner,
                               Each each) {
  std::uint32_t at = newest.load(std::memory_order_relaxed);
  const V* version = view_.At<V>(at);
  for (unsigned i = 0; version != nullptr && version->born > g_.value(); ++i) {
    if (i >= table::kMaxVersions) {
      return Damaged("a chain of versions", at);
    }
    at = version->older_at;
    version = view_.At<V>(at);
  }
  if (version == nullptr) {
    return Damaged("a version", at);
  }
  newest.store(at, std::memory_order_relaxed);
  HF_TRY(each(at));
  for (unsigned i = 0; version->older_at != 0; ++i) {
    const std::uint32_t older_at = version->older_at;
    const V* older = view_.At<V>(older_at);
    if (older == nullptr || i >= table::kMaxVersions || older->born > version->born) {
      return Damaged("an older version", older_at);
    }
    HF_TRY(each(older_at));
    waiting_.push_back({version->born, kind, older_at, at, owner});
    at = older_at;
    version = older;
  }
  return {};
}

Status Recovery::AdoptIndex() {
  const auto adopt = [this](std::uint32_t at) -> Status {
    const auto* version = view_.At<table::IndexVersion>(at);
    const std::uint64_t octets = std::uint64_t{version->buckets} * sizeof(Bucket);
    // A reader would look no further than `spill` says.
    if (version->buckets == 0 || version->spill != table::kMaxSpill ||
        view_.At<Bucket>(version->buckets_at, octets) == nullptr) {
      return Damaged("the name index", at);
    }
    Take(at, sizeof(*version));
    Take(version->buckets_at, octets);
    p_.index_->Know(at, *version);
    return {};
  };
  auto& newest = p_.writer_->header().index_at;
  HF_TRY(AdoptVersions<table::IndexVersion>(newest, Kind::kIndex, 0, adopt));
  p_.index_->Return(newest.load(std::memory_order_relaxed), 0);
  const auto& version = *view_.At<table::IndexVersion>(newest.load(std::memory_order_relaxed));
  auto* buckets = p_.writer_->At<Bucket>(version.buckets_at);
  std::vector<std::uint16_t> spilled(version.buckets);
  std::uint64_t entries = 0;
  for (std::uint32_t b = 0; b < version.buckets; ++b) {
    for (unsigned i = 0; i < table::kBucketEntries; ++i) {
      std::uint32_t& ref = buckets[b].ref[i];
      if (ref == 0) {
        continue;
      }
      const auto* record = view_.At<NameRecord>(ref);
      if (record == nullptr || !NameReadable(*record)) {
        return Damaged("a name record", ref);
      }
      if (record->born != 0 &&
          static_cast<std::int32_t>(static_cast<std::uint32_t>(g_.value()) - record->born) < 0) {
        Store(ref, 0);  // entered, never published
        continue;
      }
      const PaddedName name(NameOf(*p_.writer_, *record), p_.index_->key());
      std::uint32_t own = table::BucketOf(name.key().hash, version.buckets);
      if (buckets[b].tag[i] != table::TagOf(name.key().hash)) {
        return Damaged("a bucket", version.buckets_at);
      }
      for (unsigned step = 0; own != b; ++step) {
        if (step >= table::kMaxSpill) {
          return Damaged("a bucket", version.buckets_at);
        }
        ++spilled[own];
        own = own + 1 == version.buckets ? 0 : own + 1;
      }
      HF_TRY(AdoptRecord(ref));
      ++entries;
    }
  }
  p_.index_->set_entries(entries);
  for (std::uint32_t b = 0; b < version.buckets; ++b) {
    // Never below what is true at any moment: records are neither entered nor moved here.
    __atomic_store_n(&buckets[b].spilled, spilled[b], __ATOMIC_RELAXED);
  }
  return {};
}

bool Recovery::NameReadable(const NameRecord& record) const {
  if (record.name_octets == 0) {
    return false;
  }
  if (record.name_octets <= table::kInlineNameOctets) {
    // Zeros behind it: readers compare all of it.
    return std::all_of(record.name + record.name_octets,
                       record.name + table::kInlineNameOctets,
                       [](std::uint8_t octet) { return octet == 0; });
  }
  const auto* blob = view_.At<table::NameBlob>(LoadAs<std::uint32_t>(record.name),
                                               table::kNameBlobName + record.name_octets);
  return blob != nullptr && blob->octets == record.name_octets;
}

Status Recovery::AdoptRecord(std::uint32_t at) {
  auto& record = *p_.writer_->At<NameRecord>(at);
  const auto low = static_cast<std::uint32_t>(g_.value());
  Take(at, sizeof(record));
  const auto full = [&](std::uint32_t generation) { return g_.value() - (low - generation); };
  if (record.born != 0) {
    waiting_.push_back({full(record.born), Kind::kRecordSettle, at});
  }
  if (record.died != 0 && static_cast<std::int32_t>(low - record.died) < 0) {
    Store(record.died, 0);  // its end was never published
  }
  if (record.name_octets > table::kInlineNameOctets) {
    p_.blobs_->Adopt(BlobKind::kName, LoadAs<std::uint32_t>(record.name));
  }
  const unsigned entries = record.rrsets > 2 ? 1 : record.rrsets;
  if (record.rrsets == 1 && record.rrset[0].kind == RrsetKind::kAddress) {
    if (record.rrset[0].type != static_cast<std::uint16_t>(wire::Type::kA) ||
        record.rrset[0].at != table::ChecksumOfAddress(record)) {
      return Damaged("an address", at);
    }
  } else {
    for (unsigned i = 0; i < entries; ++i) {
      HF_TRY(AdoptEntry(record.rrset[i]));
    }
  }
  if (record.died != 0) {
    waiting_.push_back({full(record.died), Kind::kRecordEnd, at});
    return {};
  }
  return AdoptZone(record.zone_at, at);
}

Status Recovery::AdoptEntry(const RrsetEntry& entry) {
  switch (entry.kind) {
    case RrsetKind::kImage:
    case RrsetKind::kReferral:
      return AdoptImage(entry.at);
    case RrsetKind::kPool:
      return AdoptPool(entry.at);
    case RrsetKind::kTable: {
      const auto* table = view_.At<table::RrsetTable>(entry.at);
      if (table == nullptr || table->count > table::kMaxNameRrsets ||
          !view_.Holds(table, sizeof(*table) + (table->count * sizeof(RrsetEntry)))) {
        return Damaged("a table of rrsets", entry.at);
      }
      if (p_.blobs_->Adopt(BlobKind::kRrsetTable, entry.at)) {
        const auto* inner = reinterpret_cast<const RrsetEntry*>(table + 1);
        for (std::uint32_t i = 0; i < table->count; ++i) {
          if (inner[i].kind == RrsetKind::kTable) {
            return Damaged("a table of rrsets", entry.at);
          }
          HF_TRY(AdoptEntry(inner[i]));
        }
      }
      return {};
    }
    case RrsetKind::kAddress:
      break;
  }
  return Damaged("an rrset entry", entry.at);
}

Status Recovery::AdoptImage(std::uint32_t at) {
  const table::ImageParts parts = table::OpenImage(view_, at);
  if (parts.image == nullptr || depth_ > kMaxDepth) {
    return Damaged("an rrset", at);
  }
  constexpr std::size_t kSealed = sizeof(std::uint32_t);
  const std::size_t octets = p_.blobs_->OctetsAt(BlobKind::kImage, at).size();
  if (octets < kSealed || table::Crc32c(reinterpret_cast<const char*>(parts.image) + kSealed,
                                        octets - kSealed) != parts.image->crc32c) {
    return Damaged("an rrset", at);
  }
  if (p_.blobs_->Adopt(BlobKind::kImage, at)) {
    ++depth_;
    if (parts.image->sigs_at != 0) {
      HF_TRY(AdoptImage(parts.image->sigs_at));
    }
    for (const table::AdditionalRef& ref : parts.additional) {
      HF_TRY(AdoptEntry({ref.type, ref.kind, 0, ref.at}));
    }
    --depth_;
  }
  return {};
}

Status Recovery::AdoptPool(std::uint32_t slot_at) {
  if (auto* pool = p_.pools_.At(slot_at)) {
    ++pool->references;
    return {};
  }
  const auto* slot = view_.At<table::PoolSlot>(slot_at);
  if (slot == nullptr || depth_ > kMaxDepth) {
    return Damaged("a pool", slot_at);
  }
  Take(slot_at, sizeof(*slot));
  p_.pools_.Add({.rule = {{slot->rule[0], slot->rule[1]}}, .slot_at = slot_at, .references = 1});
  ++depth_;
  auto& newest = p_.writer_->At<table::PoolSlot>(slot_at)->decision_at;
  HF_TRY(AdoptVersions<table::Decision>(
      newest, Kind::kDecision, slot_at, [&](std::uint32_t at) -> Status {
        ++p_.pools_.At(slot_at)->versions;
        return AdoptDecision(at);
      }));
  p_.pools_.At(slot_at)->decision_at = newest.load(std::memory_order_relaxed);
  --depth_;
  return {};
}

Status Recovery::AdoptDecision(std::uint32_t at) {
  const auto parts = table::OpenDecision(view_, view_.At<table::Decision>(at));
  if (parts.decision == nullptr || table::ChecksumOf(parts) != parts.decision->crc32c) {
    return Damaged("a decision", at);
  }
  Take(at, parts.octets);
  if (parts.decision->location_at != 0) {
    const auto location = table::OpenLocation(view_, parts.decision->location_at);
    HF_TRY(AdoptShared(parts.decision->location_at,
                       location.table == nullptr ? 0 : location.octets,
                       "a location table"));
  }
  if (parts.decision->op == table::DecisionOp::kSwitch) {
    const auto rows = table::OpenRowMap(view_, parts.map_at);
    HF_TRY(AdoptShared(parts.map_at,
                       rows.empty() ? 0 : sizeof(table::RowMap) + rows.size_bytes(),
                       "a map of rows"));
  }
  for (const table::Outcome& outcome : parts.outcomes) {
    switch (outcome.kind) {
      case table::OutcomeKind::kNodata:
        break;
      case table::OutcomeKind::kImage:
      case table::OutcomeKind::kSubset:
        HF_TRY(AdoptImage(outcome.at));
        break;
      case table::OutcomeKind::kPool:
        HF_TRY(AdoptPool(outcome.at));
        break;
      default:
        return Damaged("a decision", at);
    }
  }
  return {};
}

/// @param octets  of the blob; 0: it is not readable.
Status Recovery::AdoptShared(std::uint32_t at, std::uint64_t octets, const char* what) {
  if (octets == 0) {
    return Damaged(what, at);
  }
  if (!p_.shared_->Knows(at)) {
    constexpr std::size_t kSealed = sizeof(std::uint32_t);
    const auto* blob = view_.At<char>(at);
    if (table::Crc32c(blob + kSealed, octets - kSealed) != LoadAs<std::uint32_t>(blob)) {
      return Damaged(what, at);
    }
  }
  p_.shared_->Adopt(at, octets);
  return {};
}

Status Recovery::AdoptZone(std::uint32_t slot_at, std::uint32_t record_at) {
  auto it = origins_.find(slot_at);
  if (it == origins_.end()) {
    const auto* slot = view_.At<table::ZoneSlot>(slot_at);
    if (slot == nullptr) {
      return Damaged("a zone", slot_at);
    }
    Take(slot_at, sizeof(*slot));
    auto& newest = p_.writer_->At<table::ZoneSlot>(slot_at)->version_at;
    HF_TRY(AdoptVersions<table::ZoneVersion>(
        newest, Kind::kZoneVersion, slot_at, [this](std::uint32_t at) {
          return AdoptZoneVersion(at);
        }));
    const auto& version = *view_.At<table::ZoneVersion>(newest.load(std::memory_order_relaxed));
    const auto* name = view_.At<table::NameBlob>(version.name_at);
    it = origins_
             .emplace(slot_at, std::string(reinterpret_cast<const char*>(name->name), name->octets))
             .first;
    p_.zones_[it->second].slot_at = slot_at;
    p_.zones_[it->second].version_at = newest.load(std::memory_order_relaxed);
  }
  p_.zones_[it->second].records.push_back(record_at);
  return {};
}

Status Recovery::AdoptZoneVersion(std::uint32_t at) {
  const auto& version = *view_.At<table::ZoneVersion>(at);
  const auto* name = view_.At<table::NameBlob>(version.name_at);
  if (name == nullptr || name->octets != version.name_octets || name->octets == 0 ||
      !view_.Holds(name, table::kNameBlobName + name->octets)) {
    return Damaged("a zone", at);
  }
  Take(at, sizeof(version));
  p_.blobs_->Adopt(BlobKind::kName, version.name_at);
  if (version.negative_at != 0) {
    HF_TRY(AdoptImage(version.negative_at));
  }
  return version.ordered_at == 0 ? Status{} : AdoptOrdered(version.ordered_at);
}

Status Recovery::AdoptOrdered(std::uint32_t at) {
  const auto parts = table::OpenOrdered(view_, at);
  constexpr std::size_t kSealed = sizeof(std::uint32_t);
  if (parts.table == nullptr || table::Crc32c(reinterpret_cast<const char*>(parts.table) + kSealed,
                                              parts.octets - kSealed) != parts.table->crc32c) {
    return Damaged("a table of proofs", at);
  }
  if (p_.blobs_->Adopt(BlobKind::kOrdered, at)) {
    for (std::size_t i = 0; i < parts.count(); ++i) {
      HF_TRY(AdoptImage(parts.ImageAt(i)));
    }
  }
  return {};
}

Status Recovery::AdoptHealth() {
  auto& newest = p_.writer_->header().health_at;
  if (newest.load(std::memory_order_relaxed) == 0) {
    return {};
  }
  return AdoptVersions<table::HealthTable>(
      newest, Kind::kHealth, 0, [this](std::uint32_t at) -> Status {
        auto* table = p_.writer_->At<table::HealthTable>(at);
        const std::uint64_t octets =
            sizeof(*table) + (std::uint64_t{table->count} * sizeof(table::HealthEntry));
        if (!view_.Holds(table, octets)) {
          return Damaged("the health table", at);
        }
        Take(at, octets);
        p_.writer_->health_counts()[at] = table->count;
        const std::span entries(reinterpret_cast<table::HealthEntry*>(table + 1), table->count);
        std::ranges::for_each(entries, [this](auto& entry) { TakeBack(entry); });
        return HealthReadable(entries) ? Status{} : Damaged("the health table", at);
      });
}

Status Recovery::AdoptSettings() {
  auto& newest = p_.writer_->header().settings_at;
  if (newest.load(std::memory_order_relaxed) == 0) {
    return {};
  }
  return AdoptVersions<table::Settings>(
      newest, Kind::kSettings, 0, [this](std::uint32_t at) -> Status {
        const auto& settings = *view_.At<table::Settings>(at);
        if (table::ChecksumOf(settings) != settings.crc32c) {
          return Damaged("the settings", at);
        }
        Take(at, sizeof(settings));
        p_.writer_->settings().emplace(at, settings.access_at);
        if (settings.access_at == 0) {
          return {};
        }
        const auto access = table::OpenLocation(view_, settings.access_at);
        return AdoptShared(
            settings.access_at, access.table == nullptr ? 0 : access.octets, "the access rules");
      });
}

// Ids ascending, values that there are: they are looked up and cast from here on.
bool Recovery::HealthReadable(std::span<const table::HealthEntry> entries) {
  std::string_view before;
  return std::ranges::all_of(entries, [&before](const table::HealthEntry& entry) {
    const std::string_view last = before;
    before = {entry.id, std::min<std::size_t>(entry.id_octets, sizeof(entry.id))};
    return before.size() == entry.id_octets && last < before && entry.raw <= 2 &&
           entry.healthy <= 1 && entry.manual <= 2;
  });
}

// A status that was never published: the one before it holds.
void Recovery::TakeBack(table::HealthEntry& entry) const {
  if (entry.born > g_.value()) {
    entry.raw = entry.previous_raw;
    entry.healthy = entry.previous_healthy;
    entry.manual = entry.previous_manual;
    entry.since_ms = entry.previous_since_ms;
    entry.manual_until_ms = entry.previous_manual_until_ms;
    entry.born = 0;
  }
}

}  // namespace holdfast::control

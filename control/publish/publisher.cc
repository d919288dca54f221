// A transaction, from the first Put to the one store that publishes it.
#include "control/publish/publisher.h"

#include <algorithm>
#include <cstring>
#include <ranges>
#include <sys/file.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {

using table::NameRecord;
using table::RrsetEntry;
using table::RrsetKind;

namespace {

constexpr std::size_t kBeatNames = 65'536;  // put between two signs of life
constexpr std::size_t kNamesAtATime = 16;
static_assert(kBeatNames % kNamesAtATime == 0);

}  // namespace

Publisher::~Publisher() {
  if (!announced_ && !image_path_.empty()) {
    unlink(image_path_.c_str());  // made, and nobody was told: what it was for did not fit
  }
  for (const int fd : {root_fd_, unfit_fd_}) {
    if (fd >= 0) {
      close(fd);
    }
  }
}

Generation Publisher::generation() const noexcept {
  return table::Published{root_->published.load(std::memory_order_relaxed)}.generation();
}

// Records keep the low 32 bits of a generation, where 0 means "always": such a number is left out.
Generation Publisher::Next() const noexcept {
  const std::uint64_t next = generation().value() + 1;
  return Generation{(next & 0xFFFFFFFFU) == 0 ? next + 1 : next};
}

table::Snapshot Publisher::AtNext() {
  return {writer_->view(), Next()};
}

// ---- names ------------------------------------------------------------------------------------

Result<RrsetEntry> Publisher::EntryOf(const CompiledRrset& rrset) {
  RrsetEntry entry{rrset.type, rrset.kind, 0, 0};
  if (rrset.kind == RrsetKind::kPool) {
    entry.at = UsePool(std::get<RuleDigest>(rrset.answer));
    return entry.at == 0 ? std::unexpected(LostPool().error()) : Result<RrsetEntry>(entry);
  }
  HF_CHECK(rrset.kind != RrsetKind::kAddress);
  const auto at = blobs_->Image(*std::get<ImageSpecPtr>(rrset.answer));
  if (!at) {
    return std::unexpected(at.error());
  }
  entry.at = *at;
  return entry;
}

void PutAddress(const table::InlineAddress& address, NameRecord& record) {
  StoreAs(&record.rrset[1], address);
  record.rrset[0] = {static_cast<std::uint16_t>(wire::Type::kA),
                     RrsetKind::kAddress,
                     0,
                     table::ChecksumOfAddress(record)};
}

// The record as it should stand, with its references counted; `born` and `died` are zero.
Result<NameRecord> Publisher::RecordOf(std::uint32_t zone_at, const CompiledName& name) {
  NameRecord record{};
  record.zone_at = zone_at;
  record.name_octets = static_cast<std::uint8_t>(name.name.size());
  record.flags = name.flags;
  HF_CHECK(name.rrsets.size() <= table::kMaxNameRrsets);
  const bool is_address = name.rrsets.size() == 1 && name.rrsets[0].kind == RrsetKind::kAddress;
  std::vector<RrsetEntry> entries;
  entries.reserve(is_address ? 0 : name.rrsets.size());
  const auto give_back = [&](Error error) {
    std::ranges::for_each(entries, [this](const RrsetEntry& e) { blobs_->ReleaseEntry(e); });
    return std::unexpected(std::move(error));
  };
  if (is_address) {
    PutAddress(name.rrsets[0].address, record);
  }
  for (const CompiledRrset& rrset : std::span(name.rrsets).subspan(is_address ? 1 : 0)) {
    const auto entry = EntryOf(rrset);
    if (!entry) {
      return give_back(entry.error());
    }
    entries.push_back(*entry);
  }
  record.rrsets = static_cast<std::uint8_t>(name.rrsets.size());
  if (name.name.size() <= table::kInlineNameOctets) {
    std::memcpy(record.name, name.name.data(), name.name.size());
  } else {
    const auto at = blobs_->Name(name.name);
    if (!at) {
      return give_back(at.error());
    }
    StoreAs(record.name, *at);
  }
  if (entries.size() <= 2) {
    std::ranges::copy(entries, record.rrset);
    return record;
  }
  const auto at = blobs_->RrsetTable(entries);
  if (!at) {
    if (record.name_octets > table::kInlineNameOctets) {
      blobs_->Release(BlobKind::kName, LoadAs<std::uint32_t>(record.name));
    }
    return std::unexpected(at.error());
  }
  record.rrset[0] = {0, RrsetKind::kTable, 0, *at};
  return record;
}

void Publisher::ReleaseRecord(const NameRecord& record) {
  if (record.name_octets > table::kInlineNameOctets) {
    blobs_->Release(BlobKind::kName, LoadAs<std::uint32_t>(record.name));
  }
  const bool has_table = record.rrsets > 0 && record.rrset[0].kind == RrsetKind::kTable;
  if (has_table != (record.rrsets > 2)) {
    writer_->Damaged(table::Rule::kRecordRrsets, record.zone_at);
  }
  if (record.rrsets == 1 && record.rrset[0].kind == RrsetKind::kAddress &&
      record.rrset[0].at != table::ChecksumOfAddress(record)) {
    writer_->Damaged(table::Rule::kRecordAddress, record.zone_at);
  }
  const unsigned inline_entries = record.rrsets > 2 ? 1 : record.rrsets;
  for (unsigned i = 0; i < inline_entries; ++i) {
    blobs_->ReleaseEntry(record.rrset[i]);
  }
}

Result<std::uint32_t> Publisher::LinkRecord(const NameRecord& record,
                                            std::uint64_t hash,
                                            std::size_t left) {
  const std::uint32_t at = writer_->arena().AllocateLine();
  if (at == 0) {
    return TablesFull();
  }
  auto& placed = *writer_->At<NameRecord>(at);
  placed = record;
  // In an image that nobody was told of, what is there was always there.
  placed.born = announced_ ? static_cast<std::uint32_t>(Next().value()) : 0;
  if (!index_->HasRoomFor(1) || !index_->Enter(at, hash)) {
    if (auto grown = GrowIndex(index_->entries() + left);
        !grown || !index_->Enter(at, index_->HashOf(at))) {
      writer_->arena().FreeLine(at);
      return grown ? TablesFull() : std::unexpected(grown.error());
    }
  }
  fresh_.push_back({0, Kind::kRecordFree, at});
  return at;
}

Status Publisher::GrowIndex(std::uint64_t names) {
  Crash("index");
  if (!index_before_) {
    index_before_ = {index_->index_at(), index_->entries()};
  }
  const auto before = index_->Grow(names, Next());
  if (!before) {
    return std::unexpected(before.error());
  }
  fresh_.push_back({0, Kind::kIndex, index_->index_at()});
  if (*before != 0) {
    replaced_.push_back({0, Kind::kIndex, *before, index_->index_at()});
  }
  return {};
}

void Publisher::EndRecord(std::uint32_t record_at) {
  auto& record = *writer_->At<NameRecord>(record_at);
  if (record.died == 0) {
    Crash("end");
    writer_->Poke(record.died, static_cast<std::uint32_t>(Next().value()));
    replaced_.push_back({0, Kind::kRecordEnd, record_at});
  } else if (record.died != static_cast<std::uint32_t>(Next().value())) {
    writer_->Damaged(table::Rule::kRecordPlace, record_at);  // it was to live until now
  }
}

// Hashes the names and sends for their buckets and for the records that may be theirs.
void Publisher::Ready(NameGroup& group) {
  group.index_at = index_->index_at();
  group.next = AtNext();
  group.padded.clear();
  for (const CompiledName& name : group.names) {
    const auto& padded = group.padded.emplace_back(name.name, index_->key());
    if (group.next.ok()) {
      __builtin_prefetch(group.next.BucketFor(padded.key().hash));
    }
  }
  if (group.next.ok()) {
    for (const PaddedName& padded : group.padded) {
      __builtin_prefetch(group.next.Candidate(padded.key().hash));
    }
  }
}

// Puts one name; what stands there and is equal stays. `zone.records` gets the record that holds.
// `left` names of the zone, this one among them, may need a record yet.
Status Publisher::PutRecord(
    NameGroup& group, std::size_t i, std::uint32_t zone_at, std::size_t left, Zone& zone) {
  auto wanted = RecordOf(zone_at, group.names[i]);
  if (!wanted) {
    return std::unexpected(wanted.error());
  }
  if (group.index_at != index_->index_at()) {
    Ready(group);  // the index grew: it has another key
  }
  const table::NameKey key = group.padded[i].key();
  // Of this zone: the cut in a zone above is a record of its own under the same name.
  const NameRecord* found = nullptr;
  if (group.next.ok()) {
    found = group.next.FindIf(
        key, [zone_at](const NameRecord& record) { return record.zone_at == zone_at; });
  } else {
    writer_->Damaged(table::Rule::kIndexVersion, index_->index_at());
  }
  if (found != nullptr) {
    const auto at = static_cast<std::uint32_t>(
        (reinterpret_cast<const std::byte*>(found) - writer_->view().base()) / kOffsetUnit);
    constexpr std::size_t kSame = offsetof(NameRecord, zone_at);
    if (std::memcmp(reinterpret_cast<const char*>(found) + kSame,
                    reinterpret_cast<const char*>(&*wanted) + kSame,
                    sizeof(NameRecord) - kSame) == 0) {
      ReleaseRecord(*wanted);
      zone.records.push_back(at);
      return {};
    }
    EndRecord(at);
  }
  Crash("record");
  const auto at = LinkRecord(*wanted, key.hash, left);
  if (!at) {
    ReleaseRecord(*wanted);
    return std::unexpected(at.error());
  }
  zone.records.push_back(*at);
  return {};
}

// ---- zones ------------------------------------------------------------------------------------

Status Publisher::PutZoneVersion(Zone& to, const CompiledZone& zone) {
  auto& slot = *writer_->At<table::ZoneSlot>(to.slot_at);
  const std::uint32_t before = to.version_at;
  if (slot.version_at.load(std::memory_order_relaxed) != before) {
    writer_->Damaged(table::Rule::kZonePlace, to.slot_at);
  }
  std::uint32_t negative_at = 0;
  if (zone.negative != nullptr) {
    const auto at = blobs_->Image(*zone.negative);
    if (!at) {
      return std::unexpected(at.error());
    }
    negative_at = *at;
  }
  std::uint32_t ordered_at = 0;
  const auto give_back = [&] {
    if (negative_at != 0) {
      blobs_->Release(BlobKind::kImage, negative_at);
    }
    if (ordered_at != 0) {
      blobs_->Release(BlobKind::kOrdered, ordered_at);
    }
  };
  if (zone.order) {
    const auto at = blobs_->Ordered(*zone.order);
    if (!at) {
      give_back();
      return std::unexpected(at.error());
    }
    ordered_at = *at;
  }
  if (before != 0) {
    const auto& now = *writer_->At<table::ZoneVersion>(before);
    if (now.serial == zone.serial && now.negative_at == negative_at &&
        now.ordered_at == ordered_at && now.flags == zone.flags &&
        now.max_labels == zone.max_labels && now.names == zone.names.size()) {
      give_back();
      return {};
    }
  }
  const auto name_at = blobs_->Name(zone.origin);
  const std::uint32_t at =
      name_at ? writer_->arena().Allocate(UnitsOf(sizeof(table::ZoneVersion))) : 0;
  if (at == 0) {
    give_back();
    if (name_at) {
      blobs_->Release(BlobKind::kName, *name_at);
    }
    return TablesFull();
  }
  table::ZoneVersion version{};
  version.born = before == 0 ? 0 : Next().value();
  version.older_at = before;
  version.serial = zone.serial;
  version.negative_at = negative_at;
  version.ordered_at = ordered_at;
  version.name_at = *name_at;
  version.name_octets = static_cast<std::uint8_t>(zone.origin.size());
  version.flags = zone.flags;
  version.max_labels = zone.max_labels;
  version.names = static_cast<std::uint32_t>(zone.names.size());
  version.loaded_ms = zone.loaded_ms;
  version.crc32c =
      table::Crc32c(&version.serial, sizeof(version) - offsetof(table::ZoneVersion, serial));
  *writer_->At<table::ZoneVersion>(at) = version;
  Crash("zone");
  writer_->Poke(slot.version_at, at);
  to.version_at = at;
  fresh_.push_back({0, Kind::kZoneVersion, at});
  if (before != 0) {
    replaced_.push_back({0, Kind::kZoneVersion, before, at});
  }
  return {};
}

Status Publisher::PutNames(std::span<const CompiledName> names, Zone& zone) {
  zone.records.reserve(names.size());
  NameGroup group;
  group.padded.reserve(kNamesAtATime);
  for (std::size_t done = 0; done < names.size(); done += kNamesAtATime) {
    if (done % kBeatNames == 0) {
      Beat();  // a large zone takes its time, and the loop with it
    }
    group.names = names.subspan(done, std::min(kNamesAtATime, names.size() - done));
    Ready(group);
    for (std::size_t i = 0; i < group.names.size(); ++i) {
      HF_TRY(PutRecord(group, i, zone.slot_at, names.size() - done - i, zone));
    }
  }
  std::ranges::sort(zone.records);
  return {};
}

Status Publisher::PutZones(std::span<const CompiledZone> zones) {
  // Names that are there count already; those of them that change find their room as they come. So
  // a control that restarts in full tables needs none.
  std::size_t more = 0;
  for (const CompiledZone& zone : zones) {
    const auto known = zones_.find(zone.origin);
    const std::size_t there = known == zones_.end() ? 0 : known->second.records.size();
    more += zone.names.size() - std::min(there, zone.names.size());
  }
  if (more != 0 && !index_->HasRoomFor(more)) {
    HF_TRY(GrowIndex(index_->entries() + more));
  }
  for (const CompiledZone& zone : zones) {
    HF_TRY(PutOneZone(zone));
  }
  return {};
}

Status Publisher::PutOneZone(const CompiledZone& compiled) {
  const auto known = zones_.find(compiled.origin);
  Zone zone;
  if (known != zones_.end()) {
    zone.slot_at = known->second.slot_at;
    zone.version_at = known->second.version_at;
  } else {
    zone.slot_at = writer_->arena().Allocate(UnitsOf(sizeof(table::ZoneSlot)));
    if (zone.slot_at == 0) {
      return TablesFull();
    }
    std::memset(
        static_cast<void*>(writer_->At<table::ZoneSlot>(zone.slot_at)), 0, sizeof(table::ZoneSlot));
    fresh_.push_back({0, Kind::kZoneSlot, zone.slot_at});
  }
  auto& max_labels = writer_->header().max_labels;
  if (compiled.max_labels > max_labels.load(std::memory_order_relaxed)) {
    max_labels.store(compiled.max_labels, std::memory_order_relaxed);  // too large harms nobody
  }
  HF_TRY(PutZoneVersion(zone, compiled));
  HF_TRY(PutNames(compiled.names, zone));
  RememberZone(compiled.origin);
  if (const auto it = zones_.find(compiled.origin); it != zones_.end()) {
    std::vector<std::uint32_t> gone;
    std::ranges::set_difference(it->second.records, zone.records, std::back_inserter(gone));
    std::ranges::for_each(gone, [this](std::uint32_t at) { EndRecord(at); });
  }
  zones_[compiled.origin] = std::move(zone);
  return {};
}

Status Publisher::DropZone(const std::string& origin) {
  const auto it = zones_.find(origin);
  if (it == zones_.end()) {
    return Fail(ErrorCode::kNotFound, "no such zone in the tables");
  }
  RememberZone(origin);
  std::ranges::for_each(it->second.records, [this](std::uint32_t at) { EndRecord(at); });
  const std::uint32_t slot_at = it->second.slot_at;
  replaced_.push_back({0, Kind::kZoneVersion, it->second.version_at});
  replaced_.push_back({0, Kind::kZoneSlot, slot_at});
  zones_.erase(it);
  return {};
}

void Publisher::RememberZone(const std::string& origin) {
  const auto it = zones_.find(origin);
  zones_before_.try_emplace(origin, it == zones_.end() ? std::nullopt : std::optional(it->second));
}

std::vector<std::string> Publisher::Origins() const {
  std::vector<std::string> origins;
  origins.reserve(zones_.size());
  for (const auto& [origin, zone] : zones_) {
    origins.push_back(origin);
  }
  std::ranges::sort(origins);
  return origins;
}

// ---- the end of a transaction -----------------------------------------------------------------

Status Publisher::LeavesRoom() const {
  const Arena& arena = writer_->arena();
  return fresh_.empty() || arena.free_units_in_lines() >= arena.total_units() / kReserve
             ? Status{}
             : TablesFull();
}

Result<Committed> Publisher::Commit() {
  Committed committed{generation()};
  if (!writer_->poked() && announced_) {
    ForgetTransaction();
    return committed;
  }
  const Generation next = Next();
  writer_->NoteHighWater();
  const bool is_new_image = !announced_;
  if (is_new_image) {
    if (index_->index_at() == 0) {
      HF_TRY(GrowIndex(0));
    }
    committed.laggard = Announce();
    if (before_ && !committed.laggard.empty()) {
      return Fail(ErrorCode::kUnavailable, committed.laggard);
    }
  }
  Crash("commit");
  // Release: pairs with the acquire in Attachment::Take. Everything above is of generation `next`
  // and seen by nobody before this store; nothing of it is written after it.
  root_->published.store(table::Published::Of(image_seq_, next).word, std::memory_order_release);
  committed.generation = next;
  committed.changed = true;
  committed.published_tsc = Tsc();
  Crash("committed");
  if (is_new_image) {
    before_.reset();
    left_lock_.Release();
    RemoveImagesBut({image_seq_});
  }
  writer_->Forget();
  for (Waiting waiting : replaced_) {
    waiting.generation = next.value();
    Wait(waiting);
  }
  for (const Waiting& made : fresh_) {
    if (made.kind == Kind::kRecordFree && !is_new_image) {
      Wait({next.value(), Kind::kRecordSettle, made.at});
    }
  }
  ForgetTransaction();
  Reclaim();
  return committed;
}

void Publisher::ForgetTransaction() {
  fresh_.clear();
  replaced_.clear();
  zones_before_.clear();
  index_before_.reset();
}

void Publisher::Abort() {
  if (before_) {
    unlink(image_path_.c_str());
    ForgetTransaction();
    return GoBack();
  }
  writer_->Undo();
  const auto records = std::ranges::count(fresh_, Kind::kRecordFree, &Waiting::kind);
  if (index_before_) {
    index_->Return(index_before_->first, index_before_->second);
  } else {
    index_->set_entries(index_->entries() - static_cast<std::uint64_t>(records));
  }
  for (auto& [origin, zone] : zones_before_) {
    if (zone) {
      zones_[origin] = std::move(*zone);
    } else {
      zones_.erase(origin);
    }
  }
  for (const Waiting& kept : replaced_ | std::views::reverse) {
    if (kept.kind != Kind::kDecision) {
      continue;
    }
    if (Pool* pool = pools_.At(kept.owner)) {
      pool->decision_at = kept.at;
    }
  }
  // A reader may be looking at something unpublished this very moment (to find that it is not for
  // it), so all of it waits for the next generation.
  for (Waiting made : fresh_) {
    made.generation = Next().value();
    Wait(made);
  }
  ForgetTransaction();
  if (announced_ && !waiting_.empty()) {
    // An empty generation for the readers to pass: otherwise what a full table refused would wait
    // for a publish that itself finds no room.
    root_->published.store(table::Published::Of(image_seq_, Next()).word,
                           std::memory_order_release);
    Reclaim();
  }
}

}  // namespace holdfast::control

// What was replaced, until no reader can hold it; then it is free again. Everything waits for a
// generation that all readers must have passed; names need two: one to leave the index, one more
// because a reader may have found the record just before. What changed under us meanwhile is found
// by its checksum or because nothing is known of it, and stays as it is.
#include "control/publish/publisher.h"
#include "dataplane/base/check.h"

namespace holdfast::control {

void Publisher::Reclaim() {
  if (waiting_.empty()) {
    grace_->Rescan();  // nothing waits for readers, but the dead ones' files do
    return;
  }
  const std::uint64_t now = generation().value();
  const std::uint64_t passed = std::min(grace_->MinPassed(now), now);
  while (!waiting_.empty() && waiting_.front().generation <= passed) {
    const Waiting waiting = waiting_.front();
    waiting_.pop_front();
    Free(waiting);
  }
}

bool Publisher::Passed(Generation g, std::string* laggard) {
  return grace_->MinPassed(g.value(), laggard) >= g.value();
}

// The newer version no longer leads to one that goes.
template <class V>
void Publisher::Detach(const Waiting& waiting) {
  if (waiting.newer != 0) {
    auto& older_at = writer_->At<V>(waiting.newer)->older_at;
    if (older_at == waiting.at) {
      __atomic_store_n(&older_at, 0U, __ATOMIC_RELAXED);
    }
  }
}

void Publisher::Free(const Waiting& waiting) {
  switch (waiting.kind) {
    case Kind::kRecordEnd:
      if (!index_->TakeOut(waiting.at, waiting.generation)) {
        break;
      }
      Wait({Next().value(), Kind::kRecordFree, waiting.at});
      break;
    case Kind::kRecordFree:
      FreeRecord(waiting.at);
      break;
    case Kind::kRecordSettle:
      __atomic_store_n(&writer_->At<table::NameRecord>(waiting.at)->born, 0U, __ATOMIC_RELAXED);
      break;
    case Kind::kDecision:
      Detach<table::Decision>(waiting);
      if (Pool* pool = pools_.At(waiting.owner)) {
        --pool->versions;
      }
      FreeDecision(waiting.at);
      break;
    case Kind::kZoneVersion:
      Detach<table::ZoneVersion>(waiting);
      FreeZoneVersion(waiting.at);
      break;
    case Kind::kZoneSlot:
      writer_->arena().Free(waiting.at, UnitsOf(sizeof(table::ZoneSlot)));
      break;
    case Kind::kIndex:
      Detach<table::IndexVersion>(waiting);
      index_->Free(waiting.at);
      break;
    case Kind::kHealth: {
      Detach<table::HealthTable>(waiting);
      auto& counts = writer_->health_counts();
      if (const auto it = counts.find(waiting.at); it != counts.end()) {
        writer_->arena().Free(
            waiting.at,
            UnitsOf(sizeof(table::HealthTable) + (it->second * sizeof(table::HealthEntry))));
        counts.erase(it);
      }
      break;
    }
    case Kind::kSettings:
      Detach<table::Settings>(waiting);
      FreeSettings(waiting.at);
      break;
    case Kind::kPool:
      FreePool(waiting.at);
      break;
    case Kind::kRun:
      writer_->arena().Free(waiting.at, waiting.owner);
      break;
  }
}

void Publisher::FreeRecord(std::uint32_t at) {
  ReleaseRecord(*writer_->At<table::NameRecord>(at));
  writer_->arena().FreeLine(at);
}

void Publisher::FreeSettings(std::uint32_t at) {
  const auto it = writer_->settings().find(at);
  if (it == writer_->settings().end()) {
    return;
  }
  if (it->second != 0) {
    shared_->Release(it->second);
  }
  writer_->settings().erase(it);
  writer_->arena().Free(at, UnitsOf(sizeof(table::Settings)));
}

void Publisher::FreeDecision(std::uint32_t at) {
  const auto parts = table::OpenDecision(writer_->view(), writer_->At<const table::Decision>(at));
  if (parts.decision == nullptr || table::ChecksumOf(parts) != parts.decision->crc32c) {
    return writer_->Damaged(table::Rule::kDecisionChecksum, at);
  }
  ReleaseDecision(parts);
  writer_->arena().Free(at, UnitsOf(parts.octets));
}

void Publisher::FreeZoneVersion(std::uint32_t at) {
  const auto& version = *writer_->At<table::ZoneVersion>(at);
  if (table::Crc32c(&version.serial, sizeof(version) - offsetof(table::ZoneVersion, serial)) !=
      version.crc32c) {
    return writer_->Damaged(table::Rule::kZoneChecksum, at);
  }
  if (version.negative_at != 0) {
    blobs_->Release(BlobKind::kImage, version.negative_at);
  }
  if (version.ordered_at != 0) {
    blobs_->Release(BlobKind::kOrdered, version.ordered_at);
  }
  blobs_->Release(BlobKind::kName, version.name_at);
  writer_->arena().Free(at, UnitsOf(sizeof(table::ZoneVersion)));
}

void Publisher::FreePool(std::uint32_t slot_at) {
  const Pool* pool = pools_.At(slot_at);
  if (pool == nullptr || pool->references != 0) {
    return;  // gone already, or in use again
  }
  if (pool->versions > 1) {
    Wait({Next().value(), Kind::kPool, slot_at});  // after its older decisions
    return;
  }
  const std::uint32_t decision_at = pool->decision_at;
  pools_.Remove(*pool);
  FreeDecision(decision_at);
  writer_->arena().Free(slot_at, UnitsOf(sizeof(table::PoolSlot)));
}

}  // namespace holdfast::control

// Pools and their decisions in a transaction: what they count references of, and when they go.
#include <algorithm>
#include <cstring>
#include <utility>

#include "control/publish/publisher.h"
#include "dataplane/base/check.h"

namespace holdfast::control {

namespace {

constexpr std::size_t kBeatRows = 4096;  // put between two signs of life: some milliseconds' work

// The image of most pools' most likely answer, or null.
const ImageSpec* FirstImage(const CompiledPool& pool) {
  const auto* image =
      pool.outcomes.empty() ? nullptr : std::get_if<ImageSpecPtr>(&pool.outcomes.front().answer);
  return image == nullptr ? nullptr : image->get();
}

}  // namespace

std::uint32_t Publisher::UsePool(const RuleDigest& rule) {
  Pool* pool = pools_.Find(rule);
  if (pool == nullptr) {
    return 0;
  }
  ++pool->references;
  return pool->slot_at;
}

// The last reference gone: the pool goes at the next generation, unless someone uses it by then.
void Publisher::ReleasePool(std::uint32_t slot_at) {
  Pool* pool = pools_.At(slot_at);
  if (pool == nullptr || pool->references == 0) {
    return writer_->Damaged(table::Rule::kPoolPlace, slot_at);
  }
  if (--pool->references == 0) {
    Wait({Next().value(), Kind::kPool, slot_at});
  }
}

// Pools are put before what refers to them, so it went too early: something damaged gave it back.
Status Publisher::LostPool() {
  writer_->Damaged(table::Rule::kPoolPlace, 0);
  return Fail(ErrorCode::kInvalid, "a pool that is referred to is not in the tables");
}

void Publisher::Release(std::span<const table::Outcome> outcomes) {
  for (const table::Outcome& outcome : outcomes) {
    if (outcome.kind == table::OutcomeKind::kPool) {
      ReleasePool(outcome.at);
    } else if (outcome.kind != table::OutcomeKind::kNodata) {
      blobs_->Release(BlobKind::kImage, outcome.at);
    }
  }
}

// Everything that a decision counts a reference of.
void Publisher::ReleaseDecision(const table::DecisionParts& parts) {
  Release(parts.outcomes);
  ReleaseShared(parts.decision->location_at, parts.map_at);
}

void Publisher::ReleaseShared(std::uint32_t location_at, std::uint32_t map_at) {
  for (const std::uint32_t at : {location_at, map_at}) {
    if (at != 0) {
      shared_->Release(at);
    }
  }
}

// The parts of the decision in `made_`.
table::DecisionParts Publisher::MadeParts() const {
  return table::OpenDecision({reinterpret_cast<const std::byte*>(made_.data()), made_.size()},
                             reinterpret_cast<const table::Decision*>(made_.data()));
}

// With their references counted; with none when there is no room.
Status Publisher::MakeOutcomes(const CompiledPool& pool,
                               std::string_view first_image,
                               std::span<table::Outcome> outcomes) {
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const CompiledOutcome& from = pool.outcomes[i];
    std::uint32_t at = 0;
    if (from.kind == table::OutcomeKind::kPool) {
      at = UsePool(std::get<RuleDigest>(from.answer));
      if (at == 0) {
        Release(outcomes.first(i));
        return LostPool();
      }
    } else if (from.kind != table::OutcomeKind::kNodata) {
      const auto image = i == 0 && !first_image.empty()
                             ? blobs_->Place(first_image)
                             : blobs_->Image(*std::get<ImageSpecPtr>(from.answer));
      if (!image) {
        Release(outcomes.first(i));
        return std::unexpected(image.error());
      }
      at = *image;
    }
    outcomes[i] = {from.upto, at, from.kind, from.take, from.flags, 0};
  }
  return {};
}

Status Publisher::UseShared(const CompiledPool& pool,
                            table::Decision& decision,
                            table::SwitchHead& head) {
  if (pool.location != nullptr) {
    const auto at = shared_->Use(pool.location);
    if (!at) {
      return std::unexpected(at.error());
    }
    decision.location_at = *at;
  }
  if (pool.row_map != nullptr) {
    const auto at = shared_->Use(pool.row_map);
    if (!at) {
      shared_->Release(decision.location_at);
      return std::unexpected(at.error());
    }
    head.map_at = *at;
  }
  return {};
}

// The decision without `born` and `older_at`, with its references counted.
Status Publisher::MakeDecision(const CompiledPool& pool, std::string_view first_image) {
  const bool is_switch = pool.row_map != nullptr;
  HF_CHECK(!pool.outcomes.empty() &&
           (is_switch ? pool.location != nullptr && !pool.list_ends.empty() &&
                            pool.list_ends.size() <= table::kMaxLists &&
                            !pool.list_of_row.empty() && pool.list_of_row.size() <= table::kMaxRows
                      : pool.outcomes.size() <= table::kMaxOutcomes));
  table::Decision decision{};
  decision.op = is_switch ? table::DecisionOp::kSwitch : table::DecisionOp::kDraw;
  decision.count =
      static_cast<std::uint16_t>(is_switch ? pool.list_ends.size() : pool.outcomes.size());
  table::SwitchHead head{};
  if (const Status shared = UseShared(pool, decision, head); !shared) {
    return shared;
  }
  const std::size_t ends = pool.list_ends.size() * sizeof(std::uint32_t);
  const std::size_t rows = pool.list_of_row.size() * sizeof(std::uint16_t);
  const std::size_t whole_rows = rows + (rows % sizeof(std::uint32_t));
  const std::size_t outcomes_at =
      sizeof(decision) + (is_switch ? sizeof(head) + ends + whole_rows : 0);
  made_.resize(outcomes_at + (pool.outcomes.size() * sizeof(table::Outcome)));
  if (is_switch) {
    head.outcomes = static_cast<std::uint32_t>(pool.outcomes.size());
    head.rows = static_cast<std::uint16_t>(pool.list_of_row.size());
    char* to = made_.data() + sizeof(decision);
    std::memcpy(to, &head, sizeof(head));
    std::memcpy(to + sizeof(head), pool.list_ends.data(), ends);
    std::memset(made_.data() + outcomes_at - sizeof(std::uint32_t), 0, sizeof(std::uint32_t));
    std::memcpy(to + sizeof(head) + ends, pool.list_of_row.data(), rows);
  }
  auto* outcomes = reinterpret_cast<table::Outcome*>(made_.data() + outcomes_at);
  if (const Status made = MakeOutcomes(pool, first_image, {outcomes, pool.outcomes.size()});
      !made) {
    ReleaseShared(decision.location_at, head.map_at);
    return made;
  }
  std::memcpy(made_.data(), &decision, sizeof(decision));
  decision.crc32c = table::ChecksumOf(MadeParts());
  std::memcpy(made_.data(), &decision, sizeof(decision));
  return {};
}

// Sends for what that many decisions and their images will be written to. An image of one address
// is as long as the decision that leads to it.
void Publisher::PrefetchRoom(std::size_t pools) {
  constexpr std::uint32_t kUnits = UnitsOf(sizeof(table::Decision) + sizeof(table::Outcome));
  for (std::size_t i = 0; i < 2 * pools; ++i) {
    __builtin_prefetch(writer_->At<char>(writer_->arena().Upcoming(kUnits, i)), 1);
  }
}

// Some pools at a time, in steps: each sends for what the next one reads, so that the misses of the
// cache overlap. With 100,000 pools nearly every look is one.
Status Publisher::PutPools(std::span<const CompiledPool> pools) {
  while (!pools.empty()) {
    const auto group = pools.first(std::min(ahead_.size(), pools.size()));
    pools = pools.subspan(group.size());
    for (const CompiledPool& pool : group) {
      pools_.Prefetch(pool.rule);
      if (const ImageSpec* image = FirstImage(pool)) {
        Blobs::PrefetchSpec(*image);
      }
    }
    for (const CompiledPool& pool : group) {
      if (const ImageSpec* image = FirstImage(pool)) {
        Blobs::PrefetchWire(*image);
      }
    }
    PrefetchRoom(group.size());
    for (std::size_t i = 0; i < group.size(); ++i) {
      LookAhead(group[i], ahead_[i]);
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
      HF_TRY(PutPool(group[i], ahead_[i]));
    }
  }
  return {};
}

void Publisher::LookAhead(const CompiledPool& pool, Ahead& ahead) {
  ahead.number = pools_.NumberOf(pool.rule);
  if (ahead.number != 0) {
    const Pool& known = pools_.Numbered(ahead.number);
    __builtin_prefetch(writer_->At<table::PoolSlot>(known.slot_at), 1);
    __builtin_prefetch(writer_->At<table::Decision>(known.decision_at));
  }
  const ImageSpec* image = FirstImage(pool);
  if (image != nullptr && Blobs::LeadsNowhere(*image)) {
    blobs_->Render(*image, ahead.first_image);
  } else {
    ahead.first_image.clear();
  }
}

Status Publisher::PutPool(const CompiledPool& compiled, const Ahead& ahead) {
  put_since_beat_ += 1 + compiled.outcomes.size() + compiled.list_of_row.size();
  if (put_since_beat_ >= kBeatRows) {
    put_since_beat_ = 0;
    Beat();
  }
  HF_TRY(MakeDecision(compiled, ahead.first_image));
  // One that was not there may be by now: a caller may put a pool twice.
  Pool* pool = ahead.number != 0 ? &pools_.Numbered(ahead.number) : pools_.Find(compiled.rule);
  if (pool == nullptr) {
    return MakePool(compiled);
  }
  if (writer_->At<table::PoolSlot>(pool->slot_at)->decision_at.load(std::memory_order_relaxed) !=
      pool->decision_at) {
    writer_->Damaged(table::Rule::kPoolPlace, pool->slot_at);
  }
  // A count is compared with all the rest; here it only must not lead out of the image.
  const char* now = writer_->view().At<char>(pool->decision_at, made_.size());
  constexpr std::size_t kSame = offsetof(table::Decision, crc32c);
  if (now != nullptr && std::memcmp(now + kSame, made_.data() + kSame, made_.size() - kSame) == 0) {
    ReleaseDecision(MadeParts());
    return {};
  }
  return PutDecision(*pool);
}

Status Publisher::MakePool(const CompiledPool& pool) {
  const std::uint32_t at = writer_->arena().Allocate(UnitsOf(made_.size()));
  const std::uint32_t slot_at =
      at == 0 ? 0 : writer_->arena().Allocate(UnitsOf(sizeof(table::PoolSlot)));
  if (slot_at == 0) {
    ReleaseDecision(MadeParts());
    if (at != 0) {
      writer_->arena().Free(at, UnitsOf(made_.size()));
    }
    return TablesFull();
  }
  std::memcpy(writer_->At<char>(at), made_.data(), made_.size());
  auto& slot = *writer_->At<table::PoolSlot>(slot_at);
  std::memset(static_cast<void*>(&slot), 0, sizeof(slot));
  slot.type = pool.type;
  slot.rule[0] = pool.rule.word[0];
  slot.rule[1] = pool.rule.word[1];
  slot.decision_at.store(at, std::memory_order_relaxed);  // born 0: nobody knows the slot yet
  pools_.Add({.rule = pool.rule, .slot_at = slot_at, .versions = 1, .decision_at = at});
  Wait({Next().value(), Kind::kPool, slot_at});  // made for nothing if nobody comes to use it
  return {};
}

Status Publisher::PutDecision(Pool& pool) {
  if (pool.versions + 1 >= table::kMaxVersions) {
    ReleaseDecision(MadeParts());
    return Fail(ErrorCode::kExhausted,
                "a reader holds back " + std::to_string(pool.versions) + " versions of one pool");
  }
  const std::uint32_t at = writer_->arena().Allocate(UnitsOf(made_.size()));
  if (at == 0) {
    ReleaseDecision(MadeParts());
    return TablesFull();
  }
  auto& newest = writer_->At<table::PoolSlot>(pool.slot_at)->decision_at;
  const std::uint32_t before = std::exchange(pool.decision_at, at);
  std::memcpy(writer_->At<char>(at), made_.data(), made_.size());
  auto& decision = *writer_->At<table::Decision>(at);
  decision.born = Next().value();
  decision.older_at = before;
  Crash("pool");
  writer_->Poke(newest, at);
  ++pool.versions;
  fresh_.push_back({0, Kind::kDecision, at, 0, pool.slot_at});
  replaced_.push_back({0, Kind::kDecision, before, at, pool.slot_at});
  return {};
}

}  // namespace holdfast::control

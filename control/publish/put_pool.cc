// Pools and their decisions in a transaction: what they count references of, and when they go.
#include <cstring>
#include <utility>

#include "control/publish/publisher.h"
#include "dataplane/base/check.h"

namespace holdfast::control {

std::uint32_t Publisher::UsePool(const RuleDigest& rule) {
  const auto it = slots_.find(rule);
  if (it == slots_.end()) {
    return 0;
  }
  ++pools_.at(it->second).references;
  return it->second;
}

// The last reference gone: the pool goes at the next generation, unless someone uses it by then.
void Publisher::ReleasePool(std::uint32_t slot_at) {
  const auto it = pools_.find(slot_at);
  if (it == pools_.end() || it->second.references == 0) {
    return writer_->Damaged(table::Rule::kPoolPlace, slot_at);
  }
  if (--it->second.references == 0) {
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
  for (const std::uint32_t at : {parts.decision->location_at, parts.map_at}) {
    if (at != 0) {
      shared_->Release(at);
    }
  }
}

// The parts of a decision that is not in the image yet.
table::DecisionParts Publisher::PartsOf(const std::string& octets) {
  return table::OpenDecision({reinterpret_cast<const std::byte*>(octets.data()), octets.size()},
                             reinterpret_cast<const table::Decision*>(octets.data()));
}

// With their references counted; with none when there is no room.
Result<std::vector<table::Outcome>> Publisher::OutcomesOf(const CompiledPool& pool) {
  std::vector<table::Outcome> outcomes;
  outcomes.reserve(pool.outcomes.size());
  for (const CompiledOutcome& from : pool.outcomes) {
    table::Outcome outcome{from.upto, 0, from.kind, from.take, from.flags, 0};
    if (from.kind == table::OutcomeKind::kPool) {
      outcome.at = UsePool(std::get<RuleDigest>(from.answer));
      if (outcome.at == 0) {
        Release(outcomes);
        return std::unexpected(LostPool().error());
      }
    } else if (from.kind != table::OutcomeKind::kNodata) {
      const auto at = blobs_->Image(*std::get<ImageSpecPtr>(from.answer));
      if (!at) {
        Release(outcomes);
        return std::unexpected(at.error());
      }
      outcome.at = *at;
    }
    outcomes.push_back(outcome);
  }
  return outcomes;
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
Result<std::string> Publisher::DecisionOctets(const CompiledPool& pool) {
  const bool is_switch = pool.row_map != nullptr;
  HF_CHECK(!pool.outcomes.empty() &&
           (is_switch ? pool.location != nullptr && !pool.list_ends.empty() &&
                            pool.list_ends.size() <= table::kMaxLists &&
                            !pool.list_of_row.empty() && pool.list_of_row.size() <= table::kMaxRows
                      : pool.outcomes.size() <= table::kMaxOutcomes));
  auto outcomes = OutcomesOf(pool);
  if (!outcomes) {
    return std::unexpected(outcomes.error());
  }
  table::Decision decision{};
  table::SwitchHead head{};
  if (const Status shared = UseShared(pool, decision, head); !shared) {
    Release(*outcomes);
    return std::unexpected(shared.error());
  }
  decision.op = is_switch ? table::DecisionOp::kSwitch : table::DecisionOp::kDraw;
  decision.count =
      static_cast<std::uint16_t>(is_switch ? pool.list_ends.size() : pool.outcomes.size());
  std::string octets(sizeof(decision), '\0');
  const auto append = [&octets](const void* data, std::size_t size) {
    octets.append(static_cast<const char*>(data), size);
  };
  if (is_switch) {
    head.outcomes = static_cast<std::uint32_t>(outcomes->size());
    head.rows = static_cast<std::uint16_t>(pool.list_of_row.size());
    append(&head, sizeof(head));
    append(pool.list_ends.data(), pool.list_ends.size() * sizeof(std::uint32_t));
    append(pool.list_of_row.data(), pool.list_of_row.size() * sizeof(std::uint16_t));
    octets.append(pool.list_of_row.size() % 2 * sizeof(std::uint16_t), '\0');
  }
  append(outcomes->data(), outcomes->size() * sizeof(table::Outcome));
  std::memcpy(octets.data(), &decision, sizeof(decision));
  decision.crc32c = table::ChecksumOf(PartsOf(octets));
  std::memcpy(octets.data(), &decision, sizeof(decision));
  return octets;
}

Status Publisher::PutPool(const CompiledPool& pool) {
  Beat();  // one with many rows takes its time, and there may be thousands
  auto octets = DecisionOctets(pool);
  if (!octets) {
    return std::unexpected(octets.error());
  }
  const auto slot = slots_.find(pool.rule);
  if (slot == slots_.end()) {
    return MakePool(pool, *octets);
  }
  const std::uint32_t at = pools_.at(slot->second).decision_at;
  if (writer_->At<table::PoolSlot>(slot->second)->decision_at.load(std::memory_order_relaxed) !=
      at) {
    writer_->Damaged(table::Rule::kPoolPlace, slot->second);
  }
  // A count is compared with all the rest; here it only must not lead out of the image.
  const char* now = writer_->view().At<char>(at, octets->size());
  constexpr std::size_t kSame = offsetof(table::Decision, crc32c);
  if (now != nullptr &&
      std::memcmp(now + kSame, octets->data() + kSame, octets->size() - kSame) == 0) {
    ReleaseDecision(PartsOf(*octets));
    return {};
  }
  return PutDecision(slot->second, *octets);
}

Status Publisher::MakePool(const CompiledPool& pool, const std::string& octets) {
  const std::uint32_t at = writer_->arena().Allocate(UnitsOf(octets.size()));
  const std::uint32_t slot_at =
      at == 0 ? 0 : writer_->arena().Allocate(UnitsOf(sizeof(table::PoolSlot)));
  if (slot_at == 0) {
    ReleaseDecision(PartsOf(octets));
    if (at != 0) {
      writer_->arena().Free(at, UnitsOf(octets.size()));
    }
    return TablesFull();
  }
  std::memcpy(writer_->At<char>(at), octets.data(), octets.size());
  auto& slot = *writer_->At<table::PoolSlot>(slot_at);
  std::memset(static_cast<void*>(&slot), 0, sizeof(slot));
  slot.type = pool.type;
  slot.rule[0] = pool.rule.word[0];
  slot.rule[1] = pool.rule.word[1];
  slot.decision_at.store(at, std::memory_order_relaxed);  // born 0: nobody knows the slot yet
  slots_.emplace(pool.rule, slot_at);
  pools_.emplace(slot_at, Pool{pool.rule, 0, 1, at});
  Wait({Next().value(), Kind::kPool, slot_at});  // made for nothing if nobody comes to use it
  return {};
}

Status Publisher::PutDecision(std::uint32_t slot_at, const std::string& octets) {
  Pool& pool = pools_.at(slot_at);
  if (pool.versions + 1 >= table::kMaxVersions) {
    ReleaseDecision(PartsOf(octets));
    return Fail(ErrorCode::kExhausted,
                "a reader holds back " + std::to_string(pool.versions) + " versions of one pool");
  }
  const std::uint32_t at = writer_->arena().Allocate(UnitsOf(octets.size()));
  if (at == 0) {
    ReleaseDecision(PartsOf(octets));
    return TablesFull();
  }
  auto& newest = writer_->At<table::PoolSlot>(slot_at)->decision_at;
  const std::uint32_t before = std::exchange(pool.decision_at, at);
  std::memcpy(writer_->At<char>(at), octets.data(), octets.size());
  auto& decision = *writer_->At<table::Decision>(at);
  decision.born = Next().value();
  decision.older_at = before;
  Crash("pool");
  writer_->Poke(newest, at);
  ++pool.versions;
  fresh_.push_back({0, Kind::kDecision, at, 0, slot_at});
  replaced_.push_back({0, Kind::kDecision, before, at, slot_at});
  return {};
}

}  // namespace holdfast::control

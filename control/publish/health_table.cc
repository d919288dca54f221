// The health snapshot inside the image: what a restarted control continues from.
#include <algorithm>
#include <cstring>

#include "control/publish/publisher.h"
#include "dataplane/base/check.h"

namespace holdfast::control {
namespace {

using table::HealthEntry;
using table::HealthTable;

HealthEntry* Entries(HealthTable& table) {
  return reinterpret_cast<HealthEntry*>(&table + 1);
}

std::string_view IdOf(const HealthEntry& entry) {
  return {entry.id, std::min<std::size_t>(entry.id_octets, sizeof(entry.id))};
}

CompiledHealth At(const HealthEntry& entry, std::uint64_t g) {
  const bool current = entry.born <= g;
  CompiledHealth health;
  health.id = IdOf(entry);
  health.raw = current ? entry.raw : entry.previous_raw;
  health.healthy = (current ? entry.healthy : entry.previous_healthy) != 0;
  health.manual = current ? entry.manual : entry.previous_manual;
  health.since_ms = current ? entry.since_ms : entry.previous_since_ms;
  health.manual_until_ms = current ? entry.manual_until_ms : entry.previous_manual_until_ms;
  return health;
}

}  // namespace

std::vector<CompiledHealth> Publisher::Health() {
  if (!announced_) {
    return inherited_;
  }
  std::vector<CompiledHealth> health;
  const std::uint64_t g = generation().value();
  const table::View view = writer_->view();
  const auto* found = view.Newest<HealthTable>(
      writer_->header().health_at.load(std::memory_order_relaxed), generation());
  if (found == nullptr ||
      !view.Holds(found, sizeof(HealthTable) + (found->count * sizeof(HealthEntry)))) {
    return health;
  }
  const auto* entries = reinterpret_cast<const HealthEntry*>(found + 1);
  for (std::uint32_t i = 0; i < found->count; ++i) {
    health.push_back(At(entries[i], g));
  }
  return health;
}

// Those of the newest table; empty when there is none, or it is not known.
std::span<HealthEntry> Publisher::HealthEntries() {
  const std::uint32_t at = writer_->header().health_at.load(std::memory_order_relaxed);
  const auto known = writer_->health_counts().find(at);
  if (known == writer_->health_counts().end()) {
    if (at != 0) {
      writer_->Damaged(table::Rule::kHealthTable, at);
    }
    return {};
  }
  HealthTable& now = *writer_->At<HealthTable>(at);
  if (now.count != known->second) {
    writer_->Damaged(table::Rule::kHealthTable, at);
  }
  return {Entries(now), known->second};
}

Status Publisher::PutHealth(std::vector<CompiledHealth> health) {
  std::ranges::sort(health, {}, &CompiledHealth::id);
  const std::uint32_t at = writer_->header().health_at.load(std::memory_order_relaxed);
  if (at != 0) {
    const std::span<HealthEntry> entries = HealthEntries();
    if (std::ranges::equal(entries, health, {}, IdOf, &CompiledHealth::id)) {
      for (std::size_t i = 0; i < health.size(); ++i) {
        if (At(entries[i], Next().value()) != health[i]) {
          UpdateHealth(entries[i], health[i]);
        }
      }
      return {};
    }
  }
  return health.empty() && at == 0 ? Status{} : NewHealth(health);
}

Status Publisher::PutHealthOf(std::span<const CompiledHealth> health) {
  const std::span<HealthEntry> entries = HealthEntries();
  for (const CompiledHealth& wanted : health) {
    const auto it = std::ranges::lower_bound(entries, std::string_view(wanted.id), {}, IdOf);
    if (it != entries.end() && IdOf(*it) == wanted.id && At(*it, Next().value()) != wanted) {
      UpdateHealth(*it, wanted);
    }
  }
  return {};
}

// The values of the published generation stay readable between any two of these stores: first they
// are kept as the previous ones, then `born` leads to those, then the current ones change.
void Publisher::UpdateHealth(HealthEntry& entry, const CompiledHealth& health) {
  HealthEntry wanted = entry;
  const std::uint64_t next = Next().value();
  if (entry.born < next) {
    wanted.previous_raw = entry.raw;
    wanted.previous_healthy = entry.healthy;
    wanted.previous_manual = entry.manual;
    wanted.previous_since_ms = entry.since_ms;
    wanted.previous_manual_until_ms = entry.manual_until_ms;
    writer_->PokeAll(entry, wanted);
    Crash("health");
    wanted.born = next;
    writer_->PokeAll(entry, wanted);
  }
  Crash("health");
  wanted.raw = health.raw;
  wanted.healthy = health.healthy ? 1 : 0;
  wanted.manual = health.manual;
  wanted.since_ms = health.since_ms;
  wanted.manual_until_ms = health.manual_until_ms;
  writer_->PokeAll(entry, wanted);
}

Status Publisher::NewHealth(const std::vector<CompiledHealth>& health) {
  const std::uint32_t at = writer_->arena().Allocate(
      UnitsOf(sizeof(HealthTable) + (health.size() * sizeof(HealthEntry))));
  if (at == 0) {
    return TablesFull();
  }
  std::uint32_t before = writer_->header().health_at.load(std::memory_order_relaxed);
  if (!writer_->health_counts().contains(before)) {
    before = 0;  // none, or it is not known
  }
  HealthTable made{};
  made.born = before == 0 ? 0 : Next().value();
  made.older_at = before;
  made.count = static_cast<std::uint32_t>(health.size());
  *writer_->At<HealthTable>(at) = made;
  writer_->health_counts()[at] = made.count;
  HealthEntry* to = Entries(*writer_->At<HealthTable>(at));
  for (const CompiledHealth& from : health) {
    HF_CHECK(!from.id.empty() && from.id.size() <= sizeof(to->id));
    HealthEntry entry{};
    entry.raw = entry.previous_raw = from.raw;
    entry.healthy = entry.previous_healthy = from.healthy ? 1 : 0;
    entry.manual = entry.previous_manual = from.manual;
    entry.since_ms = entry.previous_since_ms = from.since_ms;
    entry.manual_until_ms = entry.previous_manual_until_ms = from.manual_until_ms;
    entry.id_octets = static_cast<std::uint8_t>(from.id.size());
    std::memcpy(entry.id, from.id.data(), from.id.size());
    *to++ = entry;
  }
  Crash("health");
  writer_->Poke(writer_->header().health_at, at);
  fresh_.push_back({0, Kind::kHealth, at});
  if (before != 0) {
    replaced_.push_back({0, Kind::kHealth, before, at});
  }
  return {};
}

}  // namespace holdfast::control

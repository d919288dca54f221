#include "control/compile/compile.h"

#include <algorithm>
#include <unordered_map>

#include "control/compile/reach.h"
#include "control/compile/zone.h"
#include "control/compile/zone_index.h"

namespace holdfast::control {
namespace {

constexpr std::size_t kAtATime = 64;  // pools that are decided before they are taken

std::vector<CompiledHealth> HealthOf(const Model& model, std::span<const CompiledHealth> given) {
  std::unordered_map<std::string_view, const CompiledHealth*> by_id;
  for (const auto& status : given) {
    by_id.emplace(status.id, &status);
  }
  std::vector<CompiledHealth> out;
  out.reserve(model.checks.size());
  for (const auto& check : model.checks) {
    const auto found = by_id.find(check.id);
    out.push_back(found == by_id.end() ? CompiledHealth{.id = check.id} : *found->second);
  }
  return out;
}

}  // namespace

Evaluation::Evaluation(std::unique_ptr<Pools> pools, std::vector<CompiledHealth> checks)
    : pools_(std::move(pools)),
      health_(std::move(checks)),
      bits_(health_.size()),
      decider_(*pools_) {
  for (CheckIndex i = 0; i < health_.size(); ++i) {
    bits_.Set(i, health_[i].healthy);
  }
}

std::vector<CompiledPool> Evaluation::CompileAll() {
  decider_.Begin(bits_);
  std::vector<CompiledPool> out;
  out.reserve(pools_->size());
  for (RuleId id = 0; id < pools_->size(); ++id) {
    if (pools_->IsPool(id)) {
      decider_.Compile(id, out.emplace_back());
    }
  }
  return out;
}

// Takes them over; those whose health is another now.
std::vector<CheckIndex> Evaluation::Differing(std::span<const CompiledHealth> changed) {
  std::vector<CheckIndex> checks;
  for (const auto& status : changed) {
    const CheckIndex check = pools_->FindCheck(status.id);
    if (check == kNoCheck) {
      continue;
    }
    if (health_[check].healthy != status.healthy) {
      checks.push_back(check);
    }
    health_[check] = status;
    bits_.Set(check, status.healthy);
  }
  return checks;
}

Status Evaluation::Recompile(std::span<const CompiledHealth> changed, const TakePools& take) {
  std::vector<RuleId> touched;
  pools_->Touched(Differing(changed), touched);
  decider_.Begin(bits_);
  // So few that they are still in the cache when they are taken, and their memory is used again.
  std::vector<CompiledPool> decided(std::min(touched.size(), kAtATime));
  for (std::size_t done = 0; done < touched.size();) {
    const auto batch = std::span(decided).first(std::min(touched.size() - done, decided.size()));
    for (CompiledPool& pool : batch) {
      decider_.Compile(touched[done++], pool);
    }
    HF_TRY(take(batch));
  }
  return {};
}

Result<Compiled> Compile(const Model& model,
                         std::span<const CompiledHealth> health,
                         std::int64_t loaded_ms) {
  Compiled out;
  auto pools = std::make_unique<Pools>(model.checks, model.location);
  const auto children = ChildOrigins(model.zones);
  const Reach reach(model.zones, pools->clients());
  out.zones.reserve(model.zones.size());
  for (std::size_t i = 0; i < model.zones.size(); ++i) {
    auto zone = CompileZone(model.zones[i],
                            {.child_origins = children[i], .reach = &reach, .loaded_ms = loaded_ms},
                            *pools,
                            out.warnings);
    if (!zone) {
      return std::unexpected(zone.error());
    }
    out.zones.push_back(*std::move(zone));
  }
  pools->Finish();
  out.health = HealthOf(model, health);
  out.evaluation = std::make_unique<Evaluation>(std::move(pools), out.health);
  out.pools = out.evaluation->CompileAll();
  return out;
}

}  // namespace holdfast::control

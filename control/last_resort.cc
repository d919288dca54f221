#include "control/last_resort.h"

#include <algorithm>
#include <variant>

#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

bool Fires(const CompiledPool& pool) {
  return std::ranges::any_of(pool.outcomes, [](const CompiledOutcome& outcome) {
    return (outcome.flags & table::kOutcomeLastResort) != 0;
  });
}

}  // namespace

void LastResort::Load(std::span<const CompiledZone> zones,
                      std::span<const CompiledPool> pools,
                      bool wanted) {
  const bool news = wanted && wanted_;
  wanted_ = wanted;
  names_.clear();
  if (!wanted) {
    firing_.clear();
    return;
  }
  for (const CompiledZone& zone : zones) {
    for (const CompiledName& name : zone.names) {
      for (const CompiledRrset& rrset : name.rrsets) {
        if (const auto* rule = std::get_if<RuleDigest>(&rrset.answer)) {
          Names& names = names_[*rule];
          if (names.count++ == 0) {
            names.first = name.name;
            names.type = rrset.type;
          }
        }
      }
    }
  }
  std::erase_if(firing_, [this](const RuleDigest& rule) { return !names_.contains(rule); });
  Note(pools);
  Settle();
  if (!news) {
    told_ = {};
  }
}

void LastResort::Note(std::span<const CompiledPool> pools) {
  if (!wanted_) {
    return;
  }
  for (const CompiledPool& pool : pools) {
    const bool fires = Fires(pool);
    // One without a name is a step on the way of others that have one.
    if (fires != firing_.contains(pool.rule) && names_.contains(pool.rule)) {
      noted_.push_back({pool.rule, fires});
    }
  }
}

void LastResort::Settle() {
  for (const auto& [rule, fires] : noted_) {
    if (fires) {
      firing_.insert(rule);
    } else {
      firing_.erase(rule);
    }
    Tell(rule, fires);
  }
  noted_.clear();
}

void LastResort::Tell(const RuleDigest& rule, bool fires) {
  if (told_.changes.size() >= kMost) {
    ++told_.lost;
    return;
  }
  const Names& names = names_.at(rule);
  told_.changes.push_back({.name = wire::ToText(names.first),
                           .type = wire::TypeText(names.type),
                           .others = names.count - 1,
                           .fires = fires});
}

}  // namespace holdfast::control

// Loads on their way to the tables: what is read, judged and compiled before the control core sees
// any of it. See prepare.h.
#include "control/prepare.h"

#include <algorithm>
#include <iterator>
#include <spdlog/spdlog.h>
#include <utility>

#include "control/model/findings.h"
#include "control/model/rules.h"
#include "control/model/stored_zone.h"
#include "dataplane/base/clock.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

// Zones that commands loaded take the place of the node file's; dropped ones go. What stands in
// neither as it is written is judged as a whole, and said.
Status Overlay(Loaded& loaded,
               const std::vector<StoredZone>& stored,
               std::span<TrafficTree> trees) {
  Model& model = loaded.model;
  Findings findings;
  const auto judge = [&model](const Zone& zone, Findings& found) {
    CheckZone(zone, found);
    if (found.Ok()) {
      CheckLocations(zone, model.location.get(), found);
    }
  };
  for (const StoredZone& from : stored) {
    const auto it = std::ranges::find(model.zones, from.origin, &Zone::origin);
    const std::string name = "zone " + wire::ToText(from.origin);
    if (from.dropped) {
      if (it != model.zones.end()) {
        loaded.warnings.push_back(name + ": not served, `zone drop` took it away; " +
                                  it->source.Text() + " waits for a `zone load`");
        model.zones.erase(it);
      }
      continue;
    }
    auto zone = ZoneFromStore(from);
    if (!zone) {
      return std::unexpected(zone.error());
    }
    if (it != model.zones.end()) {
      loaded.warnings.push_back(name + ": served as `zone load` left it; " + it->source.Text() +
                                " is passed over until it is loaded by command");
      zone->record_sets = std::move(it->record_sets);
    }
    JudgeWithTrees(*zone, trees, judge, findings);
    if (findings.Ok()) {
      LintZone(*zone, model.checks, findings);
    }
    if (it != model.zones.end()) {
      *it = std::move(*zone);
    } else {
      model.zones.push_back(std::move(*zone));
    }
  }
  if (!findings.Ok()) {
    return std::unexpected(findings.ToError());
  }
  std::ranges::move(findings.Warnings(), std::back_inserter(loaded.warnings));
  return {};
}

// The delegation that hides a name of the zone; empty when none does.
std::string_view CutAbove(const Zone& zone, std::string_view name) {
  constexpr auto kNs = static_cast<std::uint16_t>(wire::Type::kNs);
  const auto hides = [&](std::uint16_t type, std::string_view owner) {
    return type == kNs && owner.size() > zone.origin.size() && wire::IsAtOrBelow(name, owner);
  };
  for (const Rrset& rrset : zone.rrsets) {
    if (hides(rrset.type, rrset.owner)) {
      return rrset.owner;
    }
  }
  for (const RecordSet& record : zone.record_sets) {
    if (hides(record.type, record.name)) {
      return record.name;
    }
  }
  return {};
}

// What is not served of traffic policies is said, and no reason to serve nothing.
void NoteFailed(Loaded& loaded, std::span<TrafficTree> trees) {
  Model& model = loaded.model;
  for (TrafficTree& tree : trees) {
    if (tree.fault.empty() &&
        std::ranges::find(model.zones, tree.origin, &Zone::origin) == model.zones.end()) {
      tree.fault = "zone " + wire::ToText(tree.origin) + " is not served here";
    }
    for (const Zone& zone : model.zones) {
      // What the zone above has there is hidden by this one.
      if (tree.fault.empty() && zone.origin.size() > tree.origin.size() &&
          wire::IsAtOrBelow(tree.name, zone.origin)) {
        tree.fault = "its name lies in zone " + wire::ToText(zone.origin) + " now; apply it again";
      }
      if (tree.fault.empty() && zone.origin == tree.origin) {
        if (const auto cut = CutAbove(zone, tree.name); !cut.empty()) {
          tree.fault = "its name is hidden by the delegation at " + wire::ToText(cut);
        }
      }
    }
    if (!tree.fault.empty()) {
      std::string words = tree.fault;  // a line for each fault
      for (std::size_t at = 0; (at = words.find('\n', at)) != std::string::npos;) {
        words.replace(at, 1, "; ");
      }
      loaded.warnings.push_back(tree.title + ": not served: " + words);
      model.failed_instances.push_back({tree.instance_id, tree.fault});
    }
  }
}

}  // namespace

Result<Prepared> Prepare(const NodeConfig& node,
                         Store& store,
                         std::vector<StoredZone> stored,
                         std::vector<TrafficTree> trees,
                         std::span<const CompiledHealth> health) {
  const std::int64_t began_ms = WallMs();
  auto loaded = LoadAll(node, &store, trees);
  if (!loaded) {
    return std::unexpected(loaded.error());
  }
  spdlog::info("zones: {} taken from the store, {} parsed, {} ms",
               loaded->model.zones.size() - loaded->parsed.size(),
               loaded->parsed.size(),
               WallMs() - began_ms);
  HF_TRY(Overlay(*loaded, stored, trees));
  NoteFailed(*loaded, trees);
  auto compiled = Compile(loaded->model, health, WallMs());
  if (!compiled) {
    return std::unexpected(compiled.error());
  }
  Prepared prepared;
  prepared.node = node;
  prepared.model = std::make_shared<const Model>(std::move(loaded->model));
  prepared.stored = std::move(stored);
  prepared.parsed = std::move(loaded->parsed);
  prepared.warnings = std::move(loaded->warnings);
  std::ranges::move(compiled->warnings, std::back_inserter(prepared.warnings));
  prepared.compiled = std::move(*compiled);
  return prepared;
}

Result<Prepared> PrepareAgain(const NodeConfig& node,
                              std::shared_ptr<const Model> model,
                              std::vector<std::string> warnings,
                              std::span<const ZoneInfo> zones,
                              std::span<const CompiledHealth> health) {
  auto compiled = Compile(*model, health, WallMs());
  if (!compiled) {
    return std::unexpected(compiled.error());
  }
  for (CompiledZone& zone : compiled->zones) {
    const auto it = std::ranges::find(zones, wire::ToText(zone.origin), &ZoneInfo::origin);
    zone.loaded_ms = it == zones.end() ? zone.loaded_ms : it->loaded_ms;
  }
  Prepared prepared;
  prepared.node = node;
  prepared.model = std::move(model);
  prepared.warnings = std::move(warnings);
  prepared.compiled = std::move(*compiled);
  return prepared;
}

}  // namespace holdfast::control

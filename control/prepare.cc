// Loads on their way to the tables: what is read, judged and compiled before the control core sees
// any of it. See prepare.h.
#include "control/prepare.h"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "control/model/findings.h"
#include "control/model/rules.h"
#include "control/model/stored_zone.h"
#include "control/traffic/trees.h"
#include "dataplane/base/clock.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

ZoneWarnings& WarningsOf(Loaded& loaded, const std::string& origin) {
  const auto found = std::ranges::find(loaded.of_zones, origin, &ZoneWarnings::origin);
  return found != loaded.of_zones.end() ? *found : loaded.of_zones.emplace_back();
}

// Zones that commands loaded take the place of the node file's; dropped ones go. What stands in
// neither as it is written is judged as a whole, and said in place of what that was warned of.
Status Overlay(Loaded& loaded, std::span<const StoredZone> stored, std::span<TrafficTree> trees) {
  Model& model = loaded.model;
  Findings findings;
  for (const StoredZone& from : stored) {
    const auto it = std::ranges::find(model.zones, from.origin, &Zone::origin);
    const std::string name = "zone " + wire::ToText(from.origin);
    ZoneWarnings said{.origin = from.origin, .findings = {}, .note = {}};
    if (from.dropped) {
      if (it != model.zones.end()) {
        said.note = name + ": not served, `zone drop` took it away; " + it->source.Text() +
                    " waits for a `zone load`";
        WarningsOf(loaded, from.origin) = std::move(said);
        model.zones.erase(it);
      }
      continue;
    }
    auto zone = ZoneFromStore(from, said.findings);
    if (!zone) {
      return std::unexpected(zone.error());
    }
    if (it != model.zones.end()) {
      said.note = name + ": served as `zone load` left it; " + it->source.Text() +
                  " is passed over until it is loaded by command";
      zone->record_sets = std::move(it->record_sets);
    }
    JudgeWithTrees(*zone, trees, JudgeBy(model.location.get()), said.findings);
    if (said.findings.Ok()) {
      LintZone(*zone, model.checks, said.findings);
    }
    findings.Add(said.findings);
    WarningsOf(loaded, from.origin) = std::move(said);
    if (it != model.zones.end()) {
      *it = std::move(*zone);
    } else {
      model.zones.push_back(std::move(*zone));
    }
  }
  return findings.Ok() ? Status{} : std::unexpected(findings.ToError());
}

// The delegation that hides a name of the zone, as words; empty when none does.
std::string CutAbove(const Zone& zone, std::string_view name) {
  constexpr auto kNs = static_cast<std::uint16_t>(wire::Type::kNs);
  const auto hides = [&](std::uint16_t type, std::string_view owner) {
    return type == kNs && owner.size() > zone.origin.size() && wire::IsAtOrBelow(name, owner);
  };
  const auto words = [](std::string_view owner, const Source& source) {
    return "the delegation at " + wire::ToText(owner) + " (" + source.Text() + ")";
  };
  for (const Rrset& rrset : zone.rrsets) {
    if (hides(rrset.type, rrset.owner)) {
      return words(rrset.owner, rrset.source);
    }
  }
  for (const RecordSet& record : zone.record_sets) {
    if (hides(record.type, record.name)) {
      return words(record.name, record.source);
    }
  }
  return {};
}

// Why a tree that fits into its zone is not seen there all the same; empty: it is, or there is no
// such zone.
std::string WhyHidden(const TrafficTree& tree, const Model& model) {
  for (const Zone& zone : model.zones) {
    // What the zone above has there is hidden by this one.
    if (zone.origin.size() > tree.origin.size() && wire::IsAtOrBelow(tree.name, zone.origin)) {
      return "its name lies in zone " + wire::ToText(zone.origin) + " now (" + zone.source.Text() +
             "), where it is not applied";
    }
  }
  const auto own = std::ranges::find(model.zones, tree.origin, &Zone::origin);
  const std::string cut = own == model.zones.end() ? "" : CutAbove(*own, tree.name);
  return cut.empty() ? "" : "its name is hidden by " + cut;
}

// What is not served of traffic policies is said, and no reason to serve nothing.
void NoteFailed(Model& model,
                std::span<TrafficTree> trees,
                const NodeConfig& node,
                std::span<const StoredZone> stored) {
  for (TrafficTree& tree : trees) {
    if (tree.fault.empty()) {
      tree.fault = WhyHidden(tree, model);
    }
    if (tree.fault.empty() &&
        std::ranges::find(model.zones, tree.origin, &Zone::origin) == model.zones.end()) {
      const auto command = std::ranges::find(stored, tree.origin, &StoredZone::origin);
      tree.fault =
          "zone " + wire::ToText(tree.origin) + " is not served here: " +
          (command != stored.end() ? "`zone drop` took it away" : node.path + " does not name it");
    }
    if (!tree.fault.empty()) {
      model.failed_instances.push_back({tree.instance_id, tree.title, tree.fault});
    }
  }
}

Result<Prepared> Finish(const NodeConfig& node,
                        std::shared_ptr<const Model> model,
                        Warnings warnings,
                        std::span<const CompiledHealth> health) {
  auto compiled = Compile(*model, health, WallMs());
  if (!compiled) {
    return std::unexpected(compiled.error());
  }
  warnings.compiled = compiled->warnings;
  return Prepared{node, std::move(model), {}, std::move(warnings), std::move(*compiled)};
}

bool Holds(const Zone& zone, const std::string& instance) {
  return std::ranges::any_of(zone.record_sets, [&](const RecordSet& record) {
    return record.traffic != nullptr && record.traffic->instance_id == instance;
  });
}

// One instance of the zone changed; nothing else in it may suffer.
Status Change(Zone& zone,
              const Model& model,
              const std::string& id,
              const TrafficTree* tree,
              Findings& warnings) {
  const ZoneJudge judge = JudgeBy(model.location.get());
  Findings before;
  judge(zone, before);
  LintZone(zone, model.checks, before);
  auto trees = TreesIn(zone);
  std::erase_if(trees, [&id](const TrafficTree& one) { return one.instance_id == id; });
  if (tree != nullptr && tree->origin == zone.origin) {
    trees.push_back(*tree);
  }
  Findings now;
  JudgeWithTrees(zone, trees, judge, now);
  if (now.Ok()) {
    for (const TrafficTree& one : trees) {
      if (!one.fault.empty()) {
        now.AddError("", one.title + " would not be served: " + OneLine(one.fault));
      }
    }
  }
  if (!now.Ok()) {
    return std::unexpected(now.ToError());
  }
  LintZone(zone, model.checks, now);
  warnings.ReplaceWarnings(before, now);
  return {};
}

}  // namespace

std::vector<std::string> Warnings::Lines(const Model& model) const {
  std::vector<std::string> lines = zones.Warnings();
  lines.insert(lines.end(), node.begin(), node.end());
  for (const FailedInstance& failed : model.failed_instances) {
    lines.push_back(failed.title + ": not served: " + OneLine(failed.message));
  }
  lines.insert(lines.end(), compiled.begin(), compiled.end());
  return lines;
}

Result<Loaded> ReadAndJudge(const NodeConfig& node,
                            Store& store,
                            std::span<const StoredZone> stored,
                            std::vector<TrafficTree> trees) {
  auto loaded = LoadAll(node, &store, trees);
  if (loaded) {
    HF_TRY(Overlay(*loaded, stored, trees));
    NoteFailed(loaded->model, trees, node, stored);
  }
  return loaded;
}

Result<Prepared> Prepare(const NodeConfig& node,
                         Store& store,
                         std::span<const StoredZone> stored,
                         std::vector<TrafficTree> trees,
                         std::span<const CompiledHealth> health) {
  const std::int64_t began_ms = WallMs();
  auto loaded = ReadAndJudge(node, store, stored, std::move(trees));
  if (!loaded) {
    return std::unexpected(loaded.error());
  }
  spdlog::info("zones: {} taken from the store, {} parsed, {} ms",
               node.zones.size() - loaded->parsed.size(),
               loaded->parsed.size(),
               WallMs() - began_ms);
  Warnings warnings;
  warnings.zones = loaded->AllWarnings();
  for (ZoneWarnings& zone : loaded->of_zones) {
    if (!zone.note.empty()) {
      warnings.node.push_back(std::move(zone.note));
    }
  }
  auto prepared = Finish(
      node, std::make_shared<const Model>(std::move(loaded->model)), std::move(warnings), health);
  if (prepared) {
    prepared->parsed = std::move(loaded->parsed);
  }
  return prepared;
}

Status KeepsInstances(const Model& served,
                      const Model& wanted,
                      std::span<const StoredZone> stored) {
  std::unordered_map<std::string_view, std::string_view> zones;  // by instance
  for (const Zone& zone : served.zones) {
    for (const RecordSet& record : zone.record_sets) {
      if (record.traffic != nullptr) {
        zones.emplace(record.traffic->instance_id, zone.origin);
      }
    }
  }
  for (const FailedInstance& failed : served.failed_instances) {
    zones.erase(failed.id);  // stands in its zone, but hidden
  }
  std::string lost;
  for (const FailedInstance& failed : wanted.failed_instances) {
    const auto zone = zones.find(failed.id);
    const bool dropped =
        zone != zones.end() && std::ranges::any_of(stored, [&zone](const StoredZone& one) {
          return one.dropped && one.origin == zone->second;
        });
    if (zone != zones.end() && !dropped) {
      lost += (lost.empty() ? "" : "\n") + failed.title +
              " is served and would not be any more: " + OneLine(failed.message) +
              "; mend that, or `holdfast traffic remove` it first";
    }
  }
  return lost.empty() ? Status{} : Fail(ErrorCode::kInvalid, lost);
}

Result<Prepared> PrepareAgain(Served served) {
  auto prepared =
      Finish(served.node, std::move(served.model), std::move(served.warnings), served.health);
  if (!prepared) {
    return prepared;
  }
  for (CompiledZone& zone : prepared->compiled.zones) {
    const auto it = std::ranges::find(served.zones, wire::ToText(zone.origin), &ZoneInfo::origin);
    zone.loaded_ms = it == served.zones.end() ? zone.loaded_ms : it->loaded_ms;
  }
  return prepared;
}

Result<Prepared> PrepareInstance(Served served, const std::string& id, const TrafficTree* tree) {
  if (tree != nullptr) {
    const std::string fault = tree->fault.empty() ? WhyHidden(*tree, *served.model) : tree->fault;
    if (!fault.empty()) {
      return Fail(ErrorCode::kInvalid, fault);
    }
  }
  auto model = std::make_shared<Model>(*served.model);
  std::erase_if(model->failed_instances, [&id](const FailedInstance& one) { return one.id == id; });
  for (Zone& zone : model->zones) {
    if (Holds(zone, id) || (tree != nullptr && tree->origin == zone.origin)) {
      HF_TRY(Change(zone, *model, id, tree, served.warnings.zones));
    }
  }
  served.model = std::move(model);
  return PrepareAgain(std::move(served));
}

}  // namespace holdfast::control

#include "control/config/load.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "control/config/checks.h"
#include "control/config/location_files.h"
#include "control/config/record_sets.h"
#include "control/config/text_file.h"
#include "control/config/zone_file.h"
#include "control/model/rules.h"
#include "control/model/stored_zone.h"

namespace holdfast::control {
namespace {

void ReadNodeChecks(const NodeConfig& node,
                    std::vector<health::CheckConfig>& checks,
                    Findings& findings) {
  if (!node.checks_file.empty()) {
    ReadChecks(node.checks_file, checks, findings);
  }
  // A check that was refused would only seem to be missing.
  if (findings.Ok()) {
    ApplyOverlays(node.check_overlays, checks, findings);
  }
}

Zone NamedZone(const ZoneConfig& config) {
  Zone zone;
  zone.origin = config.origin;
  zone.id = config.id;
  zone.source = Source{config.file.empty() ? config.records : config.file, 0};
  return zone;
}

// All that depends on the zone's texts alone.
Zone ParseZone(const ZoneConfig& config, Findings& findings) {
  Zone zone = NamedZone(config);
  if (!config.file.empty()) {
    ReadZoneFile(config.file, zone, findings);
  }
  if (!config.records.empty()) {
    ReadRecordSets(config.records, zone, findings);
  }
  // The rules would only repeat what is missing because it was refused.
  if (findings.Ok()) {
    CheckZone(zone, findings);
  }
  return zone;
}

// What beside its texts decides what becomes of a zone: this program, and the [[zone]] table.
std::string MadeBy(const ZoneConfig& config) {
  std::string made_by = HF_VERSION;
  for (const std::string* word : {&config.id, &config.file, &config.records}) {
    made_by += '\0' + *word;
  }
  return made_by;
}

bool IsUnchanged(const Text& text) {
  const auto now = DigestOfFile(text.path);
  return now && *now == text.sha256;
}

// The zone as it was parsed before, when reading its texts now would give the same.
std::optional<Zone> StoredZoneOf(const ZoneConfig& config, Store& store, Findings& findings) {
  const auto content = store.ParsedContent(config.origin);
  if (!content || content->empty()) {
    return std::nullopt;
  }
  const auto basis = BasisOf(*content);
  if (!basis || basis->made_by != MadeBy(config) ||
      !std::ranges::all_of(basis->texts, IsUnchanged)) {
    return std::nullopt;
  }
  auto zone = ReadContent(*content, NamedZone(config), findings);
  return zone ? std::optional(std::move(*zone)) : std::nullopt;
}

}  // namespace

Result<std::vector<health::CheckConfig>> LoadChecks(const NodeConfig& node) {
  Findings findings;
  std::vector<health::CheckConfig> checks;
  ReadNodeChecks(node, checks, findings);
  if (!findings.Ok()) {
    return std::unexpected(findings.ToError());
  }
  return checks;
}

Result<LoadedZone> LoadZone(const ZoneConfig& config, const Model& model) {
  Findings findings;
  LoadedZone loaded{ParseZone(config, findings), {}};
  if (findings.Ok()) {
    CheckLocations(loaded.zone, model.location.get(), findings);
  }
  if (!findings.Ok()) {
    return std::unexpected(findings.ToError());
  }
  LintZone(loaded.zone, model.checks, findings);
  loaded.warnings = findings.Warnings();
  return loaded;
}

Result<Loaded> LoadAll(const NodeConfig& node, Store* store) {
  Findings findings;
  Loaded loaded;
  ReadNodeChecks(node, loaded.model.checks, findings);
  Findings location;
  loaded.model.location = LoadLocation(node, location);
  findings.Add(location);
  for (const ZoneConfig& config : node.zones) {
    Findings found;
    auto zone = store == nullptr ? std::nullopt : StoredZoneOf(config, *store, found);
    if (!zone) {
      zone = ParseZone(config, found);
      if (store != nullptr && found.Ok()) {
        loaded.parsed.push_back({config.origin, ZoneContent(*zone, found, MadeBy(config))});
      }
    }
    if (found.Ok() && location.Ok()) {
      CheckLocations(*zone, loaded.model.location.get(), found);
    }
    if (found.Ok()) {
      LintZone(*zone, loaded.model.checks, found);
    }
    findings.Add(found);
    loaded.model.zones.push_back(std::move(*zone));
  }
  if (!findings.Ok()) {
    return std::unexpected(findings.ToError());
  }
  loaded.warnings = findings.Warnings();
  return loaded;
}

}  // namespace holdfast::control

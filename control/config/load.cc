#include "control/config/load.h"

#include <utility>

#include "control/config/checks.h"
#include "control/config/record_sets.h"
#include "control/config/zone_file.h"
#include "control/model/rules.h"

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

Zone ReadZone(const ZoneConfig& config,
              const std::vector<health::CheckConfig>& checks,
              Findings& findings) {
  Zone zone;
  zone.origin = config.origin;
  zone.id = config.id;
  zone.source = Source{config.file.empty() ? config.records : config.file, 0};
  const std::size_t errors_before = findings.ErrorCount();
  if (!config.file.empty()) {
    ReadZoneFile(config.file, zone, findings);
  }
  if (!config.records.empty()) {
    ReadRecordSets(config.records, zone, findings);
  }
  // The rules would only repeat what is missing because it was refused.
  if (findings.ErrorCount() == errors_before) {
    CheckZone(zone, findings);
  }
  if (findings.ErrorCount() == errors_before) {
    LintZone(zone, checks, findings);
  }
  return zone;
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

Result<LoadedZone> LoadZone(const ZoneConfig& config,
                            const std::vector<health::CheckConfig>& checks) {
  Findings findings;
  LoadedZone loaded{ReadZone(config, checks, findings), {}};
  if (!findings.Ok()) {
    return std::unexpected(findings.ToError());
  }
  loaded.warnings = findings.Warnings();
  return loaded;
}

Result<Loaded> LoadAll(const NodeConfig& node) {
  Findings findings;
  Loaded loaded;
  ReadNodeChecks(node, loaded.model.checks, findings);
  for (const ZoneConfig& config : node.zones) {
    loaded.model.zones.push_back(ReadZone(config, loaded.model.checks, findings));
  }
  if (!findings.Ok()) {
    return std::unexpected(findings.ToError());
  }
  loaded.warnings = findings.Warnings();
  return loaded;
}

}  // namespace holdfast::control

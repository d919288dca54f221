#include "control/config/load.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <sys/stat.h>
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
  const auto targets = health::TargetRules::Create(TargetsOf(node));
  if (!targets) {
    findings.AddError(node.path + ": [health]", targets.error().message);
    return;
  }
  AddNativeChecks(node.native_checks, *targets, checks, findings);
  if (!node.checks_file.empty()) {
    ReadChecks(node.checks_file, node.metrics, *targets, checks, findings);
  }
  for (const health::CheckConfig& check : checks) {
    if (check.type == health::CheckType::kRecoveryControl &&
        std::ranges::find(node.recovery.controls,
                          check.routing_control,
                          &RoutingControlConfig::name) == node.recovery.controls.end()) {
      findings.AddError(node.checks_file,
                        "health check '" + check.id + "': RoutingControlArn is \"" +
                            check.routing_control +
                            "\", which no [routing_control.\"NAME\"] of the node's file is");
    }
  }
  // A check that was refused would only seem to be missing.
  if (findings.Ok()) {
    ApplyOverlays(node.check_overlays, checks, findings);
    WarnOfCheckers(node.checkers, checks, node.path, findings);
  }
}

// Read again by whoever uses them; here they are only judged.
void CheckSecrets(const NodeConfig& node, Findings& findings) {
  if (!node.http.token_file.empty()) {
    if (const auto token = ReadSecret(node.http.token_file); !token) {
      findings.AddError(node.path + ": [http] token_file", token.error().message);
    }
  }
  for (const WebhookConfig& webhook : node.webhooks) {
    if (const auto secret = ReadSecret(webhook.secret_file); !secret) {
      findings.AddError(webhook.place + ": secret_file", secret.error().message);
    }
  }
  if (!node.checkers.listen.empty()) {
    if (const auto read = health::ReadIdentity(node.checkers.identity, health::LinkSide::kControl);
        !read) {
      findings.AddError(node.path + ": [checkers]", read.error().message);
    }
  }
}

// Whose table has a secret in it: that of cookies, the token of an agent, or what a page is asked
// with.
std::string HolderOfSecret(const NodeConfig& node) {
  if (!node.dns.cookie_secrets.empty()) {
    return "[dns] has its cookie_secrets in it";
  }
  for (const NativeCheck& one : node.native_checks) {
    if (!one.token.empty()) {
      return "check \"" + one.check.id + "\" has its token in it";
    }
  }
  for (const CheckOverlay& overlay : node.check_overlays) {
    for (const std::string& header :
         overlay.http ? overlay.http->headers : std::vector<std::string>()) {
      for (const char* secret : {"Authorization", "Proxy-Authorization", "Cookie"}) {
        if (health::IsSameHeader(health::HeaderName(header), secret)) {
          return "check \"" + overlay.id + "\" has its " + secret + " in it";
        }
      }
    }
  }
  return {};
}

// A secret in the node's file is as secret as that file. Files of their own for secrets are refused
// where everybody may read them; this one may have been readable for a reason before.
void WarnOfOpenSecrets(const NodeConfig& node, Findings& findings) {
  struct stat file{};
  const std::string holder = HolderOfSecret(node);
  if (holder.empty() || stat(node.path.c_str(), &file) != 0 || (file.st_mode & S_IROTH) == 0) {
    return;
  }
  std::array<char, 16> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", file.st_mode & 07777U);
  findings.AddWarning(node.path,
                      std::string("everybody may read this file (mode ") + mode.data() + "), and " +
                          holder + "; expected mode 0640 or tighter");
}

Zone NamedZone(const ZoneConfig& config) {
  Zone zone;
  zone.origin = config.origin;
  zone.id = config.id;
  zone.source = Source{config.file.empty() ? config.records : config.file, 0};
  return zone;
}

Zone ReadTexts(const ZoneConfig& config, Findings& findings) {
  Zone zone = NamedZone(config);
  if (!config.file.empty()) {
    ReadZoneFile(config.file, zone, findings);
  }
  if (!config.records.empty()) {
    ReadRecordSets(config.records, zone, findings);
  }
  return zone;
}

bool HasTrees(const ZoneConfig& config, std::span<const TrafficTree> trees) {
  return std::ranges::any_of(
      trees, [&config](const TrafficTree& tree) { return tree.origin == config.origin; });
}

// What beside its texts decides what becomes of a zone: this program, the [[zone]] table, and
// whether it is whole by itself. If not, it may be so together with the trees of traffic policies.
std::string MadeBy(const ZoneConfig& config, bool judged) {
  std::string made_by = HF_VERSION;
  for (const std::string* word : {&config.id, &config.file, &config.records}) {
    made_by += '\0' + *word;
  }
  return made_by + '\0' + (judged ? "judged" : "read");
}

bool IsUnchanged(const Text& text) {
  const auto now = DigestOfFile(text.path);
  return now && *now == text.sha256;
}

// The zone as it was parsed before, when reading its texts now would give the same.
// @param judged  whether CheckZone found nothing in it, then.
std::optional<Zone> StoredZoneOf(const ZoneConfig& config,
                                 Store& store,
                                 bool& judged,
                                 Findings& findings) {
  const auto content = store.ParsedContent(config.origin);
  if (!content || content->empty()) {
    return std::nullopt;
  }
  const auto basis = BasisOf(*content);
  judged = basis && basis->made_by == MadeBy(config, true);
  if (!basis || (!judged && basis->made_by != MadeBy(config, false)) ||
      !std::ranges::all_of(basis->texts, IsUnchanged)) {
    return std::nullopt;
  }
  auto zone = ReadContent(*content, NamedZone(config), findings);
  return zone ? std::optional(std::move(*zone)) : std::nullopt;
}

// Out of the store or parsed, and then kept for it. A zone without trees is judged by CheckZone
// once and never again while its texts stay, unless it had trees when it was parsed; one with trees
// is only read.
Zone ZoneOf(const ZoneConfig& config,
            Store* store,
            std::span<const TrafficTree> trees,
            Findings& found,
            std::vector<ParsedZone>& parsed) {
  const bool has_trees = HasTrees(config, trees);
  bool judged = false;
  if (store != nullptr) {
    if (auto zone = StoredZoneOf(config, *store, judged, found)) {
      if (!has_trees && !judged) {
        CheckZone(*zone, found);
      }
      return std::move(*zone);
    }
  }
  Zone zone = ReadTexts(config, found);
  if (found.Ok() && !has_trees) {
    CheckZone(zone, found);
  }
  if (store != nullptr && found.Ok()) {
    parsed.push_back({config.origin, ZoneContent(zone, found, MadeBy(config, !has_trees))});
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
                            const Model& model,
                            std::span<TrafficTree> trees) {
  LoadedZone loaded;
  loaded.zone = ReadTexts(config, loaded.warnings);
  // The rules would only repeat what is missing because it was refused.
  if (!loaded.warnings.Ok()) {
    return std::unexpected(loaded.warnings.ToError());
  }
  Findings judged;
  JudgeWithTrees(loaded.zone, trees, JudgeBy(model.location.get()), judged);
  if (!judged.Ok()) {
    return std::unexpected(judged.ToError());
  }
  return loaded;
}

Findings Loaded::AllWarnings() const {
  Findings all = warnings;
  for (const ZoneWarnings& zone : of_zones) {
    all.Add(zone.findings);
  }
  return all;
}

Result<Loaded> LoadAll(const NodeConfig& node, Store* store, std::span<TrafficTree> trees) {
  Findings findings;
  Loaded loaded;
  ReadNodeChecks(node, loaded.model.checks, findings);
  CheckSecrets(node, findings);
  WarnOfOpenSecrets(node, findings);
  Findings location;
  loaded.model.location = LoadLocation(node, location);
  findings.Add(location);
  loaded.warnings = findings;
  // What location files name is not judged when they cannot be read.
  const ZoneJudge judge =
      location.Ok() ? JudgeBy(loaded.model.location.get()) : ZoneJudge(CheckZone);
  for (const ZoneConfig& config : node.zones) {
    Findings found;
    auto zone = ZoneOf(config, store, trees, found, loaded.parsed);
    if (HasTrees(config, trees)) {
      if (found.Ok()) {
        JudgeWithTrees(zone, trees, judge, found);
      }
    } else if (found.Ok() && location.Ok()) {
      CheckLocations(zone, loaded.model.location.get(), found);
    }
    if (found.Ok()) {
      LintZone(zone, loaded.model.checks, found);
    }
    findings.Add(found);
    loaded.model.zones.push_back(std::move(zone));
    loaded.of_zones.push_back({config.origin, std::move(found), {}});
  }
  if (!findings.Ok()) {
    return std::unexpected(findings.ToError());
  }
  return loaded;
}

}  // namespace holdfast::control

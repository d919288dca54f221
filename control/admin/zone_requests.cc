#include "control/admin/zone_requests.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "control/model/stored_zone.h"
#include "control/traffic/trees.h"
#include "dataplane/base/clock.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

Json ApplyStored(Loads& loads, const NodeConfig& node, const ZoneChange& change) {
  auto stored = loads.store().Zones();
  if (!stored) {
    return Failure(stored.error());
  }
  const auto before = std::ranges::find(*stored, change.origin, &StoredZone::origin);
  const std::optional<StoredZone> old =
      before == stored->end() ? std::nullopt : std::optional(*before);
  change.Make(*stored);
  auto prepared = loads.Prepare(node, std::move(*stored));
  if (!prepared) {
    return Failure(prepared.error());
  }
  const auto save = [&](const std::optional<StoredZone>& zone) {
    return zone ? loads.store().SaveZone(*zone) : loads.store().ForgetZone(change.origin);
  };
  return loads.PublishStored(
      std::move(*prepared), [&] { return save(change.stored); }, [&] { return save(old); });
}

}  // namespace

void ZoneChange::Make(std::vector<StoredZone>& zones) const {
  std::erase_if(zones, [this](const StoredZone& zone) { return zone.origin == origin; });
  if (stored) {
    zones.push_back(*stored);
  }
}

Result<ZoneChange> ChangeOfZoneLoad(const NodeConfig& node,
                                    const Model& served,
                                    std::vector<TrafficTree> trees,
                                    const std::string& origin,
                                    const std::string& file) {
  ZoneConfig config;
  config.origin = origin;
  config.file = file;
  config.id = DefaultZoneId(config.origin);
  for (const ZoneConfig& known : node.zones) {
    if (known.origin == config.origin) {
      config.records = known.records;
      config.id = known.id;
      std::error_code error;
      if (std::filesystem::equivalent(file, known.file, error)) {
        return ZoneChange{.origin = origin, .stored = {}};
      }
    }
  }
  auto loaded = LoadZone(config, served, trees);
  if (!loaded) {
    return std::unexpected(loaded.error());
  }
  loaded->zone.record_sets.clear();  // they stay in their file
  StoredZone stored;
  stored.origin = origin;
  stored.zone_id = config.id;
  stored.file = file;
  stored.content = ZoneContent(loaded->zone, loaded->warnings);
  stored.at_ms = WallMs();
  return ZoneChange{.origin = origin, .stored = std::move(stored)};
}

Json ZoneLoad(Loads& loads, const std::string& origin, const std::string& file) {
  const auto name = wire::FromText(origin);
  if (!name) {
    return Failure({ErrorCode::kInvalid, "origin '" + origin + "': " + name.error().message});
  }
  const NodeConfig node = loads.node();
  const auto served = loads.model();
  auto trees = TreesOf(loads.store(), *served);
  if (!trees) {
    return Failure(trees.error());
  }
  const auto change = ChangeOfZoneLoad(node, *served, *std::move(trees), wire::Fold(*name), file);
  return change ? ApplyStored(loads, node, *change) : Failure(change.error());
}

Json ZoneDrop(Loads& loads, const std::string& origin) {
  const auto name = wire::FromText(origin);
  if (!name) {
    return Failure({ErrorCode::kInvalid, "origin '" + origin + "': " + name.error().message});
  }
  const auto model = loads.model();
  const std::string folded = wire::Fold(*name);
  if (std::ranges::find(model->zones, folded, &Zone::origin) == model->zones.end()) {
    return Failure({ErrorCode::kNotFound, "zone " + wire::ToText(folded) + " is not served here"});
  }
  StoredZone dropped;
  dropped.origin = folded;
  dropped.dropped = true;
  dropped.at_ms = WallMs();
  return ApplyStored(loads, loads.node(), {.origin = folded, .stored = std::move(dropped)});
}

}  // namespace holdfast::control

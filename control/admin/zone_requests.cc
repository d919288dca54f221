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

// @param change  null: the zone is what its file says again.
Json ApplyStored(Loads& loads,
                 const NodeConfig& node,
                 const std::string& origin,
                 const std::optional<StoredZone>& change) {
  auto stored = loads.store().Zones();
  if (!stored) {
    return Failure(stored.error());
  }
  const auto before = std::ranges::find(*stored, origin, &StoredZone::origin);
  const std::optional<StoredZone> old =
      before == stored->end() ? std::nullopt : std::optional(*before);
  if (old) {
    stored->erase(before);
  }
  if (change) {
    stored->push_back(*change);
  }
  auto prepared = loads.Prepare(node, std::move(*stored));
  if (!prepared) {
    return Failure(prepared.error());
  }
  const auto save = [&](const std::optional<StoredZone>& zone) {
    return zone ? loads.store().SaveZone(*zone) : loads.store().ForgetZone(origin);
  };
  return loads.PublishStored(
      std::move(*prepared), [&] { return save(change); }, [&] { return save(old); });
}

}  // namespace

Json ZoneLoad(Loads& loads, const std::string& origin, const std::string& file) {
  const auto name = wire::FromText(origin);
  if (!name) {
    return Failure({ErrorCode::kInvalid, "origin '" + origin + "': " + name.error().message});
  }
  const NodeConfig node = loads.node();
  ZoneConfig config;
  config.origin = wire::Fold(*name);
  config.file = file;
  config.id = DefaultZoneId(config.origin);
  for (const ZoneConfig& known : node.zones) {
    if (known.origin == config.origin) {
      config.records = known.records;
      config.id = known.id;
      std::error_code error;
      if (std::filesystem::equivalent(file, known.file, error)) {
        // From now on by its file again.
        return ApplyStored(loads, node, config.origin, std::nullopt);
      }
    }
  }
  auto trees = TreesOf(loads.store());
  if (!trees) {
    return Failure(trees.error());
  }
  auto loaded = LoadZone(config, *loads.model(), *trees);
  if (!loaded) {
    return Failure(loaded.error());
  }
  loaded->zone.record_sets.clear();  // they stay in their file
  StoredZone change;
  change.origin = config.origin;
  change.zone_id = config.id;
  change.file = file;
  change.content = ZoneContent(loaded->zone);
  change.at_ms = WallMs();
  return ApplyStored(loads, node, change.origin, change);
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
  StoredZone change;
  change.origin = folded;
  change.dropped = true;
  change.at_ms = WallMs();
  return ApplyStored(loads, loads.node(), folded, change);
}

}  // namespace holdfast::control

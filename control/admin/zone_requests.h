// The requests that load and drop a zone. On the worker for loads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/admin/loads.h"

namespace holdfast::control {

/// What a command makes of a zone in the store.
struct ZoneChange {
  std::string origin;                // wire form, folded
  std::optional<StoredZone> stored;  // nothing: the zone is what the node's own file says

  /// In a list of the store's Zones().
  void Make(std::vector<StoredZone>& zones) const;
};

/// What `zone load` keeps of a zone file, judged with the record sets that the node's file names
/// for the zone. Any thread.
/// @param origin  wire form, folded. @param trees  of traffic policies, as Prepare's.
/// @return kInvalid with the faults.
Result<ZoneChange> ChangeOfZoneLoad(const NodeConfig& node,
                                    const Model& served,
                                    std::vector<TrafficTree> trees,
                                    const std::string& origin,
                                    const std::string& file);

/// Serves a zone file from now on, in place of the one that the node's file names; that one, named
/// here, is followed again. @return the reply.
Json ZoneLoad(Loads& loads, const std::string& origin, const std::string& file);

/// Serves a zone no more. @return the reply.
Json ZoneDrop(Loads& loads, const std::string& origin);

}  // namespace holdfast::control

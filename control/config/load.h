// Everything that a node file names, read and judged together: zones, record sets, checks. The door
// of this room for control (start, reload), `holdfast check` and `zone load`. Control core only.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "control/config/node.h"
#include "control/model/findings.h"
#include "control/model/model.h"
#include "control/model/store.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

struct ZoneWarnings {
  std::string origin;  // wire form, folded
  Findings findings;   // of its texts, its rules and its lint; no errors
  std::string note;    // what a command made of it; empty: nothing
};

struct Loaded {
  Model model;
  Findings warnings;                   // of checks and location files; no errors
  std::vector<ZoneWarnings> of_zones;  // of each, also where a command took it away
  std::vector<ParsedZone> parsed;      // zones that did not come out of the store, to be kept there

  /// One sentence each, with file and line; without notes.
  [[nodiscard]] Findings AllWarnings() const;
};

/// Reads all zones, checks and location files of a node. No side effect beyond reading.
/// @param store  where zones lie as they were parsed before: while no text of a zone has changed it
/// is taken from there. What is damaged there, or of another release, is parsed. Null: all are.
/// @param trees  of traffic policies: what fits stands in its zone, what does not gets its `fault`.
/// @return kInvalid with one line for each fault, or what was read with its warnings. Nothing is
/// loaded in part.
Result<Loaded> LoadAll(const NodeConfig& node,
                       Store* store = nullptr,
                       std::span<TrafficTree> trees = {});

struct LoadedZone {
  Zone zone;
  Findings warnings;  // of its texts; no errors
};

/// Reads one zone: its zone file, its record sets, and the rules that bind them together.
/// @param model  whose places the record sets may name; no zone of it is looked at. @param trees as
/// LoadAll's; what it was loaded for may still not fit to the whole.
Result<LoadedZone> LoadZone(const ZoneConfig& config,
                            const Model& model,
                            std::span<TrafficTree> trees = {});

/// Reads the node's health checks with their overlays; empty when the node has none.
Result<std::vector<health::CheckConfig>> LoadChecks(const NodeConfig& node);

}  // namespace holdfast::control

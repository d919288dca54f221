// What is to be served, read, judged and compiled, before the control core takes it over. Nothing
// here changes what is served. Any thread; takes seconds for millions of names.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control/compile/compile.h"
#include "control/config/load.h"
#include "control/config/node.h"
#include "control/model/store.h"

namespace holdfast::control {

/// A node file read, judged and compiled; nothing of it is served yet.
struct Prepared {
  NodeConfig node;
  std::shared_ptr<const Model> model;
  std::vector<StoredZone> stored;  // zones that a command loaded or dropped
  std::vector<ParsedZone> parsed;  // zones whose text was parsed for this, for the store
  std::vector<std::string> warnings;
  Compiled compiled;
};

/// A zone as `status` shows it.
struct ZoneInfo {
  std::string origin;  // text
  std::string id;
  std::string source;
  bool stored = false;  // out of the store; no text was parsed for it
  std::uint32_t serial = 0;
  std::uint64_t names = 0;
  std::int64_t loaded_ms = 0;
};

/// Reads, judges and compiles what a node serves: its files, and over them the zones that commands
/// loaded or dropped. Any thread; takes seconds for millions of names.
/// @param store   spares the parsing of what has not changed; nothing is written to it.
/// @param stored  its Zones(), or what they are to become.
/// @param trees   TreesOf() it, likewise; those that do not fit are left out with a warning and are
/// the model's failed_instances.
/// @param health  the snapshot to compile under; Core::Apply brings it up to date.
Result<Prepared> Prepare(const NodeConfig& node,
                         Store& store,
                         std::vector<StoredZone> stored,
                         std::vector<TrafficTree> trees,
                         std::span<const CompiledHealth> health);

/// Compiles once more what is served: for tables that are to be built anew, without a look at any
/// file. Any thread. @param zones  as Core::zones() has them, whose times of loading stay.
Result<Prepared> PrepareAgain(const NodeConfig& node,
                              std::shared_ptr<const Model> model,
                              std::vector<std::string> warnings,
                              std::span<const ZoneInfo> zones,
                              std::span<const CompiledHealth> health);

}  // namespace holdfast::control

// What is to be served, read, judged and compiled, before the control core takes it over. Nothing
// here changes what is served. Any thread; takes seconds for millions of names.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/compile/compile.h"
#include "control/config/load.h"
#include "control/config/node.h"
#include "control/model/store.h"

namespace holdfast::control {

/// What people are told of what is served, by where it comes from: what changes one thing replaces
/// its own.
struct Warnings {
  Findings zones;                     // of texts, rules and lint
  std::vector<std::string> node;      // zones that commands changed, what waits for a restart
  std::vector<std::string> compiled;  // what is served otherwise than written

  /// All of them, and what `model` leaves out of traffic policies; a sentence each.
  [[nodiscard]] std::vector<std::string> Lines(const Model& model) const;
};

/// Judged and compiled; nothing of it is served yet.
struct Prepared {
  NodeConfig node;
  std::shared_ptr<const Model> model;
  std::vector<ParsedZone> parsed;  // zones whose text was parsed for this, for the store
  Warnings warnings;
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

/// What is served, at one moment.
struct Served {
  NodeConfig node;
  std::shared_ptr<const Model> model;
  Warnings warnings;
  std::vector<ZoneInfo> zones;
  std::vector<CompiledHealth> health;
};

/// Reads and judges what a node serves: its files, and over them the zones that commands loaded or
/// dropped. What all loads begin with, and `plan` ends with.
/// @param store, stored, trees  as Prepare's.
Result<Loaded> ReadAndJudge(const NodeConfig& node,
                            Store& store,
                            std::span<const StoredZone> stored,
                            std::vector<TrafficTree> trees);

/// The same, and compiles it.
/// @param store   spares the parsing of what has not changed; nothing is written to it.
/// @param stored  its Zones(), or what they are to become.
/// @param trees   TreesOf() it; those that do not fit are left out with a warning and are the
/// model's failed_instances. Of two that do not fit together the first is served.
/// @param health  the snapshot to compile under; Core::Apply brings it up to date.
Result<Prepared> Prepare(const NodeConfig& node,
                         Store& store,
                         std::span<const StoredZone> stored,
                         std::vector<TrafficTree> trees,
                         std::span<const CompiledHealth> health);

/// Whether all traffic policy instances that are served go on being served. Those of zones that
/// `stored` drops need not.
/// @return kInvalid with a line for each that would not, and why.
Status KeepsInstances(const Model& served, const Model& wanted, std::span<const StoredZone> stored);

/// Compiles once more what is served: for tables that are to be built anew, without a look at any
/// file. The times at which zones were loaded stay.
Result<Prepared> PrepareAgain(Served served);

/// As PrepareAgain, with one traffic policy instance changed. All else stays as it is served, what
/// is not served stays so.
/// @param tree  as TreesOf gives it, in place of what the instance had; null: it goes.
/// @return kInvalid with the reasons when it does not fit, or something that is served would not
/// any more.
Result<Prepared> PrepareInstance(Served served, const std::string& id, const TrafficTree* tree);

}  // namespace holdfast::control

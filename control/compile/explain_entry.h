// One name of a zone explained: the tree of its groups under a health snapshot, what it permits to
// a client, and what else of the reply depends on that client. For explain.cc alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/compile/compiled.h"
#include "control/compile/explain.h"
#include "control/compile/groups.h"
#include "control/compile/pools.h"
#include "control/compile/zone_index.h"
#include "control/model/model.h"

namespace holdfast::control {

/// What explaining one entry needs; all of one zone.
struct ExplainedEntry {
  const Zone& zone;
  const ZoneIndex& index;
  std::uint32_t entry;  // in `index`
  Pools& pools;         // `groups` made the entry's rule in them, keeping its order
  Groups& groups;
  std::span<const CompiledHealth> health;
  std::span<const health::CheckConfig> checks;  // of the model
};

/// Fills tree, answers, known, also and the scope of the entry's own answer.
/// @param leads  receives the targets of a CNAME, folded.
/// @return what could not be compiled.
Status ExplainEntry(const ExplainedEntry& what,
                    const table::ClientPrefix& client,
                    Explanation& out,
                    std::vector<std::string>& leads);

}  // namespace holdfast::control

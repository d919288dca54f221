// The request "plan": what a load of a file would change in the answers of a zone, read and judged
// by the same steps as that load. Nothing is stored or published. Any thread.
#pragma once

#include <span>
#include <stop_token>
#include <string>

#include "control/admin/requests.h"
#include "control/compile/compiled.h"
#include "control/config/node.h"
#include "control/model/model.h"
#include "control/model/store.h"
#include "dataplane/base/strong.h"

namespace holdfast::control {

/// Changes that a reply has in words: by default, and with `all`.
inline constexpr std::size_t kMostPlanned = 20;
inline constexpr std::size_t kMostPlannedOfAll = 100'000;

struct PlanRequest {
  std::string file;    // record sets (JSON) or a zone file; absolute
  std::string origin;  // text; empty: as the file says
  bool all = false;
};

/// The result of "plan". A zone file is taken as `zone load` takes it, record sets as a reload
/// would that found them in place of the zone's. Reads all that such a load reads, so what was
/// edited before and not loaded counts as part of it: the zone's other file, checks,
/// location files. Other zones whose files were edited are named in the warnings, no answer of
/// theirs is compared.
/// @param node    whose zones have files; @param store  only read; @param served  model of what is
/// answered; @param health  what that was compiled from; @param stop  as of PlanZone.
/// @return what that load would be refused with; kNotFound when it is not clear which zone the file
/// is for.
Result<Json> PlanResult(const PlanRequest& request,
                        const NodeConfig& node,
                        Store& store,
                        const Model& served,
                        std::span<const CompiledHealth> health,
                        Generation generation,
                        const std::stop_token& stop);

}  // namespace holdfast::control

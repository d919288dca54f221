// The request "plan": a file in place of what a served zone has of its kind, judged as a load
// judges it, and what that would change in answers. Nothing is stored or published. Any thread.
#pragma once

#include <span>
#include <stop_token>
#include <string>

#include "control/admin/requests.h"
#include "control/compile/compiled.h"
#include "control/config/node.h"
#include "control/model/model.h"
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

/// The result of "plan". Reads the file. @param node  whose zones have files; @param served  model
/// of what is answered; @param health  what that was compiled from; @param stop  as of PlanZone.
/// @return kInvalid with what a load would say of the file; kNotFound when it is not clear which
/// zone it is for.
Result<Json> PlanResult(const PlanRequest& request,
                        const NodeConfig& node,
                        const Model& served,
                        std::span<const CompiledHealth> health,
                        Generation generation,
                        const std::stop_token& stop);

}  // namespace holdfast::control

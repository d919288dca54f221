// One zone of the model as the tables will hold it. A pure function of the zone, of the served
// zones right below it and of the checks that exist; health has no part in it. Control core only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/compile/compiled.h"
#include "control/compile/pools.h"
#include "control/compile/reach.h"
#include "control/model/model.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

struct ZoneContext {
  std::span<const std::string_view> child_origins;  // see ZoneIndex::Create
  const Reach* reach = nullptr;  // of all zones; null: scopes do not matter, answers alone do
  std::int64_t loaded_ms = 0;    // wall clock, passed on
};

/// Compiles a zone and adds the rules of its groups to `pools`. A zone without a SOA at its apex is
/// one that is not loaded.
/// @param warnings  sentences on what is served otherwise than written, are added.
/// @return kInvalid, with the source, for what no table can hold (see ZoneIndex and Groups).
Result<CompiledZone> CompileZone(const Zone& zone,
                                 const ZoneContext& context,
                                 Pools& pools,
                                 std::vector<std::string>& warnings);

}  // namespace holdfast::control

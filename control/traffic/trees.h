// The traffic policies of the store as trees that a load can put into its zones. Control core's
// workers: it reads the disk.
#pragma once

#include <vector>

#include "control/model/model.h"
#include "control/model/store.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// "traffic policy instance www.example.test. A"; with its id where the name is damaged.
std::string InstanceTitle(const StoredInstance& instance);

/// One tree for each instance. Where a document cannot be read any more, or the zone leaves no room
/// for it, the tree is empty and its `fault` says why.
/// @return an error of the store.
Result<std::vector<TrafficTree>> TreesOf(Store& store,
                                         const std::vector<StoredInstance>& instances);

/// Of all that the store has.
Result<std::vector<TrafficTree>> TreesOf(Store& store);

/// The same, those first that are served: of two that do not fit together the first stands.
Result<std::vector<TrafficTree>> TreesOf(Store& store, const Model& served);

/// Those that stand in a zone, in the order in which they do. Any thread.
std::vector<TrafficTree> TreesIn(const Zone& zone);

}  // namespace holdfast::control

// Trees of record sets for the recompile bench: what an operator with location policies has, and
// the largest that the limits allow.
#pragma once

#include <array>
#include <cstddef>

#include "control/model/model.h"

namespace holdfast::bench {

/// `names` static names, and one tree for 250 classes of clients: latency over ten regions, below
/// each a weighted tree of three levels, below all of these one geolocation group of 100 records.
/// kFailoverCheck decides a record in each of the lowest groups.
control::Model LocationTree(std::size_t names);

using Levels = std::array<control::Policy, 3>;
/// Three groups in each other of `breadth` records each, all of their own and, where they go by
/// geolocation, each for countries of its own: breadth^3 values at the end. kFailoverCheck decides
/// one value of each lowest group.
control::Model NestedGroups(std::size_t names, const Levels& levels, std::size_t breadth);

}  // namespace holdfast::bench

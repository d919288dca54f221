// Whether a zone whose text has changed also says so by its serial. Secondaries fetch a zone, and
// operators tell two states of it apart, by that alone. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "control/model/model.h"

namespace holdfast::control {

/// A sentence for each zone of both whose records of the zone file are others, or have other TTLs,
/// than those served, under a serial that is not newer (RFC 1982). Order, comments and record sets
/// do not count. O(records) for zones of which a file has changed.
std::vector<std::string> StaleSerials(const Model& served, const Model& wanted);

}  // namespace holdfast::control

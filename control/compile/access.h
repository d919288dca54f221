// The access rules of a node in the octets that readers map. Pure; control core.
#pragma once

#include <span>

#include "control/compile/compiled.h"
#include "control/config/access_config.h"

namespace holdfast::control {

/// A table::LocationTable whose classes are those of table::Access; null without rules.
/// @param rules  as ReadAccessTable gives them.
TableBlob AccessTableOf(std::span<const AccessRule> rules);

}  // namespace holdfast::control

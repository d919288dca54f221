// The part of a zone that one name's answer depends on, so that explaining a name of a large zone
// does not compile all of it. Called by explain alone.
#pragma once

#include <cstdint>
#include <string_view>

#include "control/model/model.h"

namespace holdfast::control {

/// A zone in which `qname` matches, is hidden and is answered as in `zone`: what its ancestors, the
/// wildcards beside them, the targets of aliases, those whose addresses stand beside the answer,
/// and their ancestors own, and of the other names as many as show which empty non-terminals exist.
/// @param qname  folded wire form, at or below the origin.
Zone ExcerptFor(const Zone& zone, std::string_view qname, std::uint16_t qtype);

}  // namespace holdfast::control

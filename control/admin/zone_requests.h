// The requests that load and drop a zone. On the worker for loads.
#pragma once

#include <optional>
#include <string>

#include "control/admin/loads.h"

namespace holdfast::control {

/// Serves a zone file from now on, in place of the one that the node's file names; that one, named
/// here, is followed again. @return the reply.
Json ZoneLoad(Loads& loads, const std::string& origin, const std::string& file);

/// Serves a zone no more. @return the reply.
Json ZoneDrop(Loads& loads, const std::string& origin);

}  // namespace holdfast::control

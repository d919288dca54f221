// The request that reads the node's file again. On the worker for loads.
#pragma once

#include <string>

#include "control/admin/loads.h"

namespace holdfast::control {

/// Serves what the node's file and all that it names say now; refused, the generation before goes
/// on. @param started_with  what this process runs with: changes of it are warnings.
/// @return the reply.
Json Reload(Loads& loads, const std::string& node_path, const NodeConfig& started_with);

}  // namespace holdfast::control

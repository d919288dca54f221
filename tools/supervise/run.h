// `holdfast run`: the processes of one node, from its configuration to its ordered end.
#pragma once

#include "control/config/node.h"

namespace holdfast::tools {

/// Makes the folders, takes the run folder's lock, binds the listeners and minds the processes
/// until SIGTERM or SIGINT. Speaks on standard error.
/// @return exit status: 0 after an ordered stop, 1 when something is wrong with the configuration
/// or the machine, 2 when another supervisor or control holds this node.
int RunNode(const control::NodeConfig& node);

}  // namespace holdfast::tools

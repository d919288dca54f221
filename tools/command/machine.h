// What a node file asks of the machine and cannot have here: `run` refuses it, `check` warns, since
// it may look at the files of another machine. Cold, main thread.
#pragma once

#include <string>
#include <vector>

#include "control/config/node.h"

namespace holdfast::tools {

/// A sentence for each: processors that this process may not run on, a user that is not there.
/// @param becomes_user  whether holdfast-sockets would become the [node] user, as it does under
/// root.
std::vector<std::string> MachineFaults(const control::NodeConfig& node, bool becomes_user);

}  // namespace holdfast::tools

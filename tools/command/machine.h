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

/// A sentence for each folder that is there and that the [node] user cannot enter by its mode (it
/// has no supplementary groups; a list of rights may say otherwise): the run folder's and the
/// tables'. Both `run` and `check` warn, what serves already may be elsewhere.
std::vector<std::string> FolderFaults(const control::NodeConfig& node, bool becomes_user);

}  // namespace holdfast::tools

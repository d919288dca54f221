// Turns a node's configuration into the command lines of the other processes, which read no TOML.
// Pure. Used by `holdfast run`.
#pragma once

#include <string>
#include <vector>

#include "control/config/node.h"

namespace holdfast::tools {

/// Arguments of holdfast-control, without the program's name.
std::vector<std::string> ControlArguments(const control::NodeConfig& node);
/// Arguments of holdfast-dataplane; `node.dataplane.enabled` holds.
std::vector<std::string> DataplaneArguments(const control::NodeConfig& node);
/// Arguments of holdfast-sockets; `node.sockets.enabled` holds. @param user  to become; may be
/// empty.
std::vector<std::string> SocketsArguments(const control::NodeConfig& node, const std::string& user);

/// Whether holdfast-sockets is to get UDP sockets. As a fallback too: while a port runs, the XDP
/// program takes the queries before they reach the kernel's sockets.
bool SocketsWantUdp(const control::NodeConfig& node) noexcept;

}  // namespace holdfast::tools

// Binds the kernel sockets of a node's service addresses, to be kept for the supervisor's life and
// passed to holdfast-sockets again at each start. Cold, main thread.
#pragma once

#include <span>
#include <vector>

#include "control/config/node.h"
#include "dataplane/base/result.h"
#include "tools/supervise/child.h"

namespace holdfast::tools {

/// Octets of queries that a UDP socket keeps while its reader is away or behind; the kernel books
/// twice of it for its own. Without CAP_NET_ADMIN net.core.rmem_max is the most.
inline constexpr int kReceiveBufferOctets = 4 << 20;

/// Binds a TCP listener, and with `udp` a UDP socket, for each address; all or none. IPv6 sockets
/// serve IPv6 alone. Descriptors are closed on exec and live until the process ends.
/// @return kConflict when a port is in use, kNotFound when an address is not on this machine, kIo
/// else; the sentence names the address and the command that shows or mends it.
Result<std::vector<NamedFd>> BindListeners(std::span<const control::ListenConfig> listen, bool udp);

}  // namespace holdfast::tools

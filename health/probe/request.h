// Everything about a check that its probes need and that does not change from probe to probe,
// worked out once when the check is configured: address, request, pattern. Immutable, shared by the
// probes under way.
#pragma once

#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>

#include "dataplane/base/result.h"
#include "health/check.h"
#include "health/probe/pattern.h"

namespace holdfast::health {

/// An IPv4 or IPv6 address with its port, as the socket calls want it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t octets = 0;  // 0: none
};

SocketAddress MakeAddress(in_addr address, std::uint16_t port) noexcept;

struct ProbeTask {
  CheckConfig check;                       // alone, for a derived one, which is not probed
  SocketAddress address;                   // none: `check.fqdn` is resolved for each probe
  std::string request;                     // empty for TCP
  std::string sni;                         // empty: the handshake carries no name
  std::shared_ptr<const Pattern> pattern;  // null unless the type matches a string
};

/// @param pattern  compiled from check.search_string, or null.
/// @return kInvalid when the check cannot be probed as it is written (ValidateCheck says why).
Result<std::shared_ptr<const ProbeTask>> MakeTask(const CheckConfig& check,
                                                  std::shared_ptr<const Pattern> pattern);

/// The Host field: the name if there is one, else the address (IPv6 in brackets), and the port
/// unless it is 80 for HTTP or 443 for HTTPS.
std::string HostField(const CheckConfig& check);

}  // namespace holdfast::health

// Everything about a check that its probes need and that does not change from probe to probe,
// worked out once when the check is configured: address, request, pattern, certificates, user.
// Immutable, shared by the probes under way.
#pragma once

#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <sys/socket.h>

#include "dataplane/base/result.h"
#include "health/check.h"
#include "health/probe/child_process.h"
#include "health/probe/ip_address.h"
#include "health/probe/pattern.h"
#include "health/probe/tls.h"

namespace holdfast::health {

/// An IPv4 or IPv6 address with its port, as the socket calls want it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t octets = 0;  // 0: none
};

SocketAddress MakeAddress(const IpAddress& address, std::uint16_t port) noexcept;
/// The address without its port. `address` is not none.
IpAddress AddressOf(const SocketAddress& address) noexcept;

struct ProbeTask {
  CheckConfig check;                      // alone, for a derived one, which is not probed
  SocketAddress address;                  // none: `check.fqdn` is resolved for each probe
  std::string request;                    // of HTTP and UDP, whole; of others empty
  std::string sni;                        // empty: the handshake carries no name
  Pattern pattern;                        // none unless a reply must hold a string
  std::shared_ptr<const CaBundle> roots;  // null unless the certificate is verified
  std::optional<RunAs> run_as;            // EXEC: whom the program becomes
  bool trusted = false;                   // no target rule is asked: the operator's own choice
};

/// What a reply must hold, of HTTP's *_STR_MATCH and of UDP; empty: nothing.
const std::string& SearchedText(const CheckConfig& check) noexcept;

/// @param patterns  a set that has SearchedText; null: it becomes a set of its own.
/// @return kInvalid when the check cannot be probed as it is written (ValidateCheck says why), for
///         a CA bundle that cannot be read and a user that does not exist.
/// @param trusted  of the task.
Result<std::shared_ptr<const ProbeTask>> MakeTask(const CheckConfig& check,
                                                  std::shared_ptr<const PatternSet> patterns,
                                                  bool trusted = false);

/// The Host field: the name if there is one, else the address (IPv6 in brackets), and the port
/// unless it is 80 for HTTP or 443 for HTTPS.
std::string HostField(const CheckConfig& check);

}  // namespace holdfast::health

#include "control/reply_settings.h"

#include <vector>

#include "control/compile/access.h"

namespace holdfast::control {

CompiledSettings SettingsOf(const NodeConfig& node, const std::string& kept) {
  const DnsConfig& dns = node.dns;
  return {.cookies = dns.cookies,
          .cookie_secrets =
              dns.cookie_secrets.empty() ? std::vector<std::string>{kept} : dns.cookie_secrets,
          .nsid = dns.nsid,
          .version = dns.version,
          .identity = dns.identity,
          .extended_errors = dns.extended_errors,
          .udp_octets = dns.udp_octets,
          .unproven_octets = dns.udp_octets_without_cookie,
          .access = AccessTableOf(node.access),
          .rate = node.rate_limit};
}

}  // namespace holdfast::control

// [dns] of the node's file: how replies are made, whatever zone they are from. Takes effect at a
// reload. Read by node.cc; control core only.
#pragma once

#include <string>
#include <vector>

#include "control/config/fields.h"
#include "dataplane/table/format.h"

namespace holdfast::control {

struct DnsConfig {
  table::CookieMode cookies = table::CookieMode::kOn;
  std::vector<std::string> cookie_secrets;  // 16 octets each; empty: one that control keeps itself
  std::string nsid;                         // octets, at most table::kMaxNsidOctets; empty: none
  std::string version;                      // 1..255 octets; empty: hidden
  std::string identity;                     // 1..255 octets; empty: hidden
  bool extended_errors = true;
  std::uint16_t udp_octets = 1232;              // longest UDP reply, 512..4096
  std::uint16_t udp_octets_without_cookie = 0;  // 512..udp_octets; 0: as much as with one
};

/// Reads the table's members; the caller refuses unknown ones. No message shows a secret.
void ReadDnsTable(Fields& fields, DnsConfig& dns);

}  // namespace holdfast::control

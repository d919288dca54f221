// Turns the frame of a query into the frame of its reply, in place, once the reply's DNS message
// lies where the query's did. Any lcore; pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/io/classify.h"

namespace holdfast::io {

inline constexpr std::uint8_t kReplyTtl = 64;  // TTL and hop limit (RFC 1122 3.2.1.7)

/// Where the reply's frame lies.
struct ReplyFrame {
  std::uint16_t start = 0;   // from the query frame's first octet: what was skipped is left out
  std::uint32_t octets = 0;  // whole frame, without padding
};

/// The longest DNS message a reply may have on a link, 0 for a link too small for any.
/// @param mtu  octets of an IP packet on the link.
constexpr std::uint32_t MessageRoom(std::uint32_t mtu, bool v6) noexcept {
  const std::size_t headers = (v6 ? kIpv6Octets : kIpv4Octets) + kUdpOctets;
  return mtu > headers ? static_cast<std::uint32_t>(mtu - headers) : 0;
}

/// Writes the reply's headers: MAC addresses, IP addresses and ports swapped, VLAN tags kept, IP
/// options and extension headers left out, TTL 64, no ECN, IPv4 with DF and identification 0 (RFC
/// 6864 4.1), lengths, both checksums computed afresh over what is sent.
/// @param frame           the query's frame; the reply's message lies at query.udp_at + 8, where
///                        wire::kSumRoom octets can be read whatever its length.
/// @param query           what Classify said of it.
/// @param message_octets  of the reply, 0..65,507; no more than MessageRoom of the link.
ReplyFrame TurnIntoReply(std::byte* frame,
                         const QueryFrame& query,
                         std::uint32_t message_octets) noexcept;

}  // namespace holdfast::io

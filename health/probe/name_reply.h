// What a resolver's reply says of the addresses of a name. Judges octets, without sockets or clock;
// the resolver asks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "health/probe/ip_address.h"

namespace holdfast::health {

struct NameReply {
  static constexpr std::size_t kMaxAddresses = 64;  // of a name in one family; more are left out

  std::vector<IpAddress> addresses;
  /// Seconds: the least TTL on the way to the addresses; without any, how long that may be kept
  /// (RFC 2308, 5), where the reply has the SOA that says so.
  std::optional<std::uint32_t> ttl;
};

/// Follows the aliases of the answer from the name that was asked for. Aliases that lead nowhere,
/// in a circle or too far have no address.
/// @param v6  whether AAAA was asked, else A.
/// @return nothing for a message that is malformed.
std::optional<NameReply> ReadNameReply(std::span<const std::byte> message, bool v6);

}  // namespace holdfast::health

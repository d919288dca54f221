// ICMP and ICMPv6 echo messages: octets in and out, no socket. Replies are outside bytes, read with
// bounds. Health loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace holdfast::health {

/// What one probe's echoes are known by: random, carried in the payload and so brought back.
using EchoToken = std::uint64_t;

/// @param v6  ICMPv6, whose checksum is the kernel's affair.
/// @param id  a ping socket puts its own in its place.
std::string EchoRequest(bool v6, std::uint16_t id, std::uint16_t sequence, EchoToken token);

/// The sequence number of an echo reply that carries `token`; nothing for anything else.
/// @param ip_header  whether an IPv4 header stands before it, as raw sockets give it.
std::optional<std::uint16_t> EchoReplySequence(std::span<const std::byte> message,
                                               bool v6,
                                               bool ip_header,
                                               EchoToken token);

}  // namespace holdfast::health

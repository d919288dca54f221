// Decides of a received frame whether it is a DNS query for us, and where it is in the frame; else
// why not. Pure: octets in, verdict out. Called once per frame by the lcore loop, and by tests and
// the fuzzer on plain buffers. Any lcore.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/io/address.h"
#include "dataplane/io/counters.h"

namespace holdfast::io {

using MacAddress = std::array<std::byte, 6>;

inline constexpr std::size_t kEthernetOctets = 14;
inline constexpr std::size_t kVlanOctets = 4;
inline constexpr std::size_t kMaxVlanTags = 2;
inline constexpr std::size_t kIpv4Octets = 20;  // without options
inline constexpr std::size_t kIpv6Octets = 40;
inline constexpr std::size_t kUdpOctets = 8;
inline constexpr unsigned kMaxExtensions = 4;         // IPv6 extension headers that are skipped
inline constexpr unsigned kMaxExtensionOptions = 16;  // options looked at in each of them

/// Whether the UDP checksum is to be verified here.
enum class UdpChecksum : std::uint8_t {
  kVerify,
  kTrust  // the NIC found it good, or the port's switch says the sender leaves it partial
};

/// Where a DNS message lies in its frame; all from the frame's first octet.
struct QueryFrame {
  std::uint16_t l3_at = 0;           // IP header: 14, 18 or 22
  std::uint16_t udp_at = 0;          // UDP header, behind options and extension headers
  std::uint16_t message_octets = 0;  // of the DNS message at udp_at + 8, 0..65,527
  bool v6 = false;
};

/// A frame as it was received.
struct ReceivedFrame {
  ByteSpan octets;         // from its destination MAC on, at most 65,535
  std::size_t behind = 0;  // octets that can be read behind it, of its buffer
};

/// @param received   one frame; padding behind the IP packet is allowed.
/// @param mac        the port's own address.
/// @param query      set when the result is kQuery, else undefined.
/// @return kQuery, or the reason to drop: kShortFrame and what follows it in Counter. The message
///         itself is not looked at. Bounded: two tags, kMaxExtensions headers, one checksum pass.
Counter Classify(const ReceivedFrame& received,
                 const MacAddress& mac,
                 const OwnAddresses& own,
                 UdpChecksum check,
                 QueryFrame& query) noexcept;

/// Whether a frame that is no query is the affair of a kernel with the same addresses: what is
/// sound and for us, but for another of its protocols or ports, and what asks all hosts (ARP,
/// neighbour discovery). Nothing that the kernel would answer as DNS in our place although it must
/// not be.
/// @param verdict  what Classify said of it.
bool IsForKernel(Counter verdict, ByteSpan frame, const OwnAddresses& own) noexcept;

}  // namespace holdfast::io

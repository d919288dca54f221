// Internet checksum (RFC 1071) over whole buffers, for UDP over IPv4 and IPv6 and the IPv4 header.
// Computed from the octets that are sent, never adjusted from what was received. Hot: io, sockets
// and the benches; any core.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/base/bytes.h"

namespace holdfast::wire {

/// Adds the octets at `data`, read as 16-bit words in memory order, to a running sum. An odd last
/// octet counts as if a zero followed. Sums of stretches that begin at even offsets may be added
/// up.
/// @return the sum, to be closed by FoldSum.
inline std::uint64_t AddToSum(std::uint64_t sum, const void* data, std::size_t octets) noexcept {
  const auto* at = static_cast<const unsigned char*>(data);
  // 32-bit words into 64-bit sums: no carry can be lost before 2^32 words. Two sums, so that the
  // additions of one need not wait for the other's.
  std::uint64_t even = sum;
  std::uint64_t odd = 0;
  for (; octets >= 16; octets -= 16, at += 16) {
    even += std::uint64_t{LoadAs<std::uint32_t>(at)} + LoadAs<std::uint32_t>(at + 4);
    odd += std::uint64_t{LoadAs<std::uint32_t>(at + 8)} + LoadAs<std::uint32_t>(at + 12);
  }
  if ((octets & 8U) != 0) {
    even += std::uint64_t{LoadAs<std::uint32_t>(at)} + LoadAs<std::uint32_t>(at + 4);
    at += 8;
  }
  if ((octets & 4U) != 0) {
    odd += LoadAs<std::uint32_t>(at);
    at += 4;
  }
  if ((octets & 2U) != 0) {
    even += LoadAs<std::uint16_t>(at);
    at += 2;
  }
  if ((octets & 1U) != 0) {
    odd += *at;
  }
  return even + odd;
}

/// Folds a sum of AddToSum to 16 bits with end-around carry; in memory order.
inline std::uint16_t FoldSum(std::uint64_t sum) noexcept {
  sum = (sum & 0xFFFFFFFFU) + (sum >> 32U);
  sum = (sum & 0xFFFFFFFFU) + (sum >> 32U);
  sum = (sum & 0xFFFFU) + (sum >> 16U);
  sum = (sum & 0xFFFFU) + (sum >> 16U);
  sum = (sum & 0xFFFFU) + (sum >> 16U);
  return static_cast<std::uint16_t>(sum);
}

/// Checksum of an IPv4 header whose checksum field is zero. Store it as it is (memory order). Over
/// a header with its checksum in place the result is 0 when that is right.
/// @param octets  20..60.
inline std::uint16_t Ip4HeaderChecksum(const void* header, std::size_t octets) noexcept {
  return static_cast<std::uint16_t>(~FoldSum(AddToSum(0, header, octets)));
}

/// Sum of the pseudo-header of UDP (RFC 768, RFC 8200 8.1).
/// @param addresses       source and destination, one behind the other as in the IP header.
/// @param address_octets  of both: 8 for IPv4, 32 for IPv6.
/// @param udp_octets      header and payload, 8..65,535.
inline std::uint64_t PseudoHeaderSum(const void* addresses,
                                     std::size_t address_octets,
                                     std::size_t udp_octets) noexcept {
  constexpr std::uint16_t kUdp = 17;
  return AddToSum(0, addresses, address_octets) + __builtin_bswap16(kUdp) +
         __builtin_bswap16(static_cast<std::uint16_t>(udp_octets));
}

/// Checksum of a UDP datagram, to be stored as it is (memory order): 0xFFFF where 0 was computed,
/// which is the same sum and does not mean "none".
/// @param addresses, address_octets  as for PseudoHeaderSum.
/// @param udp                        the UDP header with a checksum field of zero, and the payload.
inline std::uint16_t UdpChecksum(const void* addresses,
                                 std::size_t address_octets,
                                 const void* udp,
                                 std::size_t udp_octets) noexcept {
  const std::uint16_t sum =
      FoldSum(AddToSum(PseudoHeaderSum(addresses, address_octets, udp_octets), udp, udp_octets));
  return sum == 0xFFFF ? sum : static_cast<std::uint16_t>(~sum);
}

/// Whether a received datagram with its checksum in place adds up. The caller has dealt with a
/// checksum field of 0 ("none": right over IPv4, wrong over IPv6).
inline bool UdpChecksumHolds(const void* addresses,
                             std::size_t address_octets,
                             const void* udp,
                             std::size_t udp_octets) noexcept {
  return FoldSum(AddToSum(
             PseudoHeaderSum(addresses, address_octets, udp_octets), udp, udp_octets)) == 0xFFFF;
}

}  // namespace holdfast::wire

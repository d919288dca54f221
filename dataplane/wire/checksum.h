// Internet checksum (RFC 1071) over whole buffers, for UDP over IPv4 and IPv6 and the IPv4 header.
// Computed from the octets that are sent, never adjusted from what was received. Hot: io, sockets
// and the benches; any core.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <emmintrin.h>

#include "dataplane/base/bytes.h"

namespace holdfast::wire {

/// Ones-complement addition of sums: the carry comes round.
inline std::uint64_t AddSums(std::uint64_t a, std::uint64_t b) noexcept {
  a += b;
  return a + (a < b ? 1 : 0);
}

/// Adds the octets at `data`, read as 16-bit words in memory order, to a running sum. An odd last
/// octet counts as if a zero followed. Sums of stretches that begin at even offsets may be added
/// up by AddSums.
/// @return the sum, to be closed by FoldSum.
inline std::uint64_t AddToSum(std::uint64_t sum, const void* data, std::size_t octets) noexcept {
  const auto* at = static_cast<const unsigned char*>(data);
  // Eight octets at a time: 2^64 - 1 is a multiple of 2^16 - 1. Two sums, so that the additions of
  // one need not wait for the other's.
  std::uint64_t even = sum;
  std::uint64_t odd = 0;
  const bool reaches_back = octets >= 8;
  for (; octets >= 16; octets -= 16, at += 16) {
    even = AddSums(even, LoadAs<std::uint64_t>(at));
    odd = AddSums(odd, LoadAs<std::uint64_t>(at + 8));
  }
  if ((octets & 8U) != 0) {
    even = AddSums(even, LoadAs<std::uint64_t>(at));
    at += 8;
  }
  octets &= 7U;
  if (octets != 0) {
    if (reaches_back) [[likely]] {
      // The eight octets that end where these do; those that were added already fall out.
      odd = AddSums(odd, LoadAs<std::uint64_t>(at + octets - 8) >> (64 - (8 * octets)));
    } else {
      std::uint64_t last = 0;
      std::memcpy(&last, at, octets);
      odd = AddSums(odd, last);
    }
  }
  return AddSums(even, odd);
}

/// Octets that AddToSumInRoom reads whatever the length.
inline constexpr std::size_t kSumRoom = 96;

/// As AddToSum, where kSumRoom octets can be read: no branch depends on a length up to that, which
/// no core could foresee.
inline std::uint64_t AddToSumInRoom(std::uint64_t sum,
                                    const void* data,
                                    std::size_t octets) noexcept {
  alignas(64) static constexpr auto kKeep = [] {
    std::array<std::uint8_t, 2 * kSumRoom> keep{};
    std::fill_n(keep.begin(), kSumRoom, std::uint8_t{0xFF});
    return keep;
  }();
  if (octets > kSumRoom) [[unlikely]] {
    return AddToSum(sum, data, octets);
  }
  const auto* at = static_cast<const unsigned char*>(data);
  const unsigned char* keep = kKeep.data() + kSumRoom - octets;
  const auto load = [](const unsigned char* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  const __m128i lower_words = _mm_set1_epi32(0xFFFF);
  __m128i even = _mm_setzero_si128();
  __m128i odd = _mm_setzero_si128();
  for (std::size_t i = 0; i < kSumRoom; i += 16) {
    const __m128i words = _mm_and_si128(load(at + i), load(keep + i));
    even = _mm_add_epi32(even, _mm_and_si128(words, lower_words));
    odd = _mm_add_epi32(odd, _mm_srli_epi32(words, 16));
  }
  __m128i all = _mm_add_epi32(even, odd);
  all = _mm_add_epi32(all, _mm_srli_si128(all, 8));
  all = _mm_add_epi32(all, _mm_srli_si128(all, 4));
  return AddSums(sum, static_cast<std::uint32_t>(_mm_cvtsi128_si32(all)));
}

/// Folds a sum of AddToSum to 16 bits with end-around carry; in memory order.
inline std::uint16_t FoldSum(std::uint64_t sum) noexcept {
  const auto upper = static_cast<std::uint32_t>(sum >> 32U);
  auto words = static_cast<std::uint32_t>(sum);
  words += upper;
  words += words < upper ? 1 : 0;
  const auto high = static_cast<std::uint16_t>(words >> 16U);
  auto folded = static_cast<std::uint16_t>(words);
  folded = static_cast<std::uint16_t>(folded + high);
  return static_cast<std::uint16_t>(folded + (folded < high ? 1 : 0));
}

/// Checksum of an IPv4 header whose checksum field is zero. Store it as it is (memory order). Over
/// a header with its checksum in place the result is 0 when that is right.
/// @param octets  20..60.
inline std::uint16_t Ip4HeaderChecksum(const void* header, std::size_t octets) noexcept {
  return static_cast<std::uint16_t>(~FoldSum(AddToSum(0, header, octets)));
}

/// What the pseudo-header of UDP says beside the addresses.
constexpr std::uint64_t UdpLengthSum(std::size_t udp_octets) noexcept {
  constexpr std::uint16_t kUdp = 17;
  return std::uint64_t{__builtin_bswap16(kUdp)} +
         __builtin_bswap16(static_cast<std::uint16_t>(udp_octets));
}

/// Sum of the pseudo-header of UDP (RFC 768, RFC 8200 8.1).
/// @param addresses       source and destination, one behind the other as in the IP header.
/// @param address_octets  of both: 8 for IPv4, 32 for IPv6.
/// @param udp_octets      header and payload, 8..65,535.
inline std::uint64_t PseudoHeaderSum(const void* addresses,
                                     std::size_t address_octets,
                                     std::size_t udp_octets) noexcept {
  return AddSums(AddToSum(0, addresses, address_octets), UdpLengthSum(udp_octets));
}

/// A UDP checksum from the sum of pseudo-header, header and payload: see UdpChecksum.
inline std::uint16_t CloseUdpSum(std::uint64_t sum) noexcept {
  const std::uint16_t folded = FoldSum(sum);
  return folded == 0xFFFF ? folded : static_cast<std::uint16_t>(~folded);
}

/// Checksum of a UDP datagram, to be stored as it is (memory order): 0xFFFF where 0 was computed,
/// which is the same sum and does not mean "none".
/// @param addresses, address_octets  as for PseudoHeaderSum.
/// @param udp                        the UDP header with a checksum field of zero, and the payload.
inline std::uint16_t UdpChecksum(const void* addresses,
                                 std::size_t address_octets,
                                 const void* udp,
                                 std::size_t udp_octets) noexcept {
  return CloseUdpSum(
      AddToSum(PseudoHeaderSum(addresses, address_octets, udp_octets), udp, udp_octets));
}

/// Whether a received datagram with its checksum in place adds up. The caller has dealt with a
/// checksum field of 0 ("none": right over IPv4, wrong over IPv6).
/// @param readable  octets that can be read from `udp` on: kSumRoom make it faster.
inline bool UdpChecksumHolds(const void* addresses,
                             std::size_t address_octets,
                             const void* udp,
                             std::size_t udp_octets,
                             std::size_t readable = 0) noexcept {
  const std::uint64_t pseudo = PseudoHeaderSum(addresses, address_octets, udp_octets);
  const std::uint64_t sum = readable >= kSumRoom ? AddToSumInRoom(pseudo, udp, udp_octets)
                                                 : AddToSum(pseudo, udp, udp_octets);
  return FoldSum(sum) == 0xFFFF;
}

}  // namespace holdfast::wire

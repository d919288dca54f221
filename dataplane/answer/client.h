// Who asks, as location policies see it: the subnet that the query names (EDNS Client Subnet, RFC
// 7871), else its source address. Worked out only when a decision depends on it.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/table/location.h"

namespace holdfast::answer {

inline constexpr std::size_t kSubnetHead = 4;  // family, source length, scope
inline constexpr std::uint16_t kSubnetIpv4 = 1;
inline constexpr std::uint16_t kSubnetIpv6 = 2;

/// The option as a query brought it; `family` 0: it did not.
struct Subnet {
  std::uint16_t family = 0;
  std::uint8_t source_length = 0;
  std::array<std::byte, 16> address{};  // network order, zero behind the source length

  [[nodiscard]] std::size_t AddressOctets() const noexcept { return (source_length + 7U) / 8; }
};

/// IPv6 counts in its upper 64 bits, as the location tables do.
inline constexpr std::uint8_t kLocatedIpv6Bits = 64;

inline table::ClientPrefix PrefixOf(const Subnet& subnet) noexcept {
  if (subnet.family == kSubnetIpv4) {
    return {
        .address = LoadBe32(subnet.address.data()), .length = subnet.source_length, .v6 = false};
  }
  return {
      .address = __builtin_bswap64(LoadAs<std::uint64_t>(subnet.address.data())),
      .length = subnet.source_length < kLocatedIpv6Bits ? subnet.source_length : kLocatedIpv6Bits,
      .v6 = true};
}

/// @param address  4 octets used for IPv4.
inline table::ClientPrefix PrefixOf(const std::array<std::byte, 16>& address, bool v6) noexcept {
  if (v6) {
    return {.address = __builtin_bswap64(LoadAs<std::uint64_t>(address.data())),
            .length = kLocatedIpv6Bits,
            .v6 = true};
  }
  return {.address = LoadBe32(address.data()), .length = 32, .v6 = false};
}

}  // namespace holdfast::answer

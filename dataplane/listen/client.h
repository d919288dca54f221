// The address of a client as the answer function and the limits want it.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>

namespace holdfast::listen {

struct ClientAddress {
  std::array<std::byte, 16> octets{};  // network order; 4 used for IPv4
  bool is_v6 = false;
};

/// @param from  sockaddr_in or sockaddr_in6 as the kernel wrote it. An IPv4 client of an IPv6
///              socket (mapped address) is an IPv4 client: same answers from every way in.
inline ClientAddress ClientOf(const sockaddr_in6& from) noexcept {
  ClientAddress client;
  if (from.sin6_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    std::memcpy(client.octets.data(), &v4.sin_addr, sizeof(v4.sin_addr));
  } else if (IN6_IS_ADDR_V4MAPPED(&from.sin6_addr)) {
    std::memcpy(client.octets.data(), &from.sin6_addr.s6_addr[12], 4);
  } else {
    std::memcpy(client.octets.data(), &from.sin6_addr, sizeof(from.sin6_addr));
    client.is_v6 = true;
  }
  return client;
}

}  // namespace holdfast::listen

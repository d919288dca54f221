#include "health/probe/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace holdfast::health {

std::optional<IpAddress> IpAddress::FromText(const std::string& text) {
  IpAddress address;
  if (inet_pton(AF_INET, text.c_str(), address.octets.data()) == 1) {
    return address;
  }
  address.v6 = true;
  return inet_pton(AF_INET6, text.c_str(), address.octets.data()) == 1 ? std::optional(address)
                                                                       : std::nullopt;
}

std::string IpAddress::Text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return inet_ntop(v6 ? AF_INET6 : AF_INET, octets.data(), text.data(), text.size());
}

}  // namespace holdfast::health

// Ports that matter before a message is looked at. Any core.
#pragma once

#include <cstdint>

namespace holdfast::wire {

inline constexpr std::uint16_t kDnsPort = 53;

/// Whether a query from this port gets no reply: nobody is at port 0, and a service that answers
/// whatever it gets (echo, daytime, quote of the day, chargen, time) would go round with us for
/// ever (RFC 8085, 5.1).
constexpr bool IsUnanswerablePort(std::uint16_t port) noexcept {
  return port == 0 || port == 7 || port == 13 || port == 17 || port == 19 || port == 37;
}

}  // namespace holdfast::wire

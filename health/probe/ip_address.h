// An IPv4 or IPv6 address as a value, without a port: what names lead to, and what the target rules
// judge. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace holdfast::health {

struct IpAddress {
  std::array<std::uint8_t, 16> octets{};  // network order; IPv4: the first four, zero behind
  bool v6 = false;

  /// A literal, as inet_pton reads it.
  static std::optional<IpAddress> FromText(const std::string& text);
  /// As inet_ntop writes it.
  [[nodiscard]] std::string Text() const;
  bool operator==(const IpAddress&) const = default;
};

}  // namespace holdfast::health

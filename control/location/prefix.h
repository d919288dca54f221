// An address prefix as operators write it. IPv6 counts its upper 64 bits: no client is told apart
// within a /64. Used by whatever reads prefixes; control core only.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace holdfast::control {

/// Ordered v4 before v6, then by address, a shorter prefix before those that lie in it.
struct Prefix {
  bool v6 = false;
  std::uint64_t bits = 0;   // v4: the address, 0..2^32-1; v6: the upper 64 bits; zero past `length`
  std::uint8_t length = 0;  // v4: 0..32; v6: 0..64

  /// How many bits an address of this family counts: 32 or 64.
  [[nodiscard]] unsigned Width() const noexcept { return v6 ? 64 : 32; }
  /// The last address within.
  [[nodiscard]] std::uint64_t Last() const noexcept;
  /// Whether `other`, of the same family, lies in this prefix or is it.
  [[nodiscard]] bool Contains(const Prefix& other) const noexcept;
  auto operator<=>(const Prefix&) const = default;
};

/// "192.0.2.0/24", "2001:db8::/32", or an IPv4 address, which is its /32. IPv6 longer than /64 is
/// refused, an address of it too, since it would stand for all its /64; so is IPv4 in IPv6's form
/// ("::ffff:192.0.2.1"), which no client has here. @return kInvalid with what is wrong and what was
/// expected, to be put behind the text: "has bits set behind its /24; expected 192.0.2.0/24".
Result<Prefix> ParsePrefix(std::string_view text);

/// As ParsePrefix, for one who asks: of an IPv6 address, and of a prefix longer than /64, the /64
/// around it counts.
Result<Prefix> ParseClient(std::string_view text);

/// As ParsePrefix reads it: "192.0.2.0/24".
std::string ToText(const Prefix& prefix);

}  // namespace holdfast::control

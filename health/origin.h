// From where on its own host a checker looks at an endpoint (spec/health-checks.md section 11): by
// default from wherever the kernel's routes say. Plain data with its limits and its words; what
// makes sockets of it is probe/origin.h.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::health {

struct Origin {
  std::string source_address;     // literal IPv4 or IPv6, of the target's family; empty: any
  std::string interface;          // see IsInterfaceName; empty: any
  std::string network_namespace;  // see IsNamespaceName; empty: the checker's own
  bool operator==(const Origin&) const = default;
};

/// What the kernel takes for the name of an interface: 1..15 octets, none of them a blank, a
/// control character, '/' or ':', and not "." or "..".
bool IsInterfaceName(std::string_view name) noexcept;
/// A name that /run/netns may have: 1..255 octets without control characters and '/', and not "."
/// or
/// "..".
bool IsNamespaceName(std::string_view name) noexcept;

/// Whether `address` is a literal of IPv6; false for all else.
bool IsV6(const std::string& address) noexcept;
/// Whether `address` is link-local IPv6, which says nothing without an interface.
bool IsLinkLocalV6(const std::string& address) noexcept;

/// What is wrong with one: empty, or "source_address is "x", expected ...".
std::string FaultOf(const Origin& origin);

/// For people, in the words of `ip`: "192.0.2.7 dev eth1 netns blue"; empty for none.
std::string OriginText(const Origin& origin);

}  // namespace holdfast::health

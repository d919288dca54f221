#include "health/origin.h"

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>

namespace holdfast::health {

namespace {

constexpr std::size_t kMaxInterfaceOctets = 15;   // IFNAMSIZ less its NUL
constexpr std::size_t kMaxNamespaceOctets = 255;  // NAME_MAX: it is a file

bool IsFileName(std::string_view name, std::size_t longest) noexcept {
  return !name.empty() && name.size() <= longest && name != "." && name != ".." &&
         std::ranges::none_of(name, [](char c) {
           const auto octet = static_cast<unsigned char>(c);
           return octet < 0x20 || octet == 0x7F || c == '/';
         });
}

bool ReadV6(const std::string& address, in6_addr& into) noexcept {
  return inet_pton(AF_INET6, address.c_str(), &into) == 1;
}

}  // namespace

bool IsInterfaceName(std::string_view name) noexcept {
  return IsFileName(name, kMaxInterfaceOctets) && !name.contains(' ') && !name.contains(':');
}

bool IsNamespaceName(std::string_view name) noexcept {
  return IsFileName(name, kMaxNamespaceOctets);
}

bool IsV6(const std::string& address) noexcept {
  in6_addr octets{};
  return ReadV6(address, octets);
}

bool IsLinkLocalV6(const std::string& address) noexcept {
  in6_addr octets{};
  return ReadV6(address, octets) && IN6_IS_ADDR_LINKLOCAL(&octets);
}

std::string FaultOf(const Origin& origin) {
  const std::string& source = origin.source_address;
  in_addr v4{};
  if (!source.empty() && !IsV6(source) && inet_pton(AF_INET, source.c_str(), &v4) != 1) {
    return "source_address is no literal address, expected an IPv4 or IPv6 address";
  }
  if (IsLinkLocalV6(source) && origin.interface.empty()) {
    return "source_address is \"" + source +
           "\", which is link-local, expected an interface beside it";
  }
  if (!origin.interface.empty() && !IsInterfaceName(origin.interface)) {
    return "interface is no name of one, expected 1 to 15 characters, none of them a blank, '/' or "
           "':'";
  }
  if (!origin.network_namespace.empty() && !IsNamespaceName(origin.network_namespace)) {
    return "namespace is no name of one, expected 1 to 255 characters without '/'";
  }
  return {};
}

std::string OriginText(const Origin& origin) {
  std::string text = origin.source_address;
  const auto add = [&text](const char* word, const std::string& name) {
    if (!name.empty()) {
      text += (text.empty() ? "" : " ") + std::string(word) + " " + name;
    }
  };
  add("dev", origin.interface);
  add("netns", origin.network_namespace);
  return text;
}

}  // namespace holdfast::health

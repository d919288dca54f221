#include "control/location/prefix.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <netinet/in.h>
#include <optional>

namespace holdfast::control {
namespace {

constexpr const char* kForm =
    "expected a prefix such as 192.0.2.0/24 or 2001:db8::/32, or an address";

// The ones behind a prefix of `length` bits out of `width`.
std::uint64_t HostBits(int width, int length) noexcept {
  return length == width ? 0 : ~std::uint64_t{0} >> (64 - width + length);
}

struct Address {
  bool v6 = false;
  std::uint64_t upper = 0;  // v4: the address
  std::uint64_t lower = 0;  // v6: what no prefix of ours reaches
};

std::optional<Address> ParseAddress(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.size() >= copy.size() || text.contains('\0')) {
    return std::nullopt;
  }
  std::ranges::copy(text, copy.begin());
  std::array<unsigned char, 16> octets{};
  Address address;
  address.v6 = text.contains(':');
  if (inet_pton(address.v6 ? AF_INET6 : AF_INET, copy.data(), octets.data()) != 1) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < (address.v6 ? 8 : 4); ++i) {
    address.upper = address.upper << 8U | octets[i];
  }
  for (std::size_t i = 8; address.v6 && i < 16; ++i) {
    address.lower = address.lower << 8U | octets[i];
  }
  return address;
}

}  // namespace

std::uint64_t Prefix::Last() const noexcept {
  return bits | HostBits(Width(), length);
}

bool Prefix::Contains(const Prefix& other) const noexcept {
  return length <= other.length && (other.bits & ~HostBits(Width(), length)) == bits;
}

Result<Prefix> ParsePrefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = ParseAddress(text.substr(0, slash));
  if (!address) {
    return Fail(ErrorCode::kInvalid, std::string("is no prefix; ") + kForm);
  }
  Prefix prefix{address->v6, address->upper, 0};
  const int width = prefix.Width();
  if (slash == std::string_view::npos) {
    prefix.length = static_cast<std::uint8_t>(width);
    return prefix;
  }
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const bool leading_zero = digits.size() > 1 && digits.front() == '0';
  if (parsed.ec == std::errc::invalid_argument || leading_zero ||
      parsed.ptr != digits.data() + digits.size()) {
    return Fail(ErrorCode::kInvalid, std::string("is no prefix; ") + kForm);
  }
  if (parsed.ec != std::errc{} || length > static_cast<unsigned>(width)) {
    return Fail(ErrorCode::kInvalid,
                std::string("is too long; expected ") +
                    (prefix.v6 ? "at most /64 for IPv6" : "at most /32 for IPv4"));
  }
  prefix.length = static_cast<std::uint8_t>(length);
  const std::uint64_t host = HostBits(width, prefix.length);
  if ((prefix.bits & host) != 0 || address->lower != 0) {
    prefix.bits &= ~host;
    return Fail(
        ErrorCode::kInvalid,
        "has bits set behind its /" + std::to_string(length) + "; expected " + ToText(prefix));
  }
  return prefix;
}

Result<Prefix> ParseClient(std::string_view text) {
  const std::size_t slash = text.find('/');
  unsigned length = 0;
  if (slash != std::string_view::npos && text.contains(':')) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + slash + 1, end, length);
    if (parsed.ec == std::errc{} && parsed.ptr == end && length > 64 && length <= 128) {
      return ParsePrefix(text.substr(0, slash));
    }
  }
  return ParsePrefix(text);
}

std::string ToText(const Prefix& prefix) {
  std::array<unsigned char, 16> octets{};
  const std::size_t size = prefix.v6 ? 8 : 4;
  for (std::size_t i = 0; i < size; ++i) {
    octets[i] = static_cast<unsigned char>(prefix.bits >> (8 * (size - 1 - i)));
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(prefix.v6 ? AF_INET6 : AF_INET, octets.data(), text.data(), text.size());
  return std::string(text.data()) + "/" + std::to_string(prefix.length);
}

}  // namespace holdfast::control

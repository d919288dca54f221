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
    "expected a prefix such as 192.0.2.0/24 or 2001:db8::/32, or an IPv4 address";

// The ones behind a prefix of `length` bits out of `width`, which is 32 or 64.
std::uint64_t HostBits(unsigned width, unsigned length) noexcept {
  return length >= width ? 0 : ~std::uint64_t{0} >> (64 - (width - length));
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

// The number behind the slash, nothing where there is no slash; kInvalid for other text. One beyond
// all numbers is as long as can be.
Result<std::optional<unsigned>> LengthIn(std::string_view text, std::size_t slash) {
  if (slash == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const bool leading_zero = digits.size() > 1 && digits.front() == '0';
  if (parsed.ec == std::errc::invalid_argument || leading_zero ||
      parsed.ptr != digits.data() + digits.size()) {
    return Fail(ErrorCode::kInvalid, "is no number");
  }
  return parsed.ec == std::errc{} ? length : ~0U;
}

// @param client  whether the text is who asks, of whom the /64 counts.
Result<Prefix> Parse(std::string_view text, bool client) {
  const std::size_t slash = text.find('/');
  const auto address = ParseAddress(text.substr(0, slash));
  const auto written = LengthIn(text, slash);
  if (!address || !written) {
    return Fail(ErrorCode::kInvalid, std::string("is no prefix; ") + kForm);
  }
  Prefix prefix{address->v6, address->upper, 0};
  const unsigned width = prefix.Width();
  const unsigned length = written->value_or(address->v6 ? 128 : 32);
  if (address->v6 && length >= 96 && length <= 128 && address->upper == 0 &&
      address->lower >> 32U == 0xffff) {
    Prefix v4{false, address->lower & 0xffffffff, static_cast<std::uint8_t>(length - 96)};
    v4.bits &= ~HostBits(32, v4.length);
    return Fail(ErrorCode::kInvalid,
                "is an IPv4 address in the form of IPv6; expected " + ToText(v4));
  }
  if (address->v6 && (!*written || (client && length > 64 && length <= 128))) {
    prefix.length = 64;
    return client ? Result<Prefix>(prefix)
                  : Fail(ErrorCode::kInvalid,
                         "is an IPv6 address; expected a prefix of at most /64, such as " +
                             ToText(prefix));
  }
  if (length > width) {
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

}  // namespace

std::uint64_t Prefix::Last() const noexcept {
  return bits | HostBits(Width(), length);
}

bool Prefix::Contains(const Prefix& other) const noexcept {
  return length <= other.length && (other.bits & ~HostBits(Width(), length)) == bits;
}

Result<Prefix> ParsePrefix(std::string_view text) {
  return Parse(text, false);
}

Result<Prefix> ParseClient(std::string_view text) {
  return Parse(text, true);
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

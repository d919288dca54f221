// Parses and tabulates the addresses a process answers for. Main thread, at start.
#include "dataplane/io/address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>

namespace holdfast::io {
namespace {

constexpr std::size_t kV4At = 12;  // of ::ffff:a.b.c.d

bool HostCanOwn(const IpAddress& address) {
  const auto first = std::to_integer<unsigned>(address.octets[address.IsV4() ? kV4At : 0]);
  if (address.IsV4()) {
    return first != 0 && first < 224;  // not "this network", multicast, reserved, broadcast
  }
  return first != 0xFF && address != IpAddress{};
}

}  // namespace

bool IpAddress::IsV4() const noexcept {
  constexpr std::array<unsigned char, kV4At> kPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  return std::memcmp(octets.data(), kPrefix.data(), kPrefix.size()) == 0;
}

Result<IpAddress> ParseAddress(std::string_view text) {
  const std::string terminated(text);
  IpAddress address;
  if (inet_pton(AF_INET, terminated.c_str(), &address.octets[kV4At]) == 1) {
    address.octets[10] = address.octets[11] = std::byte{0xFF};
  } else if (inet_pton(AF_INET6, terminated.c_str(), address.octets.data()) != 1 ||
             address.IsV4()) {
    return Fail(ErrorCode::kInvalid,
                "address '" + terminated + "': expected one IPv4 or IPv6 address without a prefix");
  }
  if (!HostCanOwn(address)) {
    return Fail(ErrorCode::kInvalid,
                "address '" + terminated + "': expected a unicast address, this one is none");
  }
  return address;
}

std::string AddressText(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.IsV4()) {
    inet_ntop(AF_INET, &address.octets[kV4At], text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, address.octets.data(), text.data(), text.size());
  }
  return text.data();
}

Result<OwnAddresses> OwnAddresses::Create(std::span<const IpAddress> addresses) {
  if (addresses.empty()) {
    return Fail(ErrorCode::kInvalid, "no local address: give at least one to answer for");
  }
  if (addresses.size() > kMaxAddresses) {
    return Fail(ErrorCode::kExhausted,
                std::to_string(addresses.size()) + " local addresses, expected " +
                    std::to_string(kMaxAddresses) + " at most");
  }
  OwnAddresses own;
  const std::size_t slots = std::bit_ceil(addresses.size() * 2);
  own.mask_ = slots - 1;
  own.shift_ = 64U - static_cast<unsigned>(std::countr_zero(slots));
  own.v4_.resize(slots);
  own.v6_.resize(slots);
  const auto put = [&](auto& table, const auto& value, std::uint64_t hash) {
    std::size_t i = (hash >> own.shift_) & own.mask_;
    while (table[i] != std::remove_cvref_t<decltype(value)>{} && table[i] != value) {
      i = (i + 1) & own.mask_;
    }
    table[i] = value;
  };
  for (const IpAddress& address : addresses) {
    if (address.IsV4()) {
      const auto raw = LoadAs<std::uint32_t>(&address.octets[kV4At]);
      put(own.v4_, raw, Mix(raw));
    } else {
      const auto raw = LoadAs<V6>(address.octets.data());
      put(own.v6_, raw, Mix(raw.upper ^ std::rotl(raw.lower, 32)));
    }
  }
  return own;
}

}  // namespace holdfast::io

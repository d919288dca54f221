// Local IP addresses: as text at start, and as a small table that tells on the packet path whether
// a destination is ours. Parsing: main thread. Lookup: any lcore, read-only.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/base/result.h"

namespace holdfast::io {

/// Local addresses of one process, IPv4 and IPv6 together; the XDP program's map holds as many.
inline constexpr std::size_t kMaxAddresses = 1024;

/// IPv6 in network order, IPv4 as ::ffff:a.b.c.d.
struct IpAddress {
  std::array<std::byte, 16> octets{};
  [[nodiscard]] bool IsV4() const noexcept;
  bool operator==(const IpAddress&) const noexcept = default;
};

/// @return kInvalid when `text` is not one IPv4 or IPv6 unicast address that a host can own.
Result<IpAddress> ParseAddress(std::string_view text);
std::string AddressText(const IpAddress& address);

/// The addresses that are ours. At most half full, so a probe ends soon.
class OwnAddresses {
 public:
  /// @return kInvalid when there is none, kExhausted beyond kMaxAddresses. Duplicates count once.
  static Result<OwnAddresses> Create(std::span<const IpAddress> addresses);

  /// @param at  four octets in network order.
  [[nodiscard]] bool HasV4(const std::byte* at) const noexcept {
    const auto wanted = LoadAs<std::uint32_t>(at);
    for (std::size_t i = Mix(wanted) >> shift_;; ++i) {
      const std::uint32_t found = v4_[i & mask_];
      if (found == wanted) {
        return wanted != 0;
      }
      if (found == 0) {
        return false;
      }
    }
  }
  /// @param at  sixteen octets in network order.
  [[nodiscard]] bool HasV6(const std::byte* at) const noexcept {
    const auto wanted = LoadAs<V6>(at);
    for (std::size_t i = Mix(wanted.upper ^ std::rotl(wanted.lower, 32)) >> shift_;; ++i) {
      const V6& found = v6_[i & mask_];
      if (found == wanted) {
        return wanted != V6{};
      }
      if (found == V6{}) {
        return false;
      }
    }
  }

 private:
  struct V6 {
    std::uint64_t upper = 0;
    std::uint64_t lower = 0;
    bool operator==(const V6&) const noexcept = default;
  };
  static std::uint64_t Mix(std::uint64_t value) noexcept { return value * 0x9E3779B97F4A7C15U; }

  std::vector<std::uint32_t> v4_;  // 0: empty; network order
  std::vector<V6> v6_;             // ::: empty
  std::size_t mask_ = 0;
  unsigned shift_ = 0;
};

}  // namespace holdfast::io

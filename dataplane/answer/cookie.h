// Server cookies that any server of a set can check without having seen the client (RFC 7873, RFC
// 9018): version 1, three reserved octets, the time, SipHash-2-4 over all of it and the client's
// address. Any core; nothing is remembered, and the time is handed in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/table/format.h"

namespace holdfast::answer {

inline constexpr std::size_t kClientCookieOctets = 8;
inline constexpr std::size_t kServerCookieOctets = 16;    // of those that are made here
inline constexpr std::size_t kMinServerCookieOctets = 8;  // of anybody's (RFC 7873 4)
inline constexpr std::size_t kMaxServerCookieOctets = 32;

// How old a cookie may be and from when on it is renewed, in seconds (RFC 9018 4.3).
inline constexpr std::int32_t kCookiePast = 3600;
inline constexpr std::int32_t kCookieFuture = 300;
inline constexpr std::int32_t kCookieRenewed = 1800;

/// Client cookie, then server cookie: what a COOKIE option of ours holds.
using Cookie = std::array<std::byte, kClientCookieOctets + kServerCookieOctets>;

/// Whether a COOKIE option may have so many octets (RFC 7873 5.2.2).
constexpr bool IsCookieLength(std::size_t octets) noexcept {
  return octets == kClientCookieOctets || (octets >= kClientCookieOctets + kMinServerCookieOctets &&
                                           octets <= kClientCookieOctets + kMaxServerCookieOctets);
}

/// Whether cookies are given at all.
inline bool GivesCookies(const table::Settings* settings) noexcept {
  return settings != nullptr && settings->cookies != table::CookieMode::kOff &&
         settings->cookie_secrets != 0;
}

/// Whether UDP queries without a valid one are turned away.
inline bool DemandsCookies(const table::Settings* settings) noexcept {
  return GivesCookies(settings) && settings->cookies == table::CookieMode::kRequire;
}

/// Judges what a client sent and makes what it is sent back: its own server cookie while that is
/// fresh and of the first secret, else a new one.
/// @param settings  GivesCookies.
/// @param sent      a COOKIE option's data, IsCookieLength.
/// @param client    source address, 4 or 16 octets in network order.
/// @param now       wall clock in seconds since 1970, low 32 bits.
/// @return whether `sent` ends with a server cookie that one of the secrets made for this client
/// and that is not out of time.
bool CheckCookie(const table::Settings& settings,
                 std::span<const std::byte> sent,
                 std::span<const std::byte> client,
                 std::uint32_t now,
                 Cookie& reply) noexcept;

}  // namespace holdfast::answer

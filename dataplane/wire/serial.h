// Serial numbers of zones (RFC 1982): which of two is newer, on a circle of 2^32. Pure.
#pragma once

#include <cstdint>

namespace holdfast::wire {

/// How far a serial may be ahead of another and still be newer (RFC 1982 3.2).
inline constexpr std::uint32_t kMaxSerialStep = 0x7FFFFFFFU;

/// Whether `now` comes after `was`: 1..2^31-1 ahead of it, modulo 2^32. At exactly 2^31 the RFC
/// leaves it undefined, and no secondary can be counted on to fetch the zone: not newer.
constexpr bool IsNewerSerial(std::uint32_t now, std::uint32_t was) noexcept {
  const std::uint32_t ahead = now - was;
  return ahead != 0 && ahead <= kMaxSerialStep;
}

}  // namespace holdfast::wire

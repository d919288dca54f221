// A copy for the lengths that records have: overlapping vectors instead of a call into libc, which
// costs more than the octets. Hot: any core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <emmintrin.h>

#include "dataplane/base/bytes.h"

namespace holdfast::answer {

/// Copies `octets` octets, which do not overlap; nothing past either end is touched.
inline void CopyOctets(std::byte* to, const std::byte* from, std::size_t octets) noexcept {
  const auto copy16 = [&](std::size_t at) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at)));
  };
  if (octets > 64) {
    std::memcpy(to, from, octets);
  } else if (octets >= 16) {
    // The last vector ends with the last octet and may overlap the one before it.
    for (std::size_t at = 0; at + 16 < octets; at += 16) {
      copy16(at);
    }
    copy16(octets - 16);
  } else if (octets >= 8) {
    const auto head = LoadAs<std::uint64_t>(from);
    const auto tail = LoadAs<std::uint64_t>(from + octets - 8);
    StoreAs(to, head);
    StoreAs(to + octets - 8, tail);
  } else {
    for (std::size_t i = 0; i < octets; ++i) {
      to[i] = from[i];
    }
  }
}

}  // namespace holdfast::answer

// SipHash-2-4 (Aumasson and Bernstein, 2012): the keyed hash of server cookies (RFC 9018 4.4). Hot:
// header only, no branches on the content.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/base/bytes.h"

namespace holdfast::answer {

/// The four words of SipHash and its round.
struct SipState {
  std::uint64_t a, b, c, d;

  void Round() noexcept {
    a += b;
    b = std::rotl(b, 13) ^ a;
    a = std::rotl(a, 32);
    c += d;
    d = std::rotl(d, 16) ^ c;
    a += d;
    d = std::rotl(d, 21) ^ a;
    c += b;
    b = std::rotl(b, 17) ^ c;
    c = std::rotl(c, 32);
  }
  void Take(std::uint64_t word) noexcept {
    d ^= word;
    Round();
    Round();
    a ^= word;
  }
};

/// @param key   16 octets.
/// @param text  at most 255 octets.
/// @return the hash; its octets on the wire are those of this number in little-endian order.
inline std::uint64_t SipHash24(const void* key, std::span<const std::byte> text) noexcept {
  const auto* key_octets = static_cast<const std::byte*>(key);
  const auto k0 = LoadAs<std::uint64_t>(key_octets);
  const auto k1 = LoadAs<std::uint64_t>(key_octets + 8);
  SipState state{k0 ^ 0x736f6d6570736575U,
                 k1 ^ 0x646f72616e646f6dU,
                 k0 ^ 0x6c7967656e657261U,
                 k1 ^ 0x7465646279746573U};
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    state.Take(LoadAs<std::uint64_t>(text.data() + at));
  }
  std::uint64_t last = std::uint64_t{text.size()} << 56U;
  unsigned shift = 0;
  if (text.size() - at >= 4) {
    last |= LoadAs<std::uint32_t>(text.data() + at);
    at += 4;
    shift = 32;
  }
  for (; at < text.size(); ++at, shift += 8) {
    last |= std::to_integer<std::uint64_t>(text[at]) << shift;
  }
  state.Take(last);
  state.c ^= 0xFF;
  for (int i = 0; i < 4; ++i) {
    state.Round();
  }
  return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace holdfast::answer

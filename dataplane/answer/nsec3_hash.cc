// See nsec3_hash.h.
#include "dataplane/answer/nsec3_hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "dataplane/base/bytes.h"

namespace holdfast::answer {
namespace {

constexpr std::size_t kBlock = 64;
constexpr std::size_t kLengthOctets = 8;
constexpr std::size_t kRounds = 80;

using State = std::array<std::uint32_t, 5>;

std::uint32_t Mix(std::size_t round, std::uint32_t b, std::uint32_t c, std::uint32_t d) noexcept {
  if (round < 20) {
    return ((b & c) | (~b & d)) + 0x5A827999U;
  }
  if (round < 40) {
    return (b ^ c ^ d) + 0x6ED9EBA1U;
  }
  if (round < 60) {
    return ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDCU;
  }
  return (b ^ c ^ d) + 0xCA62C1D6U;
}

void TakeBlock(const std::byte* block, State& state) noexcept {
  std::array<std::uint32_t, kRounds> word;
  for (std::size_t i = 0; i < 16; ++i) {
    word[i] = LoadBe32(block + (4 * i));
  }
  for (std::size_t i = 16; i < kRounds; ++i) {
    word[i] = std::rotl(word[i - 3] ^ word[i - 8] ^ word[i - 14] ^ word[i - 16], 1);
  }
  auto [a, b, c, d, e] = state;
  for (std::size_t i = 0; i < kRounds; ++i) {
    const std::uint32_t next = std::rotl(a, 5) + Mix(i, b, c, d) + e + word[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

}  // namespace

Sha1Digest Sha1(std::span<const std::byte> message) noexcept {
  constexpr std::size_t kRoom = ((kMaxSha1Octets + kLengthOctets) / kBlock + 1) * kBlock;
  std::array<std::byte, kRoom> padded{};
  const std::size_t octets = std::min(message.size(), kMaxSha1Octets);
  std::copy_n(message.data(), octets, padded.data());
  padded[octets] = std::byte{0x80};
  const std::size_t end = ((octets + kLengthOctets) / kBlock + 1) * kBlock;
  StoreBe32(padded.data() + end - 4, static_cast<std::uint32_t>(octets * 8));
  State state = {0x67452301U, 0xEFCDAB89U, 0x98BADCFEU, 0x10325476U, 0xC3D2E1F0U};
  for (std::size_t at = 0; at < end; at += kBlock) {
    TakeBlock(padded.data() + at, state);
  }
  Sha1Digest digest;
  for (std::size_t i = 0; i < state.size(); ++i) {
    StoreBe32(digest.data() + (4 * i), state[i]);
  }
  return digest;
}

Sha1Digest Nsec3Hash(std::span<const std::byte> name,
                     std::span<const std::byte> salt,
                     unsigned iterations) noexcept {
  std::array<std::byte, kMaxSha1Octets> message;
  std::size_t octets = std::min<std::size_t>(name.size(), 255);
  const std::size_t salted = std::min<std::size_t>(salt.size(), 255);
  std::copy_n(name.data(), octets, message.data());
  for (;;) {
    std::copy_n(salt.data(), salted, message.data() + octets);
    const Sha1Digest digest = Sha1(std::span(message).first(octets + salted));
    if (iterations-- == 0) {
      return digest;
    }
    octets = kSha1Octets;
    std::ranges::copy(digest, message.data());
  }
}

void WriteHashLabel(const std::byte* hash, std::byte* to) noexcept {
  constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuv";
  *to++ = static_cast<std::byte>(kHashLabelOctets - 1);
  // Five octets are eight digits.
  for (std::size_t at = 0; at < kSha1Octets; at += 5) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      bits = bits << 8U | std::to_integer<std::uint64_t>(hash[at + i]);
    }
    for (unsigned shift = 40; shift > 0;) {
      shift -= 5;
      *to++ = static_cast<std::byte>(kDigits[bits >> shift & 31U]);
    }
  }
}

}  // namespace holdfast::answer

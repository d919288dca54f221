// Keyed hash of folded names for the index, and CRC32C for blobs. Hot: header only, no tables, no
// branches on the content. The same code runs in control and in readers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nmmintrin.h>

#include "dataplane/base/bytes.h"

namespace holdfast::table {

/// Octets that must be readable and zero behind a name given to HashName.
inline constexpr std::size_t kHashPadding = 32;

struct HashKey {
  std::uint64_t word[2]{};
};

/// Folded 128-bit product: the mixing step of the hash.
inline std::uint64_t MixProduct(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

/// Hash of a folded name under the key of an index version.
/// @param name    folded wire form; kHashPadding octets behind `octets` are readable and zero.
/// @param octets  1..255.
/// Any core; a few cycles per 16 octets. Queries cannot insert; whoever can does not know the key,
/// and the builder takes another key when the bucket bound does not hold.
inline std::uint64_t HashName(const void* name, std::size_t octets, const HashKey& key) noexcept {
  const auto* at = static_cast<const unsigned char*>(name);
  std::uint64_t hash = key.word[0] ^ (octets * 0x9E3779B97F4A7C15U);
  const auto mix = [&](std::size_t done) {
    hash = MixProduct(LoadAs<std::uint64_t>(at + done) ^ key.word[1],
                      LoadAs<std::uint64_t>(at + done + 8) ^ hash);
  };
  // 32 octets of any name, so that no core has to foresee how long the next one is.
  mix(0);
  mix(16);
  for (std::size_t done = 32; done < octets; done += 16) {
    mix(done);
  }
  return MixProduct(hash ^ 0xA0761D6478BD642FU, key.word[1] | 1U);
}

/// Bucket of a hash, 0..buckets-1, for any number of buckets.
inline std::uint32_t BucketOf(std::uint64_t hash, std::uint32_t buckets) noexcept {
  return static_cast<std::uint32_t>(((hash >> 32U) * buckets) >> 32U);
}

/// Tag of a hash; independent of the bucket.
inline std::uint16_t TagOf(std::uint64_t hash) noexcept {
  return static_cast<std::uint16_t>(hash);
}

/// CRC32C (Castagnoli) of `octets` octets, continuing from `seed`.
inline std::uint32_t Crc32c(const void* data, std::size_t octets, std::uint32_t seed = 0) noexcept {
  const auto* at = static_cast<const unsigned char*>(data);
  std::uint64_t crc = ~seed;
  for (; octets >= 8; octets -= 8, at += 8) {
    crc = _mm_crc32_u64(crc, LoadAs<std::uint64_t>(at));
  }
  auto narrow = static_cast<std::uint32_t>(crc);
  for (; octets > 0; --octets, ++at) {
    narrow = _mm_crc32_u8(narrow, *at);
  }
  return ~narrow;
}

}  // namespace holdfast::table

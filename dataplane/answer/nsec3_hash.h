// The hash that NSEC3 puts in place of names (RFC 5155 5), with the SHA-1 it is made of (FIPS
// 180-4). Called when a proof is looked for in a zone signed with NSEC3. Hot: any core, bounded by
// the iterations of the zone, which a load limits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast::answer {

inline constexpr std::size_t kSha1Octets = 20;
using Sha1Digest = std::array<std::byte, kSha1Octets>;

/// Octets of one message at most: a name with a salt, each of 255.
inline constexpr std::size_t kMaxSha1Octets = 510;

/// @param message  at most kMaxSha1Octets; what is longer is cut off there.
Sha1Digest Sha1(std::span<const std::byte> message) noexcept;

/// IH(salt, name, iterations): so many hashes after the first.
/// @param name  folded wire form with the root's octet; at most 255 octets.
/// @param salt  at most 255 octets.
Sha1Digest Nsec3Hash(std::span<const std::byte> name,
                     std::span<const std::byte> salt,
                     unsigned iterations) noexcept;

inline constexpr std::size_t kHashLabelOctets = 33;  // length octet and 32 digits

/// The label of a hash: base32 with the extended hex alphabet (RFC 4648 7), lower case.
/// @param to  kHashLabelOctets of them.
void WriteHashLabel(const std::byte* hash, std::byte* to) noexcept;

}  // namespace holdfast::answer

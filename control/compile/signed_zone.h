// The signatures and proofs of a zone that was signed elsewhere, as the tables hold them: RRSIGs
// beside what they cover, NSEC or NSEC3 in canonical order. Pure; control core only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/compile/compiled.h"
#include "control/compile/zone_index.h"
#include "control/model/model.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// The RRSIGs over an rrset, with its TTL (RFC 4034 3); null when it has none.
/// @param name  in the index.
/// @return kInvalid when they need more than kMaxImageOctets.
Result<ImageSpecPtr> SigsOf(const Zone& zone,
                            const ZoneIndex& index,
                            std::uint32_t name,
                            std::uint16_t type,
                            std::uint32_t ttl);

/// The TTL to serve an rrset with: `ttl`, or less where its RRSIGs were made over less (RFC 4034
/// 3.1.4).
std::uint32_t SignedTtl(const Zone& zone,
                        const ZoneIndex& index,
                        std::uint32_t name,
                        std::uint16_t type,
                        std::uint32_t ttl);

/// The NSEC3 of the zone's first NSEC3PARAM that has any, else its NSEC; nothing without both.
/// @param negative_ttl  seconds; no proof lives longer (RFC 9077 3).
/// @param warnings      a gap of the chain, and signatures over what is not there, are added.
Result<std::optional<CompiledOrder>> OrderOf(const Zone& zone,
                                             const ZoneIndex& index,
                                             std::uint32_t negative_ttl,
                                             std::vector<std::string>& warnings);

}  // namespace holdfast::control

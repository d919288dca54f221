// Zones that were signed elsewhere: what their records say about themselves, and what is odd about
// them. Pure but for the clock that the lint is handed; control core only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/model/findings.h"
#include "control/model/model.h"

namespace holdfast::control {

/// The type that an RRSIG covers; 0 when the rdata is none.
std::uint16_t CoveredType(std::string_view rrsig) noexcept;

/// The TTL that an RRSIG was made over, in seconds; the largest number when the rdata is none.
std::uint32_t OriginalTtl(std::string_view rrsig) noexcept;

/// An NSEC3PARAM, or the same fields of an NSEC3.
struct Nsec3Params {
  std::uint8_t algorithm = 0;
  std::uint8_t flags = 0;  // of an NSEC3: 1 is opt-out
  std::uint16_t iterations = 0;
  std::string_view salt;  // in the rdata

  /// Whether they make the same hashes.
  [[nodiscard]] bool SameHash(const Nsec3Params& other) const noexcept {
    return algorithm == other.algorithm && iterations == other.iterations && salt == other.salt;
  }
};
std::optional<Nsec3Params> ReadNsec3Params(std::string_view rdata) noexcept;

/// Whether the owner of the rrset is no name of DNS: NSEC3 stand at hashes, with their RRSIGs.
bool StandsAtHash(const Rrset& rrset) noexcept;

/// Whether the zone is served as a signed one: its SOA has an RRSIG.
bool IsSigned(const Zone& zone) noexcept;

/// Errors: record sets in a signed zone, since no signature could go with what a rule chooses; more
/// iterations of NSEC3 than a query may cost, or a hash that is not SHA-1.
void CheckSigned(const Zone& zone, Findings& findings);

/// Warnings: signatures without one over the SOA, no DNSKEY, no NSEC and NSEC3, signatures out of
/// their time; each once a zone, with its first record and how many there are.
/// @param now_s  seconds since 1970.
void LintSigned(const Zone& zone, std::int64_t now_s, Findings& findings);

}  // namespace holdfast::control

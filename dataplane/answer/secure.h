// What a reply to a query with DO has beside what all have: signatures, and proofs of what is not
// there (RFC 4035 3.1). Apart from compose so that other queries do not pay for it. Any core.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/answer/lookup.h"
#include "dataplane/answer/prove.h"
#include "dataplane/answer/scratch.h"
#include "dataplane/answer/write.h"

namespace holdfast::answer {

/// The name that a reply is about at the moment: the question's, or the one a CNAME led to.
struct Answered {
  table::NameKey key;
  Place place;                      // where it stands in the reply
  std::size_t encloser_octets = 0;  // of what it ends with that is there; all of it: it is there
};

/// Proofs are collected in the scratch; PutProofs places them when the answer section is complete.
class Secure {
 public:
  Secure(const table::Snapshot& snapshot, Scratch& scratch, Reply& reply) noexcept
      : snapshot_(snapshot), scratch_(scratch), reply_(reply) {}

  /// The RRSIGs over an rrset that was placed under this owner (RFC 4035 3.1.1).
  Put Sigs(const table::ImageParts& image, const Place& owner, std::uint16_t& section) noexcept;

  /// Signatures now; that a wildcard had to answer is proven at the end.
  Put Answer(const Answered& name, const table::ImageParts& image, std::uint32_t zone_at) noexcept;

  /// The signatures of the SOA, and why there is no other answer.
  Put Negative(const Answered& name, const table::ZoneVersion& zone, wire::Rcode rcode) noexcept;

  /// What goes between the NS of a cut and their glue: its DS, or that it has none (RFC 4035
  /// 3.1.4).
  /// @param owner  of the cut, which `name` ends with.
  /// @param gap    set to the octets between.
  Put Cut(const Answered& name,
          const table::NameRecord& cut,
          const Place& owner,
          const table::ImageParts& referral,
          std::size_t& gap) noexcept;

  /// The image that answers a question for RRSIG or NSEC, asked as types; 0: there is none. RRSIG:
  /// those over one of the name's rrsets, not all of them (row Y06). NSEC: the name's own.
  [[nodiscard]] std::uint32_t ImageOf(const Answered& name,
                                      const table::NameRecord& record,
                                      std::uint16_t qtype) noexcept;

 private:
  const table::Snapshot& snapshot_;
  Scratch& scratch_;
  Reply& reply_;
};

}  // namespace holdfast::answer

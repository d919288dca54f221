// What a signed zone says of names and types that are not there: which of its NSEC or NSEC3 belong
// into a reply (RFC 4035 3.1.3, 5155 7.2), and their octets in its authority section. For queries
// with DO alone. Any core; a few searches of a table, and for NSEC3 as many hashes as the zone's
// iterations make of a name, its closest encloser and its wildcard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/answer/write.h"
#include "dataplane/table/ordered.h"
#include "dataplane/table/view.h"

namespace holdfast::answer {

/// One NSEC or NSEC3 that is to stand in authority.
struct Proof {
  std::uint32_t image_at;            // RrImage
  std::span<const std::byte> owner;  // NSEC: labels below the zone's name; NSEC3: the hash
  bool hashed;
  std::uint16_t owner_at;   // where the whole owner stands in the reply already; 0: nowhere
  std::uint16_t origin_at;  // where the zone's name stands in the reply
};

/// The proofs of one reply, each once. Up to one for each CNAME that a wildcard gave, three at the
/// end of the chain.
class Proofs {
 public:
  void Clear() noexcept { count_ = 0; }
  void Add(const Proof& proof) noexcept {
    for (const Proof& before : All()) {
      if (before.image_at == proof.image_at && before.owner.data() == proof.owner.data()) {
        return;
      }
    }
    if (count_ < proof_.size()) {
      proof_[count_++] = proof;
    }
  }
  [[nodiscard]] std::span<const Proof> All() const noexcept { return {proof_.data(), count_}; }

 private:
  std::array<Proof, table::kMaxChain + 4> proof_;  // left as it is behind `count_`
  std::size_t count_ = 0;
};

/// Finds proofs about one name of one zone. Does nothing in a zone that has none.
class Prover {
 public:
  /// @param key    folded name, at or below the zone's.
  /// @param place  where it stands in the reply; all of it below kPointerLimit.
  Prover(const table::View& view,
         const table::ZoneVersion& zone,
         const table::NameKey& key,
         const Place& place,
         Proofs& proofs) noexcept;

  /// The name is there (an empty non-terminal too) and has not the type; in a zone that leaves
  /// delegations out (opt-out), also that it may be there without a DS.
  void NoData() noexcept;
  /// Neither the name is there nor, where that is what the reply says, the type at the wildcard.
  /// @param encloser_octets  of the closest encloser, which the name ends with.
  void Absent(std::size_t encloser_octets) noexcept;
  /// The name itself is not there: a wildcard below its closest encloser answered for it.
  void Expansion(std::size_t encloser_octets) noexcept;

  /// The RrImage of the NSEC that the name owns, or the wildcard that stands for it; 0 without one.
  [[nodiscard]] std::uint32_t OwnNsec(std::size_t encloser_octets) noexcept;

 private:
  using Name = std::span<const std::byte>;
  struct Wildcard;  // of an encloser

  [[nodiscard]] Name Suffix(std::size_t octets) const noexcept;
  [[nodiscard]] Name BelowOrigin(Name name) const noexcept;
  [[nodiscard]] table::OrderedPlace Find(Name name) const noexcept;
  void Add(std::size_t entry) noexcept;
  std::size_t AddEncloser(std::size_t octets) noexcept;
  [[nodiscard]] Name NextCloser(std::size_t encloser_octets) const noexcept;

  table::OrderedParts parts_;
  const table::NameKey& key_;
  const Place& place_;
  Proofs& proofs_;
  std::size_t origin_octets_;
};

/// Places all of `proofs` with their signatures in authority, or none of them.
Put PutProofs(const table::View& view, const Proofs& proofs, Reply& reply) noexcept;

}  // namespace holdfast::answer

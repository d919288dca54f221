// Step 7 of a query's journey, the octets: places rrset images behind the question and closes the
// reply with header and OPT, in place over the query. What goes into a reply is compose's affair.
// Any core; bounded by the octets written.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/answer/decide.h"
#include "dataplane/answer/extended_error.h"
#include "dataplane/answer/query.h"
#include "dataplane/table/view.h"

namespace holdfast::answer {

inline constexpr unsigned kMaxSubset = 8;            // records of one kSubset outcome
inline constexpr std::size_t kOptOctets = 11;        // an OPT record without options
inline constexpr std::size_t kPointerLimit = 16384;  // no pointer leads here or further (T07)

/// A reply in the making. `at` only moves when something was placed whole.
struct Reply {
  std::byte* message = nullptr;
  std::size_t begin = 0;  // just past the question
  std::size_t at = 0;     // next octet to write
  std::size_t limit = 0;  // where the last record ends at the latest; behind it is room for the OPT
                          // and the options that it must have
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
  std::uint16_t additionals = 0;  // without the OPT
  wire::Rcode rcode = wire::Rcode::kNoError;
  std::uint8_t scope = 0;  // bits of the client's address that the reply depends on
  ExtendedError extended = ExtendedError::kNone;
  bool authoritative = false;
  bool truncated = false;
  bool referral = false;
  bool last_resort = false;
  bool unreadable = false;
};

/// Where the name being answered stands in the reply: what relocations point at.
struct Place {
  std::size_t at = wire::kHeaderOctets;  // below kPointerLimit
  std::size_t octets = 0;                // of the whole name; 0: has no suffixes to point at
};

enum class Put : std::uint8_t { kDone, kNoRoom, kUnreadable };

/// Which stretches of an image were placed where: a whole image is one run, a rotated one two, a
/// subset one per record drawn.
struct Runs {
  struct Run {
    std::size_t from, to;  // in the image's wire octets
    std::size_t at;        // in the reply
  };
  std::array<Run, kMaxSubset> run;  // left as it is up to `count`: no clearing per packet
  unsigned count = 0;
  std::size_t end = 0;  // of the last of them in the reply

  /// Where octet `offset` of the image stands in the reply; 0 when it was not placed.
  [[nodiscard]] std::size_t PlaceOf(std::size_t offset) const noexcept {
    for (unsigned i = 0; i < count; ++i) {
      if (offset >= run[i].from && offset < run[i].to) {
        return run[i].at + (offset - run[i].from);
      }
    }
    return 0;
  }
};

/// Places an rrset, the whole of it or none: all records from a random one on (RFC 1035 3.2: their
/// order means nothing), or `choice.take` records drawn without replacement.
/// @param section  the count that grows by the records placed.
Put PutRrset(const table::ImageParts& image,
             const Choice& choice,
             const Place& owner,
             Random& random,
             Reply& reply,
             std::uint16_t& section,
             Runs& runs) noexcept;

/// Places the SOA of a negative answer in authority.
Put PutNegative(const table::ImageParts& image, const Place& owner, Reply& reply) noexcept;

/// Octets that the NS of a referral take in authority; 0 when the image has none.
std::size_t AuthorityOctets(const table::ImageParts& image) noexcept;

/// Places the NS of a cut in authority and as much of its glue as fits in additional, at least what
/// must be there (RFC 9471 3.1).
/// @param gap  octets between the two that are filled already: what else stands in authority.
Put PutReferral(const table::ImageParts& image,
                const Place& owner,
                std::size_t gap,
                Reply& reply,
                Runs& runs) noexcept;

/// Writes header, counts and OPT. What `reply` says about truncation and errors must be settled.
/// @param udp_octets  what we say we take over UDP.
/// @param settings    of the tables, for the options; may be null.
/// @return octets of the reply.
std::size_t Close(const Query& query,
                  std::uint16_t udp_octets,
                  const table::Settings* settings,
                  Reply& reply) noexcept;

}  // namespace holdfast::answer

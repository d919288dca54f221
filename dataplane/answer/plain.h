// The reply that nearly every query gets: one record as it stands in its image, by UDP, without
// signatures or options but a cookie. What Compose and Close would write, octet for octet, with
// nothing that a branch could be foreseen wrongly for; tests hold the two equal. Any core.
#pragma once

#include "dataplane/answer/copy.h"
#include "dataplane/answer/options.h"
#include "dataplane/answer/query.h"
#include "dataplane/answer/scratch.h"
#include "dataplane/answer/write.h"
#include "dataplane/base/bytes.h"

namespace holdfast::answer {

/// Puts the one record of a plain reply at `to`. @return its octets; 0: the query wants more than
/// that, or the image is damaged, and nothing was put.
/// @param room  octets there are, 16 at least.
inline std::size_t PutPlainRecord(const table::Snapshot& snapshot,
                                  const Query& query,
                                  std::byte* to,
                                  std::size_t room) noexcept {
  const table::RrsetEntry& entry = *query.entry;
  if (entry.kind == table::RrsetKind::kAddress && &entry == query.record->rrset &&
      query.record->rrsets == 1) [[likely]] {
    table::AddressImage::Write(*query.record, to);
    return table::AddressImage::kOctets;
  }
  std::uint32_t at = entry.at;
  if (entry.kind != table::RrsetKind::kImage) {
    if (query.choice.kind != ChoiceKind::kImage || query.choice.take != 0) {
      return 0;
    }
    at = query.choice.at;
  }
  const auto wire = table::OpenSingle(snapshot.view(), at);
  if (wire.size() > room) {
    return 0;
  }
  CopyOctets(to, wire.data(), wire.size());
  return wire.size();
}

/// Octets of a plain reply without its OPT and cookie at most: so any client takes it (RFC 1035
/// 4.2.1), and a question and an address fit.
inline constexpr std::size_t kMostPlain = wire::kPlainUdpOctets - kOptOctets - kCookieOptionOctets;

/// What the header of a plain reply says.
struct PlainHeader {
  wire::Rcode rcode = wire::Rcode::kNoError;
  unsigned answers = 0;
  unsigned authorities = 0;
};

/// Writes header and OPT of a reply whose records end at `end`, and counts it but for its rcode.
/// @param udp_octets  what we say we take over UDP.
inline void ClosePlainly(Job& job,
                         const Query& query,
                         std::size_t end,
                         const PlainHeader& header,
                         std::uint16_t udp_octets,
                         Tally& tally) noexcept {
  std::byte* m = job.message;
  // QR and AA, opcode and RD as asked; one question.
  const std::uint64_t flags = 0x84U | (std::to_integer<unsigned>(m[2]) & 0x79U) |
                              (static_cast<std::uint64_t>(header.rcode) << 8U);
  StoreAs(m + 2,
          flags | (std::uint64_t{1} << 24U) | (std::uint64_t{header.answers} << 40U) |
              (std::uint64_t{header.authorities} << 56U));
  const unsigned edns = query.has_edns ? 1 : 0;
  StoreBe16(m + 10, static_cast<std::uint16_t>(edns));
  // An OPT, whether it counts or not.
  constexpr std::uint64_t kRootAndType = 0x290000;
  StoreAs(m + end, kRootAndType | (std::uint64_t{__builtin_bswap16(udp_octets)} << 24U));
  const bool cookie = query.asked != 0;
  const std::uint16_t options = cookie ? kCookieOptionOctets : 0;
  StoreAs(m + end + 7, std::uint32_t{__builtin_bswap16(options)} << 16U);
  if (cookie) {
    std::byte* option = m + end + kOptOctets;
    StoreBe16(option, static_cast<std::uint16_t>(wire::Option::kCookie));
    StoreBe16(option + 2, sizeof(Cookie));
    StoreAs(option + kOptionHead, query.cookie);
  }
  job.reply_octets = static_cast<std::uint32_t>(end + (edns * (kOptOctets + options)));
  job.outcome = Outcome::kReply;
  tally.Add(Counter::kReplies);
  tally.Add(Counter::kEdns, edns);
}

/// Writes the reply when it is a plain one and says so; else leaves everything as it was.
/// @param udp_octets  what we say we take over UDP.
inline bool RespondPlainly(const table::Snapshot& snapshot,
                           Job& job,
                           const Query& query,
                           std::uint16_t udp_octets,
                           Tally& tally) noexcept {
  if (query.entry == nullptr || query.entry->type != query.qtype || query.dnssec_ok ||
      (query.asked & ~unsigned{kAskedCookie}) != 0 ||
      query.qtype == static_cast<std::uint16_t>(wire::Type::kDs)) {
    return false;
  }
  const std::size_t begin = wire::kHeaderOctets + query.key.octets + 4;
  const std::size_t octets =
      PutPlainRecord(snapshot, query, job.message + begin, kMostPlain - begin);
  if (octets == 0) {
    return false;
  }
  ClosePlainly(job, query, begin + octets, {.answers = 1}, udp_octets, tally);
  tally.Add(Counter::kNoError);
  tally.Add(Counter::kLastResort, query.choice.last_resort ? 1 : 0);
  return true;
}

}  // namespace holdfast::answer

// See parse.h. The ordinary query (one question, nothing or one OPT behind it) runs straight
// through; whatever differs goes to the cold functions below it.
#include "dataplane/answer/parse.h"

#include <algorithm>
#include <array>
#include <emmintrin.h>

#include "dataplane/answer/options.h"
#include "dataplane/base/bytes.h"

namespace holdfast::answer {
namespace {

using wire::Rcode;
using wire::Type;

constexpr std::size_t kQuestionTail = 4;  // type and class
constexpr std::size_t kRecordTail = 10;   // type, class, TTL, RDLENGTH
constexpr unsigned kPointerMark = 0xC0;

struct Counts {
  unsigned questions, answers, authorities, additionals;
};

// The header from its flags to NSCOUNT, read little-endian: QR, opcode and the counts of an
// ordinary query.
constexpr std::uint64_t kPlainMask = 0xFFFFFFFFFFFF00F8;
constexpr std::uint64_t kPlainHeader = 0x0000000001000000;
constexpr std::uint64_t kOneAdditional = 0x010000000000;  // ANCOUNT to ARCOUNT, little-endian
constexpr std::uint32_t kRootAndOpt = 0x00290000;         // owner and type of an OPT, likewise

unsigned Octet(const std::byte* m, std::size_t at) noexcept {
  return std::to_integer<unsigned>(m[at]);
}

// `value`, of which the compiler knows nothing: it would make a branch of each part.
unsigned Opaque(unsigned value) noexcept {
  asm("" : "+r"(value));
  return value;
}

Counts CountsOf(const std::byte* m) noexcept {
  return {LoadBe16(m + 4), LoadBe16(m + 6), LoadBe16(m + 8), LoadBe16(m + 10)};
}

bool IsType(unsigned type, Type wanted) noexcept {
  return type == static_cast<unsigned>(wanted);
}

// Skips the owner name of a record behind the question. A pointer must lead back to something
// behind the header (RFC 1035 4.1.4); where it leads is nobody's concern here, so it is not
// followed and cannot loop.
bool SkipOwner(const std::byte* m, std::size_t size, std::size_t& at) noexcept {
  const std::size_t start = at;
  const std::size_t limit = std::min(size, start + wire::kMaxNameOctets);
  while (at < limit) {
    const unsigned octet = Octet(m, at);
    if (octet == 0) {
      ++at;
      return true;
    }
    if (octet >= kPointerMark) {
      if (at + 2 > size) {
        return false;
      }
      const unsigned target = LoadBe16(m + at) & 0x3FFFU;
      at += 2;
      return target >= wire::kHeaderOctets && target < start;
    }
    if (octet > wire::kMaxLabelOctets) {
      return false;
    }
    at += octet + 1;
  }
  return false;
}

// EDNS Client Subnet as a query may carry it (RFC 7871 section 6): once, of a family we know, scope
// 0, exactly the octets that the source length needs and no bit behind it.
bool TakeSubnet(const std::byte* option, std::size_t octets, Query& query) noexcept {
  Subnet& subnet = query.subnet;
  if (subnet.family != 0 || octets < kSubnetHead) {
    return false;
  }
  const std::uint16_t family = LoadBe16(option);
  const unsigned length = Octet(option, 2);
  const unsigned most = family == kSubnetIpv4 ? 32 : family == kSubnetIpv6 ? 128 : 0;
  const std::size_t address_octets = octets - kSubnetHead;
  if (most == 0 || length > most || Octet(option, 3) != 0 || address_octets != (length + 7) / 8) {
    return false;
  }
  const unsigned spare = static_cast<unsigned>(address_octets * 8) - length;
  if (spare != 0 && (Octet(option, octets - 1) & ((1U << spare) - 1)) != 0) {
    return false;
  }
  subnet.family = family;
  subnet.source_length = static_cast<std::uint8_t>(length);
  subnet.address = {};
  std::copy_n(option + kSubnetHead, address_octets, subnet.address.begin());
  query.asked |= kAskedSubnet;
  query.option_octets =
      static_cast<std::uint16_t>(query.option_octets + kOptionHead + kSubnetHead + address_octets);
  return true;
}

// A cookie, once; what is in it is judged when its secret and the time are at hand.
bool TakeCookie(std::size_t at, std::size_t octets, Query& query) noexcept {
  if ((query.asked & kAskedCookie) != 0 || !IsCookieLength(octets)) {
    return false;
  }
  query.asked |= kAskedCookie;
  query.cookie_at = static_cast<std::uint16_t>(at);
  query.cookie_octets = static_cast<std::uint8_t>(octets);
  query.option_octets = static_cast<std::uint16_t>(query.option_octets + kCookieOptionOctets);
  return true;
}

// RFC 7828 3.2.1: a client names no time; over UDP the option is nothing.
bool TakeKeepalive(std::size_t octets, Query& query) noexcept {
  if (query.job->transport != Transport::kTcp) {
    return true;
  }
  if (octets != 0) {
    return false;
  }
  if ((query.asked & kAskedKeepalive) == 0) {
    query.asked |= kAskedKeepalive;
    query.option_octets = static_cast<std::uint16_t>(query.option_octets + kKeepaliveOptionOctets);
  }
  return true;
}

/// @param at  of the option's data in the message.
bool TakeOption(
    unsigned code, const std::byte* m, std::size_t at, std::size_t octets, Query& query) noexcept {
  switch (static_cast<wire::Option>(code)) {
    case wire::Option::kClientSubnet:
      return !query.accepts.subnet || TakeSubnet(m + at, octets, query);
    case wire::Option::kCookie:
      return !query.accepts.cookie || TakeCookie(at, octets, query);
    case wire::Option::kTcpKeepalive:
      return TakeKeepalive(octets, query);
    case wire::Option::kNsid:
      query.asked |= kAskedNsid;  // RFC 5001 2.1: whatever it holds
      return true;
    default:
      return true;
  }
}

// Options of another version mean what that version says: only their lengths are ours to judge. A
// malformed one leaves nothing of the others either.
bool TakeOptions(const std::byte* m, std::size_t at, std::size_t end, Query& query) noexcept {
  while (at < end) {
    const bool whole = end - at >= kOptionHead && LoadBe16(m + at + 2) <= end - at - kOptionHead;
    const std::size_t octets = whole ? LoadBe16(m + at + 2) : 0;
    if (!whole || (query.edns_version == 0 &&
                   !TakeOption(LoadBe16(m + at), m, at + kOptionHead, octets, query))) {
      query.asked = 0;
      query.option_octets = 0;
      return false;
    }
    at += kOptionHead + octets;
  }
  return true;
}

// The OPT record whose TYPE stands at `at`; its RDATA lies within the message.
bool TakeOpt(const std::byte* m, std::size_t at, Query& query) noexcept {
  if (query.has_edns) {
    return false;  // RFC 6891 6.1.1: one at most
  }
  query.has_edns = true;
  query.client_octets = LoadBe16(m + at + 2);
  query.edns_version = static_cast<std::uint8_t>(Octet(m, at + 5));
  query.dnssec_ok = (Octet(m, at + 6) & 0x80U) != 0;
  const std::size_t rdata = at + kRecordTail;
  return TakeOptions(m, rdata, rdata + LoadBe16(m + at + 8), query);
}

// Walks all records behind the question. An OPT in the additional section is taken over into
// `query`, also when something after it turns out to be malformed.
bool ReadRecords(const std::byte* m,
                 std::size_t size,
                 std::size_t& at,
                 const Counts& counts,
                 Query& query) noexcept {
  const unsigned before = counts.answers + counts.authorities;
  const unsigned total = before + counts.additionals;
  for (unsigned i = 0; i < total; ++i) {
    const std::size_t owner = at;
    if (!SkipOwner(m, size, at) || size - at < kRecordTail) {
      return false;
    }
    const unsigned type = LoadBe16(m + at);
    const std::size_t rdlength = LoadBe16(m + at + 8);
    if (rdlength > size - at - kRecordTail) {
      return false;
    }
    if (IsType(type, Type::kOpt)) {
      const bool root = at == owner + 1;  // RFC 6891 6.1.2; a compressed root has two octets
      if (!root || i < before || !TakeOpt(m, at, query)) {
        return false;
      }
    } else if (IsType(type, Type::kTsig) && i + 1 != total) {
      return false;  // RFC 8945 5.2: the last record, and so the only one
    }
    at += kRecordTail + rdlength;
  }
  return true;
}

void Fail(Query& query, Rcode rcode, ExtendedError extended = ExtendedError::kNone) noexcept {
  query.todo = Todo::kError;
  query.rcode = rcode;
  query.extended = extended;
}

// A message that is answered without its question: an opcode we do not serve, or not exactly one
// question. Reads it as far as it goes, to see whether the reply must carry an OPT, and whether no
// question came because only a cookie is to be renewed.
[[gnu::cold, gnu::noinline]] void FailWholly(const std::byte* m,
                                             std::size_t size,
                                             const Counts& counts,
                                             Rcode rcode,
                                             Query& query) noexcept {
  Fail(query,
       rcode,
       rcode == Rcode::kNotImp ? ExtendedError::kOpcodeNotSupported : ExtendedError::kNone);
  std::size_t at = wire::kHeaderOctets;
  for (unsigned i = 0; i < counts.questions; ++i) {
    if (!SkipOwner(m, size, at) || size - at < kQuestionTail) {
      return;
    }
    at += kQuestionTail;
  }
  const bool whole = ReadRecords(m, size, at, counts, query) && at == size;
  if (whole && rcode == Rcode::kFormErr && counts.questions + counts.answers == 0 &&
      counts.authorities == 0 && (query.asked & kAskedCookie) != 0) {
    query.todo = Todo::kCookieAlone;
    query.rcode = Rcode::kNoError;
  }
}

// A header that is not the ordinary query's. False: what is to be done with it is settled.
[[gnu::cold, gnu::noinline]] bool JudgeHeader(const std::byte* m,
                                              std::size_t size,
                                              Query& query) noexcept {
  const unsigned flags = Octet(m, 2);
  if ((flags & 0x80U) != 0) {
    query.todo = Todo::kDropResponse;
    return false;
  }
  const Counts counts = CountsOf(m);
  if ((flags & 0x78U) != 0) {
    FailWholly(m, size, counts, Rcode::kNotImp, query);
    return false;
  }
  if (counts.questions != 1) {
    FailWholly(m, size, counts, Rcode::kFormErr, query);
    return false;
  }
  return true;
}

// Fails a query for a type that is no data (RFC 6895 3.1). False: it is none of them.
[[gnu::cold, gnu::noinline]] bool FailMetaType(Query& query) noexcept {
  if (query.qtype == 0) {
    Fail(query, Rcode::kFormErr, ExtendedError::kInvalidType);
    return true;
  }
  switch (static_cast<Type>(query.qtype)) {
    case Type::kAny:
      return false;
    case Type::kAxfr:  // RFC 5936 4.2: not over UDP; over TCP nobody may yet
      Fail(query,
           query.job->transport == Transport::kUdp ? Rcode::kFormErr : Rcode::kRefused,
           ExtendedError::kTransferNotSupported);
      return true;
    case Type::kIxfr:
      Fail(query, Rcode::kRefused, ExtendedError::kTransferNotSupported);
      return true;
    case Type::kOpt:
    case Type::kTsig:
    case Type::kTkey:
    case Type::kNxname:  // RFC 9824 3.5
      Fail(query, Rcode::kFormErr, ExtendedError::kInvalidType);
      return true;
    default:
      Fail(query, Rcode::kNotImp, ExtendedError::kTypeNotSupported);
      return true;
  }
}

bool MayBeMeta(unsigned qtype) noexcept {
  return (qtype & 0xFF80U) == 0x80U || qtype == 0 || IsType(qtype, Type::kOpt);
}

// The length of the name at the first octet of the question, or 0 when it is none: labels of type
// 00 only, so that a pointer is refused like any other wrong octet.
std::size_t QnameOctets(const std::byte* m, std::size_t size) noexcept {
  const std::size_t limit = std::min(size, wire::kHeaderOctets + wire::kMaxNameOctets);
  for (std::size_t at = wire::kHeaderOctets; at < limit;) {
    const unsigned octet = Octet(m, at);
    if (octet == 0) {
      return at + 1 - wire::kHeaderOctets;
    }
    if (octet > wire::kMaxLabelOctets) [[unlikely]] {
      return 0;
    }
    at += octet + 1;
  }
  return 0;
}

// Nothing behind the question, or the one way an OPT stands in nearly every query: alone, last and
// without options. Without a branch between the two, which no core could foresee. Octets behind the
// message are read, and not used: the buffer is longer than any question and that OPT.
bool TakePlainRest(const std::byte* m, std::size_t size, std::size_t at, Query& query) noexcept {
  static_assert(wire::kHeaderOctets + wire::kMaxNameOctets + kQuestionTail + 1 + kRecordTail <
                wire::kPlainUdpOctets);
  const std::uint64_t counts = LoadAs<std::uint64_t>(m + 4) >> 16U;
  const std::byte* opt = m + at;
  const unsigned nothing = static_cast<unsigned>(counts == 0) & static_cast<unsigned>(size == at);
  const unsigned plain =
      static_cast<unsigned>(counts == kOneAdditional) &
      static_cast<unsigned>(size - at == 1 + kRecordTail) &
      static_cast<unsigned>((LoadAs<std::uint32_t>(opt) & 0x00FFFFFFU) == kRootAndOpt) &
      static_cast<unsigned>(LoadAs<std::uint16_t>(opt + 9) == 0);
  if (Opaque(nothing | plain) == 0) [[unlikely]] {
    return false;
  }
  query.has_edns = plain != 0;
  query.client_octets = LoadBe16(opt + 3);
  query.edns_version = static_cast<std::uint8_t>(Octet(opt, 6) & (0U - plain));
  query.dnssec_ok = (plain & (Octet(opt, 7) >> 7U)) != 0;
  return true;
}

// The other way that many queries have: an OPT that holds a cookie and nothing else.
bool TakeCookieAlone(const std::byte* m, std::size_t size, std::size_t at, Query& query) noexcept {
  constexpr std::size_t kHeads = 1 + kRecordTail + kOptionHead;
  const std::size_t octets = size - at - kHeads;
  if ((octets != kClientCookieOctets && octets != sizeof(Cookie)) ||
      (LoadAs<std::uint64_t>(m + 4) >> 16U) != kOneAdditional) {
    return false;
  }
  const std::byte* opt = m + at;
  const std::byte* option = opt + 1 + kRecordTail;
  if ((LoadAs<std::uint32_t>(opt) & 0x00FFFFFFU) != kRootAndOpt || Octet(opt, 6) != 0 ||
      LoadBe16(opt + 9) != kOptionHead + octets || LoadBe16(option + 2) != octets ||
      LoadBe16(option) != static_cast<unsigned>(wire::Option::kCookie)) {
    return false;
  }
  query.has_edns = true;
  query.client_octets = LoadBe16(opt + 3);
  query.dnssec_ok = (Octet(opt, 7) & 0x80U) != 0;
  return !query.accepts.cookie || TakeCookie(at + kHeads, octets, query);
}

// Everything behind the question, and what it says about answering it.
[[gnu::noinline]] bool TakeRest(const std::byte* m,
                                std::size_t size,
                                std::size_t at,
                                Query& query) noexcept {
  if (TakeCookieAlone(m, size, at, query)) [[likely]] {
    return true;
  }
  const Counts counts = CountsOf(m);
  // RFC 1035 4.1: a query holds no answers; only IXFR carries a SOA in authority.
  const bool is_plain = counts.answers + counts.authorities == 0;
  const bool is_ixfr = IsType(query.qtype, Type::kIxfr) && counts.answers == 0;
  const bool whole = ReadRecords(m, size, at, counts, query);
  return whole && (is_plain || is_ixfr) && at == size;
}

}  // namespace

void Parse(const Job& job, Query& query, Accepts accepts) noexcept {
  const std::byte* m = job.message;
  const std::size_t size = job.query_octets;
  query.Clear(job, accepts);
  if (size < wire::kHeaderOctets) [[unlikely]] {
    query.todo = Todo::kDropShort;
    return;
  }
  // Nearly always a query of opcode 0 with one question and nothing in the two sections behind it.
  if ((LoadAs<std::uint64_t>(m + 2) & kPlainMask) != kPlainHeader) [[unlikely]] {
    if (!JudgeHeader(m, size, query)) {
      return;
    }
  }
  const std::size_t octets = QnameOctets(m, size);
  std::size_t at = wire::kHeaderOctets + octets;
  if (octets == 0 || size - at < kQuestionTail) [[unlikely]] {
    return Fail(query, Rcode::kFormErr);
  }
  query.has_question = true;
  query.key.name = query.folded.data();
  query.key.octets = octets;
  query.qtype = LoadBe16(m + at);
  const unsigned qclass = LoadBe16(m + at + 2);
  at += kQuestionTail;
  if (!TakePlainRest(m, size, at, query) && !TakeRest(m, size, at, query)) [[unlikely]] {
    return Fail(query, Rcode::kFormErr);
  }
  if (query.edns_version != 0) [[unlikely]] {
    return Fail(query, Rcode::kBadVers);
  }
  if (MayBeMeta(query.qtype)) [[unlikely]] {
    if (FailMetaType(query)) {
      return;
    }
  }
  FoldName(m + wire::kHeaderOctets, octets, query.folded.data());
  query.todo = Todo::kLookUp;
  if (qclass != static_cast<unsigned>(wire::Class::kIn)) [[unlikely]] {
    if (qclass == static_cast<unsigned>(wire::Class::kCh)) {
      query.todo = Todo::kServerName;
    } else {
      Fail(query, Rcode::kRefused, ExtendedError::kClassNotSupported);
    }
  }
}

void FoldName(const std::byte* from, std::size_t octets, std::byte* to) noexcept {
  // What a name keeps of two vectors: ones where it is, zeros behind it.
  alignas(64) static constexpr auto kKeep = [] {
    std::array<std::uint8_t, 64> keep{};
    std::fill_n(keep.begin(), 32, std::uint8_t{0xFF});
    return keep;
  }();
  const auto load = [](const void* at) { return _mm_loadu_si128(static_cast<const __m128i*>(at)); };
  const auto store = [&](std::size_t at, __m128i vector) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at), vector);
  };
  // A length octet is at most 63 and so is never taken for a letter. 'A'..'Z' become the 26
  // greatest signed values.
  const auto lower = [&](std::size_t at) {
    const __m128i raw = load(from + at);
    const __m128i moved = _mm_add_epi8(raw, _mm_set1_epi8(127 - 'Z'));
    const __m128i upper = _mm_cmpgt_epi8(moved, _mm_set1_epi8(127 - 26));
    return _mm_or_si128(raw, _mm_and_si128(upper, _mm_set1_epi8(0x20)));
  };
  const __m128i zero = _mm_setzero_si128();
  // Two vectors hold most names: no branch on the length for those.
  if (octets <= 32) [[likely]] {
    const std::uint8_t* keep = kKeep.data() + 32 - octets;
    store(0, _mm_and_si128(lower(0), load(keep)));
    store(16, _mm_and_si128(lower(16), load(keep + 16)));
    store(32, zero);
    store(48, zero);
    return;
  }
  std::size_t at = 0;
  for (; at + 16 <= octets; at += 16) {
    store(at, lower(at));
  }
  if (at < octets) {
    store(at, _mm_and_si128(lower(at), load(kKeep.data() + 32 - (octets - at))));
    at += 16;
  }
  store(at, zero);
  store(at + 16, zero);
}

void FoldNameScalar(const std::byte* from, std::size_t octets, std::byte* to) noexcept {
  for (std::size_t i = 0; i < octets; ++i) {
    const auto octet = std::to_integer<unsigned char>(from[i]);
    to[i] = static_cast<std::byte>(octet >= 'A' && octet <= 'Z' ? octet + 32 : octet);
  }
  std::fill_n(to + octets, table::kHashPadding, std::byte{0});
}

}  // namespace holdfast::answer

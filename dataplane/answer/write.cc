// See write.h.
#include "dataplane/answer/write.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "dataplane/answer/copy.h"
#include "dataplane/answer/options.h"
#include "dataplane/base/bytes.h"

namespace holdfast::answer {
namespace {

using table::ImageKind;
using table::ImageParts;
using table::Relocation;
using table::RelocationBase;

using table::kRecordHead;
constexpr std::uint16_t kQuestionPointer = 0xC00C;
constexpr std::uint16_t kPointerBits = 0xC000;

unsigned Units(const ImageParts& image) noexcept {
  return image.record_ends.empty() ? 1U : static_cast<unsigned>(image.record_ends.size());
}

std::size_t UnitEnd(const ImageParts& image, unsigned unit) noexcept {
  return image.record_ends.empty() ? image.wire.size() : image.record_ends[unit];
}

std::size_t UnitStart(const ImageParts& image, unsigned unit) noexcept {
  return unit == 0 ? 0 : image.record_ends[unit - 1];
}

void Begin(const Reply& reply, Runs& runs) noexcept {
  runs.count = 0;
  runs.end = reply.at;
}

// Copies the stretch [from, to) of the image behind those before; unreadable when record ends do
// not ascend within it.
inline Put CopyRun(const ImageParts& image,
                   std::size_t from,
                   std::size_t to,
                   const Reply& reply,
                   Runs& runs) noexcept {
  if (from >= to || to > image.wire.size()) [[unlikely]] {
    return Put::kUnreadable;
  }
  const std::size_t octets = to - from;
  if (octets > reply.limit - runs.end) [[unlikely]] {
    return Put::kNoRoom;
  }
  runs.run[runs.count++] = {from, to, runs.end};
  CopyOctets(reply.message + runs.end, image.wire.data() + from, octets);
  runs.end += octets;
  return Put::kDone;
}

// One unit of several. What ends before the first is read too, and not used: no branch.
inline Put CopyUnit(const ImageParts& image,
                    unsigned unit,
                    const Reply& reply,
                    Runs& runs) noexcept {
  const std::size_t before = image.record_ends[unit - (unit == 0 ? 0 : 1)];
  return CopyRun(image, unit == 0 ? 0 : before, image.record_ends[unit], reply, runs);
}

Put CopyAll(const ImageParts& image, Random& random, const Reply& reply, Runs& runs) noexcept {
  const unsigned units = Units(image);
  const std::size_t end = image.wire.size();
  const unsigned first = units > 1 ? random.Below(units) : 0;
  if (first == 0) {
    return CopyRun(image, 0, end, reply, runs);
  }
  const std::size_t split = UnitStart(image, first);
  const Put put = CopyRun(image, split, end, reply, runs);
  return put == Put::kDone ? CopyRun(image, 0, split, reply, runs) : put;
}

// Units drawn without replacement, ascending: each draw is among those left, counted past the ones
// that were drawn, so no array of all units is needed. Nothing here, nor in what follows of it,
// branches on what was drawn, which no core can foresee.
class DrawnUnits {
 public:
  unsigned Draw(unsigned units, Random& random) noexcept {
    unsigned unit = random.Below(units - count_);
    for (unsigned i = 0; i < count_; ++i) {
      unit += drawn_[i] <= unit ? 1 : 0;
    }
    drawn_[count_] = unit;
    for (unsigned i = count_++; i > 0; --i) {
      const unsigned lower = std::min(drawn_[i - 1], drawn_[i]);
      drawn_[i] = std::max(drawn_[i - 1], drawn_[i]);
      drawn_[i - 1] = lower;
    }
    return unit;
  }
  [[nodiscard]] std::span<const unsigned> Ascending() const noexcept {
    return {drawn_.data(), count_};
  }

 private:
  std::array<unsigned, kMaxSubset> drawn_;  // left as it is behind `count_`
  unsigned count_ = 0;
};

Put CopySome(const ImageParts& image,
             unsigned take,
             Random& random,
             const Reply& reply,
             Runs& runs) noexcept {
  DrawnUnits drawn;
  Put put = Put::kDone;
  for (unsigned i = 0; i < take && put == Put::kDone; ++i) {
    put = CopyUnit(image, drawn.Draw(Units(image), random), reply, runs);
  }
  return put;
}

// All units but `spare` of them, from a random one of those left on: fewer draws than those that
// stay would take. Each unit alone, though neighbours could be one stretch: their lengths are alike
// and how many they are is known, so that the core foresees every branch.
Put CopyAllBut(const ImageParts& image,
               unsigned spare,
               Random& random,
               const Reply& reply,
               Runs& runs) noexcept {
  const unsigned units = Units(image);
  const unsigned take = units - spare;
  DrawnUnits left_out;
  for (unsigned i = 0; i < spare; ++i) {
    left_out.Draw(units, random);
  }
  const unsigned first = random.Below(take);
  Put put = Put::kDone;
  for (unsigned i = 0; i < take && put == Put::kDone; ++i) {
    unsigned unit = first + i < take ? first + i : first + i - take;
    for (const unsigned out : left_out.Ascending()) {
      unit += out <= unit ? 1 : 0;
    }
    put = CopyUnit(image, unit, reply, runs);
  }
  return put;
}

// `take` of the units without replacement, each as likely to be the first.
Put CopySubset(const ImageParts& image,
               unsigned take,
               Random& random,
               const Reply& reply,
               Runs& runs) noexcept {
  const unsigned spare = Units(image) - take;
  return spare <= take / 2 ? CopyAllBut(image, spare, random, reply, runs)
                           : CopySome(image, take, random, reply, runs);
}

// Steps over the records of an rrset that were placed and counts them; -1 when the octets are no
// records. Their owners are C0 0C, which is rewritten when the name being answered is not the
// question. Lengths are read from the image: the same octets in the reply were written a moment ago
// in other pieces, and the core would wait for them. Should the image change under us, the stores
// stay inside what was placed.
int CountRecords(const ImageParts& image,
                 const Runs& runs,
                 const Reply& reply,
                 std::size_t owner) noexcept {
  int records = 0;
  for (unsigned i = 0; i < runs.count; ++i) {
    const Runs::Run& run = runs.run[i];
    for (std::size_t at = run.from; at < run.to; ++records) {
      const std::byte* record = image.wire.data() + at;
      if (run.to - at < kRecordHead || LoadBe16(record) != kQuestionPointer) [[unlikely]] {
        return -1;
      }
      if (owner != wire::kHeaderOctets) {
        StoreBe16(reply.message + run.at + (at - run.from),
                  static_cast<std::uint16_t>(kPointerBits | owner));
      }
      at += kRecordHead + LoadBe16(record + kRecordHead - 2);
      if (at > run.to) [[unlikely]] {
        return -1;
      }
    }
  }
  return records;
}

// As CountRecords, for records with owners of any form, after relocation.
int CountOwned(const Reply& reply, std::size_t from, std::size_t to) noexcept {
  int records = 0;
  for (std::size_t at = from; at < to; ++records) {
    for (unsigned octet = 1; octet != 0 && octet < 0xC0 && at < to;) {
      octet = std::to_integer<unsigned>(reply.message[at]);
      at += octet >= 0xC0 ? 2 : octet + 1;
    }
    if (at >= to || to - at < kRecordHead - 2) {
      return -1;
    }
    at += kRecordHead - 2 + LoadBe16(reply.message + at + kRecordHead - 4);
    if (at > to) {
      return -1;
    }
  }
  return records;
}

bool Relocate(const Relocation& relocation,
              const Place& owner,
              const Runs& runs,
              Reply& reply) noexcept {
  const std::size_t at = runs.PlaceOf(relocation.at);
  if (at == 0) {
    return true;  // of a record that was not placed
  }
  if (runs.PlaceOf(relocation.at + 1U) != at + 1) {
    return false;
  }
  const std::size_t addend = relocation.code & 0x3FFFU;
  std::size_t target = 0;
  switch (static_cast<RelocationBase>(relocation.code >> 14U)) {
    case RelocationBase::kOwner:
      target = owner.at;
      break;
    case RelocationBase::kSuffix:
      target = addend > owner.octets ? 0 : owner.at + owner.octets - addend;
      break;
    case RelocationBase::kImage:
      target = runs.PlaceOf(addend);
      break;
    default:
      break;
  }
  if (target == 0 || target >= at || target >= kPointerLimit) {
    return false;
  }
  StoreBe16(reply.message + at, static_cast<std::uint16_t>(kPointerBits | target));
  return true;
}

bool RelocateAll(const ImageParts& image,
                 const Place& owner,
                 const Runs& runs,
                 Reply& reply) noexcept {
  return std::ranges::all_of(image.relocations, [&](const Relocation& relocation) {
    return Relocate(relocation, owner, runs, reply);
  });
}

}  // namespace

Put PutRrset(const ImageParts& image,
             const Choice& choice,
             const Place& owner,
             Random& random,
             Reply& reply,
             std::uint16_t& section,
             Runs& runs) noexcept {
  Begin(reply, runs);
  if (image.image == nullptr || image.image->kind != ImageKind::kRrset || choice.take > kMaxSubset)
      [[unlikely]] {
    return Put::kUnreadable;
  }
  const bool some = choice.take != 0 && choice.take < Units(image);
  const Put put = some ? CopySubset(image, choice.take, random, reply, runs)
                       : CopyAll(image, random, reply, runs);
  if (put != Put::kDone) [[unlikely]] {
    return put;
  }
  const int records = CountRecords(image, runs, reply, owner.at);
  if (records < 0 || !RelocateAll(image, owner, runs, reply)) [[unlikely]] {
    return Put::kUnreadable;
  }
  section = static_cast<std::uint16_t>(section + records);
  reply.at = runs.end;
  return Put::kDone;
}

Put PutNegative(const ImageParts& image, const Place& owner, Reply& reply) noexcept {
  Runs runs;
  Begin(reply, runs);
  if (image.image == nullptr || image.image->kind != ImageKind::kNegative) [[unlikely]] {
    return Put::kUnreadable;
  }
  if (const Put put = CopyRun(image, 0, image.wire.size(), reply, runs); put != Put::kDone)
      [[unlikely]] {
    return put;
  }
  if (!RelocateAll(image, owner, runs, reply) || CountOwned(reply, reply.at, runs.end) != 1)
      [[unlikely]] {
    return Put::kUnreadable;
  }
  ++reply.authorities;
  reply.at = runs.end;
  return Put::kDone;
}

std::size_t AuthorityOctets(const ImageParts& image) noexcept {
  const unsigned authority = image.referral.authority;
  return authority == 0 || authority > Units(image) ? 0 : UnitEnd(image, authority - 1);
}

Put PutReferral(const ImageParts& image,
                const Place& owner,
                std::size_t gap,
                Reply& reply,
                Runs& runs) noexcept {
  Begin(reply, runs);
  if (image.image == nullptr || image.image->kind != ImageKind::kReferral) [[unlikely]] {
    return Put::kUnreadable;
  }
  const unsigned authority = image.referral.authority;
  const unsigned required = std::max<unsigned>(authority, image.referral.required);
  unsigned records = Units(image);
  if (authority == 0 || required > records) [[unlikely]] {
    return Put::kUnreadable;
  }
  if (gap > reply.limit - reply.at) [[unlikely]] {
    return Put::kNoRoom;
  }
  const std::size_t room = reply.limit - reply.at - gap;
  while (records > required && UnitEnd(image, records - 1) > room) {
    --records;
  }
  const std::size_t octets = UnitEnd(image, records - 1);
  if (octets > room) {
    return Put::kNoRoom;
  }
  const std::size_t split = gap == 0 ? octets : UnitEnd(image, authority - 1);
  if (split > octets) [[unlikely]] {
    return Put::kUnreadable;  // the image changed between two looks
  }
  Put put = CopyRun(image, 0, split, reply, runs);
  const std::size_t gap_at = runs.end;
  runs.end += gap;
  if (put == Put::kDone && split < octets) {
    put = CopyRun(image, split, octets, reply, runs);
  }
  if (put != Put::kDone) [[unlikely]] {
    return put;
  }
  if (!RelocateAll(image, owner, runs, reply)) [[unlikely]] {
    return Put::kUnreadable;
  }
  const int before = CountOwned(reply, reply.at, gap_at);
  const int behind = CountOwned(reply, gap_at + gap, runs.end);
  if (before < 0 || behind < 0 || before + behind != static_cast<int>(records)) [[unlikely]] {
    return Put::kUnreadable;
  }
  reply.authorities = static_cast<std::uint16_t>(reply.authorities + authority);
  reply.additionals = static_cast<std::uint16_t>(reply.additionals + (records - authority));
  reply.at = runs.end;
  return Put::kDone;
}

std::size_t Close(const Query& query,
                  std::uint16_t udp_octets,
                  const table::Settings* settings,
                  Reply& reply) noexcept {
  std::byte* m = reply.message;
  const auto rcode = static_cast<unsigned>(reply.rcode);
  const unsigned asked = std::to_integer<unsigned>(m[2]);
  // QR; opcode and RD as asked; RA, Z, AD and CD are always 0.
  const unsigned flags =
      0x80U | (asked & 0x79U) | (reply.authoritative ? 0x04U : 0U) | (reply.truncated ? 0x02U : 0U);
  m[2] = static_cast<std::byte>(flags);
  m[3] = static_cast<std::byte>(rcode & 0x0FU);
  StoreBe16(m + 4, query.has_question ? 1 : 0);
  StoreBe16(m + 6, reply.answers);
  StoreBe16(m + 8, reply.authorities);
  StoreBe16(m + 10, static_cast<std::uint16_t>(reply.additionals + (query.has_edns ? 1 : 0)));
  if (!query.has_edns) {
    return reply.at;
  }
  std::byte* opt = m + reply.at;
  opt[0] = std::byte{0};
  StoreBe16(opt + 1, static_cast<std::uint16_t>(wire::Type::kOpt));
  StoreBe16(opt + 3, udp_octets);
  opt[5] = static_cast<std::byte>(rcode >> 4U);
  opt[6] = std::byte{0};  // our EDNS version
  opt[7] = query.dnssec_ok ? std::byte{0x80} : std::byte{0};
  opt[8] = std::byte{0};
  const std::size_t end = reply.at + kOptOctets;
  if (query.asked == 0 && reply.extended == ExtendedError::kNone) [[likely]] {
    StoreBe16(opt + 9, 0);
    return end;
  }
  const std::size_t room = reply.limit + query.option_octets - reply.at;
  const std::size_t octets = PutOptions(query, reply, settings, m + end, room);
  StoreBe16(opt + 9, static_cast<std::uint16_t>(octets));
  return end + octets;
}

}  // namespace holdfast::answer

// See write.h.
#include "dataplane/answer/write.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "dataplane/answer/copy.h"
#include "dataplane/base/bytes.h"

namespace holdfast::answer {
namespace {

using table::ImageKind;
using table::ImageParts;
using table::Relocation;
using table::RelocationBase;

constexpr std::size_t kRecordHead = 12;  // pointer, type, class, TTL, RDLENGTH
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

// A pointer inside the image pins the order of its records: what it points at must stay before it.
bool MayRotate(const ImageParts& image) noexcept {
  return std::ranges::none_of(image.relocations, [](const Relocation& r) {
    return (r.code >> 14U) == static_cast<unsigned>(RelocationBase::kImage);
  });
}

// Adds the stretch [from, to) of the image; false when record ends do not ascend within it.
bool AddRun(const ImageParts& image, std::size_t from, std::size_t to, Runs& runs) noexcept {
  if (from >= to || to > image.wire.size()) [[unlikely]] {
    return false;
  }
  runs.run[runs.count++] = {from, to, 0};
  return true;
}

bool ChooseAll(const ImageParts& image, Random& random, Runs& runs) noexcept {
  const unsigned units = Units(image);
  const std::size_t end = image.wire.size();
  const unsigned first = units > 1 && MayRotate(image) ? random.Below(units) : 0;
  if (first == 0) {
    return AddRun(image, 0, end, runs);
  }
  const std::size_t split = UnitStart(image, first);
  return AddRun(image, split, end, runs) && AddRun(image, 0, split, runs);
}

// Units drawn without replacement, ascending: each draw is among those left, counted past the ones
// that were drawn, so no array of all units is needed.
class DrawnUnits {
 public:
  unsigned Draw(unsigned units, Random& random) noexcept {
    unsigned unit = random.Below(units - count_);
    unsigned slot = 0;
    for (; slot < count_ && drawn_[slot] <= unit; ++slot) {
      ++unit;
    }
    std::copy_backward(drawn_.begin() + slot, drawn_.begin() + count_, drawn_.begin() + count_ + 1);
    drawn_[slot] = unit;
    ++count_;
    return unit;
  }
  [[nodiscard]] std::span<const unsigned> Ascending() const noexcept {
    return {drawn_.data(), count_};
  }

 private:
  std::array<unsigned, kMaxSubset> drawn_;  // left as it is behind `count_`
  unsigned count_ = 0;
};

bool ChooseSome(const ImageParts& image, unsigned take, Random& random, Runs& runs) noexcept {
  const unsigned units = Units(image);
  DrawnUnits drawn;
  for (unsigned i = 0; i < take; ++i) {
    const unsigned unit = drawn.Draw(units, random);
    if (!AddRun(image, UnitStart(image, unit), UnitEnd(image, unit), runs)) [[unlikely]] {
      return false;
    }
  }
  return true;
}

// Adds the units of [begin, end) but those that are left out.
bool AddBut(const ImageParts& image,
            unsigned begin,
            unsigned end,
            std::span<const unsigned> left_out,
            Runs& runs) noexcept {
  for (const unsigned unit : left_out) {
    if (unit < begin || unit >= end) {
      continue;
    }
    if (unit > begin && !AddRun(image, UnitStart(image, begin), UnitStart(image, unit), runs))
        [[unlikely]] {
      return false;
    }
    begin = unit + 1;
  }
  return begin >= end || AddRun(image, UnitStart(image, begin), UnitEnd(image, end - 1), runs);
}

// All units but `spare` of them, from a random one of those left on: fewer draws than those that
// stay would take, and longer stretches to copy.
bool ChooseAllBut(const ImageParts& image, unsigned spare, Random& random, Runs& runs) noexcept {
  const unsigned units = Units(image);
  DrawnUnits left_out;
  for (unsigned i = 0; i < spare; ++i) {
    left_out.Draw(units, random);
  }
  unsigned first = random.Below(units - spare);
  for (const unsigned unit : left_out.Ascending()) {
    first += unit <= first ? 1 : 0;
  }
  return AddBut(image, first, units, left_out.Ascending(), runs) &&
         AddBut(image, 0, first, left_out.Ascending(), runs);
}

// `take` of the units without replacement, each as likely to be the first.
bool ChooseSubset(const ImageParts& image, unsigned take, Random& random, Runs& runs) noexcept {
  const unsigned spare = Units(image) - take;
  static_assert((kMaxSubset / 2) + 2 <= kMaxSubset);  // stretches between so many that are left out
  return spare <= take / 2 ? ChooseAllBut(image, spare, random, runs)
                           : ChooseSome(image, take, random, runs);
}

std::size_t OctetsOf(const Runs& runs) noexcept {
  std::size_t octets = 0;
  for (unsigned i = 0; i < runs.count; ++i) {
    octets += runs.run[i].to - runs.run[i].from;
  }
  return octets;
}

void Copy(const ImageParts& image, Reply& reply, Runs& runs) noexcept {
  std::size_t at = reply.at;
  for (unsigned i = 0; i < runs.count; ++i) {
    Runs::Run& run = runs.run[i];
    run.at = at;
    const std::size_t octets = run.to - run.from;
    CopyOctets(reply.message + at, image.wire.data() + run.from, octets);
    at += octets;
  }
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
  runs.count = 0;
  if (image.image == nullptr || image.image->kind != ImageKind::kRrset || choice.take > kMaxSubset)
      [[unlikely]] {
    return Put::kUnreadable;
  }
  const bool some = choice.take != 0 && choice.take < Units(image);
  const bool chosen =
      some ? ChooseSubset(image, choice.take, random, runs) : ChooseAll(image, random, runs);
  if (!chosen) [[unlikely]] {
    return Put::kUnreadable;
  }
  const std::size_t octets = OctetsOf(runs);
  if (octets > reply.limit - reply.at) [[unlikely]] {
    return Put::kNoRoom;
  }
  Copy(image, reply, runs);
  const int records = CountRecords(image, runs, reply, owner.at);
  if (records < 0 || !RelocateAll(image, owner, runs, reply)) [[unlikely]] {
    return Put::kUnreadable;
  }
  section = static_cast<std::uint16_t>(section + records);
  reply.at += octets;
  return Put::kDone;
}

Put PutNegative(const ImageParts& image, const Place& owner, Reply& reply) noexcept {
  Runs runs;
  if (image.image == nullptr || image.image->kind != ImageKind::kNegative ||
      !AddRun(image, 0, image.wire.size(), runs)) [[unlikely]] {
    return Put::kUnreadable;
  }
  const std::size_t octets = image.wire.size();
  if (octets > reply.limit - reply.at) [[unlikely]] {
    return Put::kNoRoom;
  }
  Copy(image, reply, runs);
  if (!RelocateAll(image, owner, runs, reply) ||
      CountOwned(reply, reply.at, reply.at + octets) != 1) [[unlikely]] {
    return Put::kUnreadable;
  }
  ++reply.authorities;
  reply.at += octets;
  return Put::kDone;
}

Put PutReferral(const ImageParts& image, const Place& owner, Reply& reply, Runs& runs) noexcept {
  runs.count = 0;
  if (image.image == nullptr || image.image->kind != ImageKind::kReferral) [[unlikely]] {
    return Put::kUnreadable;
  }
  const unsigned authority = image.image->authority;
  const unsigned required = std::max<unsigned>(authority, image.image->required);
  unsigned records = Units(image);
  if (authority == 0 || required > records) [[unlikely]] {
    return Put::kUnreadable;
  }
  const std::size_t room = reply.limit - reply.at;
  while (records > required && UnitEnd(image, records - 1) > room) {
    --records;
  }
  const std::size_t octets = UnitEnd(image, records - 1);
  if (octets > room) {
    return Put::kNoRoom;
  }
  if (!AddRun(image, 0, octets, runs)) [[unlikely]] {
    return Put::kUnreadable;
  }
  Copy(image, reply, runs);
  if (!RelocateAll(image, owner, runs, reply) ||
      CountOwned(reply, reply.at, reply.at + octets) != static_cast<int>(records)) [[unlikely]] {
    return Put::kUnreadable;
  }
  reply.authorities = static_cast<std::uint16_t>(reply.authorities + authority);
  reply.additionals = static_cast<std::uint16_t>(reply.additionals + (records - authority));
  reply.at += octets;
  return Put::kDone;
}

std::size_t Close(const Query& query, std::uint16_t udp_octets, Reply& reply) noexcept {
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
  const Subnet& subnet = query.subnet;
  StoreBe16(opt + 9, static_cast<std::uint16_t>(subnet.ReplyOctets()));
  if (subnet.family == 0) [[likely]] {
    return reply.at + kOptOctets;
  }
  // RFC 7871 7.2.1: family, source length and address as they came, and how far the answer holds.
  std::byte* option = opt + kOptOctets;
  StoreBe16(option, wire::kOptionClientSubnet);
  StoreBe16(option + 2, static_cast<std::uint16_t>(kSubnetHead + subnet.AddressOctets()));
  StoreBe16(option + 4, subnet.family);
  option[6] = static_cast<std::byte>(subnet.source_length);
  option[7] = static_cast<std::byte>(reply.scope);
  CopyOctets(option + 8, subnet.address.data(), subnet.AddressOctets());
  return reply.at + kOptOctets + subnet.ReplyOctets();
}

}  // namespace holdfast::answer

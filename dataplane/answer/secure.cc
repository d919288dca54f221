// See secure.h.
#include "dataplane/answer/secure.h"

#include "dataplane/answer/decide.h"

namespace holdfast::answer {

using table::ImageParts;
using table::RrsetEntry;
using table::RrsetKind;
using wire::Type;

namespace {

constexpr std::uint16_t Number(Type type) noexcept {
  return static_cast<std::uint16_t>(type);
}

}  // namespace

Put Secure::Sigs(const ImageParts& image, const Place& owner, std::uint16_t& section) noexcept {
  if (image.image == nullptr || image.image->sigs_at == 0) {
    return Put::kDone;
  }
  Runs ignored;
  return PutRrset(table::OpenImage(snapshot_.view(), image.image->sigs_at),
                  {.at = image.image->sigs_at, .kind = ChoiceKind::kImage},
                  owner,
                  scratch_.random,
                  reply_,
                  section,
                  ignored);
}

Put Secure::Answer(const Answered& name, const ImageParts& image, std::uint32_t zone_at) noexcept {
  if (name.encloser_octets < name.key.octets) {
    const table::ZoneVersion* zone = snapshot_.Zone(zone_at);
    if (zone == nullptr) [[unlikely]] {
      return Put::kUnreadable;
    }
    Prover(snapshot_.view(), *zone, name.key, name.place, scratch_.proofs)
        .Expansion(name.encloser_octets);
  }
  return Sigs(image, name.place, reply_.answers);
}

Put Secure::Negative(const Answered& name,
                     const table::ZoneVersion& zone,
                     wire::Rcode rcode) noexcept {
  const std::size_t octets = zone.name_octets;
  if (octets > name.place.octets) [[unlikely]] {
    return Put::kUnreadable;
  }
  Prover prover(snapshot_.view(), zone, name.key, name.place, scratch_.proofs);
  if (rcode == wire::Rcode::kNxDomain || name.encloser_octets < name.key.octets) {
    prover.Absent(name.encloser_octets);
  } else {
    prover.NoData();
  }
  return Sigs(table::OpenImage(snapshot_.view(), zone.negative_at),
              {.at = name.place.at + name.place.octets - octets, .octets = octets},
              reply_.authorities);
}

Put Secure::Cut(const Answered& name,
                const table::NameRecord& cut,
                const Place& owner,
                const ImageParts& referral,
                std::size_t& gap) noexcept {
  const std::size_t begin = reply_.at;
  const std::size_t servers = AuthorityOctets(referral);
  const table::ZoneVersion* zone = snapshot_.Zone(cut.zone_at);
  if (servers == 0 || zone == nullptr) [[unlikely]] {
    return Put::kUnreadable;
  }
  if (servers > reply_.limit - begin) {
    return Put::kNoRoom;
  }
  reply_.at += servers;
  const RrsetEntry* entry = EntryFor(snapshot_, cut, Number(Type::kDs));
  const ImageParts ds = entry == nullptr || entry->kind != RrsetKind::kImage
                            ? ImageParts{}
                            : table::OpenImage(snapshot_.view(), entry->at);
  Put put = Put::kDone;
  if (ds.image == nullptr) {
    const table::NameKey key{.name = name.key.name + name.key.octets - owner.octets,
                             .octets = owner.octets};
    Prover(snapshot_.view(), *zone, key, owner, scratch_.proofs).NoData();
  } else if (ds.image->sigs_at != 0) {
    Runs ignored;
    put = PutRrset(ds,
                   {.at = entry->at, .kind = ChoiceKind::kImage},
                   owner,
                   scratch_.random,
                   reply_,
                   reply_.authorities,
                   ignored);
    put = put == Put::kDone ? Sigs(ds, owner, reply_.authorities) : put;
  }
  if (put == Put::kDone) {
    put = PutProofs(snapshot_.view(), scratch_.proofs, reply_);
    scratch_.proofs.Clear();
  }
  gap = reply_.at - begin - servers;
  reply_.at = begin;
  return put;
}

std::uint32_t Secure::ImageOf(const Answered& name,
                              const table::NameRecord& record,
                              std::uint16_t qtype) noexcept {
  if (qtype == Number(Type::kRrsig)) {
    for (const RrsetEntry& entry : snapshot_.Rrsets(record)) {
      const ImageParts image = entry.kind == RrsetKind::kImage
                                   ? table::OpenImage(snapshot_.view(), entry.at)
                                   : ImageParts{};
      if (image.image != nullptr && image.image->sigs_at != 0) {
        return image.image->sigs_at;
      }
    }
    return 0;
  }
  const table::ZoneVersion* zone = snapshot_.Zone(record.zone_at);
  return zone == nullptr ? 0
                         : Prover(snapshot_.view(), *zone, name.key, name.place, scratch_.proofs)
                               .OwnNsec(name.encloser_octets);
}

}  // namespace holdfast::answer

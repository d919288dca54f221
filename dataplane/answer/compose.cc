// See compose.h.
#include "dataplane/answer/compose.h"

#include <algorithm>

#include "dataplane/answer/copy.h"
#include "dataplane/answer/parse.h"
#include "dataplane/answer/prove.h"
#include "dataplane/base/bytes.h"

namespace holdfast::answer {
namespace {

using table::ImageParts;
using table::NameRecord;
using table::RrsetEntry;
using table::RrsetKind;
using table::Snapshot;
using wire::Rcode;
using wire::Type;

constexpr std::size_t kRecordHead = 12;  // pointer, type, class, TTL, RDLENGTH

constexpr std::uint16_t Number(Type type) noexcept {
  return static_cast<std::uint16_t>(type);
}

/// Composes one reply. `kGoOn` means that a CNAME was placed and `target_` says where it leads.
class Composer {
 public:
  Composer(const Snapshot& snapshot, Query& query, Scratch& scratch, Reply& reply) noexcept
      : snapshot_(snapshot), query_(query), scratch_(scratch), reply_(reply), key_(query.key) {
    place_.octets = query.key.octets;
  }

  void Run() noexcept {
    scratch_.proofs.Clear();
    Found found = Locate(snapshot_, key_, query_.record, query_.qtype);
    Step step = AnswerName(found, query_.entry, query_.choice);
    while (step == Step::kGoOn && FollowTarget()) {
      found = Locate(snapshot_, key_, snapshot_.Find(key_), query_.qtype);
      step = AnswerName(found, nullptr, {});
    }
    PlaceProofs();
  }

 private:
  enum class Step { kDone, kGoOn };

  Step AnswerName(const Found& found, const RrsetEntry* entry, const Choice& choice) noexcept {
    encloser_octets_ = found.encloser_octets;
    switch (found.where) {
      case Where::kName:
        return AnswerRecord(*found.record, entry, choice);
      case Where::kMissing:
        return Negative(found.record->zone_at, Rcode::kNxDomain);
      case Where::kBelowCut:
        return Refer(*found.record, found.encloser_octets);
      case Where::kBelowDname:
        return Redirect(*found.record, found.encloser_octets);
      case Where::kNotOurs:
        break;
    }
    // At the end of a chain the resolver asks whoever serves the target: NOERROR, no SOA (A07).
    if (links_ == 0) {
      reply_.rcode = Rcode::kRefused;
      reply_.extended = ExtendedError::kNotAuthoritative;
    }
    return Step::kDone;
  }

  /// @param entry, choice  what the stages before found out for the question itself; null and kNone
  ///                       when that is still to be done.
  Step AnswerRecord(const NameRecord& record, const RrsetEntry* entry, Choice choice) noexcept {
    if (entry == nullptr) {
      if ((record.flags & table::kNameCut) != 0 && query_.qtype != Number(Type::kDs)) {
        return Refer(record, key_.octets);
      }
      if (AsksTheName(query_.qtype)) [[unlikely]] {
        if (query_.qtype != Number(Type::kAny)) {
          return AnswerOfChain(record);
        }
        entry = SmallestEntry(record);
      } else {
        entry = EntryFor(snapshot_, record, query_.qtype);
      }
      if (entry == nullptr) {
        return AnswerAbsent(record);
      }
    }
    if (choice.kind == ChoiceKind::kNone) {
      choice = Choose(snapshot_, entry->kind, entry->at, query_.Client(), scratch_.random);
    }
    // A rule that has nothing for this client says so to its network alone.
    reply_.scope = std::max(reply_.scope, choice.scope);
    if (choice.kind == ChoiceKind::kNodata) {
      return Negative(record.zone_at, Rcode::kNoError);
    }
    if (choice.kind == ChoiceKind::kUnreadable) [[unlikely]] {
      return Unreadable();
    }
    const bool is_alias = entry->type == Number(Type::kCname) &&
                          query_.qtype != Number(Type::kCname) &&
                          query_.qtype != Number(Type::kAny);
    return PlaceAnswer(choice, record.zone_at, is_alias);
  }

  // RRSIG: those over one of the name's rrsets, not all of them (row Y06). NSEC: the name's own.
  [[gnu::cold, gnu::noinline]] Step AnswerOfChain(const NameRecord& record) noexcept {
    Choice choice{.at = 0, .kind = ChoiceKind::kImage};
    if (query_.qtype == Number(Type::kRrsig)) {
      for (const RrsetEntry& entry : snapshot_.Rrsets(record)) {
        const ImageParts image = entry.kind == RrsetKind::kImage
                                     ? table::OpenImage(snapshot_.view(), entry.at)
                                     : ImageParts{};
        if (choice.at == 0 && image.image != nullptr) {
          choice.at = image.image->sigs_at;
        }
      }
    } else if (const table::ZoneVersion* zone = snapshot_.Zone(record.zone_at); zone != nullptr) {
      choice.at =
          Prover(snapshot_.view(), *zone, key_, place_, scratch_.proofs).OwnNsec(encloser_octets_);
    }
    return choice.at == 0 ? AnswerAbsent(record) : PlaceAnswer(choice, record.zone_at, false);
  }

  Step PlaceAnswer(const Choice& choice, std::uint32_t zone_at, bool is_alias) noexcept {
    const ImageParts image = table::OpenImage(snapshot_.view(), choice.at);
    Runs runs;
    const std::size_t at = reply_.at;
    reply_.authoritative = true;
    Put put = PutRrset(image, choice, place_, scratch_.random, reply_, reply_.answers, runs);
    if (query_.dnssec_ok && put == Put::kDone) [[unlikely]] {
      put = SecureAnswer(image, zone_at);
    }
    if (put != Put::kDone) [[unlikely]] {
      return put == Put::kNoRoom ? Truncate() : Unreadable();
    }
    reply_.last_resort |= choice.last_resort;
    if (!is_alias) [[likely]] {
      if (image.additional.empty() || !PlaceProofs()) [[likely]] {
        return Step::kDone;
      }
      return PlaceAdditional(image, runs, false);
    }
    target_at_ = at + kRecordHead;
    target_octets_ = LoadBe16(reply_.message + at + kRecordHead - 2);
    return Step::kGoOn;
  }

  // Addresses beside the answer, as many as fit: they never cost a TC (RFC 2181 9, row A18), unless
  // they are required.
  Step PlaceAdditional(const ImageParts& image, const Runs& runs, bool required) noexcept {
    for (const table::AdditionalRef& ref : image.additional) {
      const Place owner{.at = runs.PlaceOf(ref.name_at), .octets = 0};
      if (owner.at == 0 || owner.at >= kPointerLimit) {
        continue;  // its record was not drawn, or nothing can point so far
      }
      const Choice choice = Choose(snapshot_, ref.kind, ref.at, query_.Client(), scratch_.random);
      reply_.scope = std::max(reply_.scope, choice.scope);
      if (choice.kind == ChoiceKind::kNodata) {
        continue;
      }
      Runs ignored;
      const Put put = choice.kind != ChoiceKind::kImage
                          ? Put::kUnreadable
                          : PutRrset(table::OpenImage(snapshot_.view(), choice.at),
                                     choice,
                                     owner,
                                     scratch_.random,
                                     reply_,
                                     reply_.additionals,
                                     ignored);
      if (put == Put::kUnreadable) [[unlikely]] {
        return Unreadable();
      }
      if (required && put == Put::kNoRoom) [[unlikely]] {
        return Truncate();
      }
      if (query_.dnssec_ok && put == Put::kDone) [[unlikely]] {
        // Signatures that do not fit are left out without a TC (RFC 4035 3.1.1).
        PlaceSigs(table::OpenImage(snapshot_.view(), choice.at), owner, reply_.additionals);
      }
    }
    return Step::kDone;
  }

  // ---- For queries with DO; out of line, so that the others do not pay for them.

  // The RRSIGs over an rrset that was placed under this owner (RFC 4035 3.1.1).
  [[gnu::noinline]] Put PlaceSigs(const ImageParts& image,
                                  const Place& owner,
                                  std::uint16_t& section) noexcept {
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

  // Signatures now; that a wildcard had to answer is proven when the answer section is complete.
  [[gnu::noinline]] Put SecureAnswer(const ImageParts& image, std::uint32_t zone_at) noexcept {
    if (encloser_octets_ < key_.octets) {
      const table::ZoneVersion* zone = snapshot_.Zone(zone_at);
      if (zone == nullptr) [[unlikely]] {
        return Put::kUnreadable;
      }
      Prover(snapshot_.view(), *zone, key_, place_, scratch_.proofs).Expansion(encloser_octets_);
    }
    return PlaceSigs(image, place_, reply_.answers);
  }

  // The signatures of the SOA, and why there is no other answer.
  [[gnu::noinline]] Put SecureNegative(const table::ZoneVersion& zone, Rcode rcode) noexcept {
    const std::size_t octets = zone.name_octets;
    if (octets > place_.octets) [[unlikely]] {
      return Put::kUnreadable;
    }
    Prover prover(snapshot_.view(), zone, key_, place_, scratch_.proofs);
    if (rcode == Rcode::kNxDomain || encloser_octets_ < key_.octets) {
      prover.Absent(encloser_octets_);
    } else {
      prover.NoData();
    }
    return PlaceSigs(table::OpenImage(snapshot_.view(), zone.negative_at),
                     {.at = place_.at + place_.octets - octets, .octets = octets},
                     reply_.authorities);
  }

  // What goes between the NS of a cut and their glue: its DS, or that it has none (RFC 4035 3.1.4).
  [[gnu::noinline]] Put SecureCut(const NameRecord& cut,
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
      const table::NameKey name{.name = key_.name + key_.octets - owner.octets,
                                .octets = owner.octets};
      Prover(snapshot_.view(), *zone, name, owner, scratch_.proofs).NoData();
    } else if (ds.image->sigs_at != 0) {
      Runs ignored;
      put = PutRrset(ds,
                     {.at = entry->at, .kind = ChoiceKind::kImage},
                     owner,
                     scratch_.random,
                     reply_,
                     reply_.authorities,
                     ignored);
      put = put == Put::kDone ? PlaceSigs(ds, owner, reply_.authorities) : put;
    }
    if (put == Put::kDone) {
      put = PutProofs(snapshot_.view(), scratch_.proofs, reply_);
      scratch_.proofs.Clear();
    }
    gap = reply_.at - begin - servers;
    reply_.at = begin;
    return put;
  }

  // Into authority, once the answer section is complete. False when they do not fit.
  bool PlaceProofs() noexcept { return scratch_.proofs.All().empty() || PlaceSomeProofs(); }
  [[gnu::noinline]] bool PlaceSomeProofs() noexcept {
    const Put put = PutProofs(snapshot_.view(), scratch_.proofs, reply_);
    scratch_.proofs.Clear();
    if (put != Put::kDone) [[unlikely]] {
      put == Put::kNoRoom ? Truncate() : Unreadable();
      return false;
    }
    return true;
  }

  // The name is there, the type is not.
  Step AnswerAbsent(const NameRecord& record) noexcept {
    const bool ds_of_child = (record.flags & table::kNameApex) != 0 &&
                             query_.qtype == Number(Type::kDs) && key_.octets > 1;
    if (!ds_of_child) [[likely]] {
      return Negative(record.zone_at, Rcode::kNoError);
    }
    // DS belongs to the parent's side (RFC 4035 3.1.4.1), when that is served here too. It has no
    // cut at this name (Locate would have found it), so it has no DS either.
    const Found parent = LocateAbove(snapshot_, key_);
    if (parent.where == Where::kNotOurs) {
      return Negative(record.zone_at, Rcode::kNoError);
    }
    encloser_octets_ = parent.encloser_octets;
    return parent.where == Where::kBelowCut ? Refer(*parent.record, parent.encloser_octets)
                                            : Negative(parent.record->zone_at, Rcode::kNoError);
  }

  Step Negative(std::uint32_t zone_at, Rcode rcode) noexcept {
    const table::ZoneVersion* zone = snapshot_.Zone(zone_at);
    if (zone == nullptr) [[unlikely]] {
      return Unreadable();
    }
    if ((zone->flags & table::kZoneNotLoaded) != 0) [[unlikely]] {
      return NotLoaded();
    }
    reply_.rcode = rcode;
    reply_.authoritative = true;
    Put put = PutNegative(table::OpenImage(snapshot_.view(), zone->negative_at), place_, reply_);
    if (query_.dnssec_ok && put == Put::kDone) [[unlikely]] {
      put = SecureNegative(*zone, rcode);
    }
    if (put != Put::kDone) [[unlikely]] {
      return put == Put::kNoRoom ? Truncate() : Unreadable();
    }
    return Step::kDone;
  }

  /// @param cut_octets  of the delegation's name, which the name being answered ends with.
  Step Refer(const NameRecord& cut, std::size_t cut_octets) noexcept {
    const auto entries = snapshot_.Rrsets(cut);
    const auto entry = std::ranges::find(entries, RrsetKind::kReferral, &RrsetEntry::kind);
    if (entry == entries.end()) [[unlikely]] {
      return Unreadable();
    }
    const ImageParts image = table::OpenImage(snapshot_.view(), entry->at);
    const Place owner{.at = place_.at + place_.octets - cut_octets, .octets = cut_octets};
    Runs runs;
    Put put = Put::kDone;
    std::size_t gap = 0;
    if (query_.dnssec_ok) [[unlikely]] {
      put = SecureCut(cut, owner, image, gap);
    }
    if (put == Put::kDone) [[likely]] {
      put = PutReferral(image, owner, gap, reply_, runs);
    }
    if (put != Put::kDone) [[unlikely]] {
      return put == Put::kNoRoom ? Truncate() : Unreadable();
    }
    reply_.referral = true;
    // Addresses that are drawn are among what must be there.
    return image.additional.empty() ? Step::kDone : PlaceAdditional(image, runs, true);
  }

  // RFC 6672 3.1: the DNAME, and a CNAME made from it; then on to the CNAME's target.
  Step Redirect(const NameRecord& record, std::size_t owner_octets) noexcept {
    const RrsetEntry* entry = EntryFor(snapshot_, record, Number(Type::kDname));
    const ImageParts image = entry == nullptr || entry->kind != RrsetKind::kImage
                                 ? ImageParts{}
                                 : table::OpenImage(snapshot_.view(), entry->at);
    const std::size_t prefix = place_.octets - owner_octets;
    if (image.wire.size() <= kRecordHead || entry->type != Number(Type::kDname)) [[unlikely]] {
      return Unreadable();
    }
    const Place owner{.at = place_.at + prefix, .octets = owner_octets};
    reply_.authoritative = true;
    if (const Put put = PlaceDname(image, entry->at, owner); put != Put::kDone) [[unlikely]] {
      return put == Put::kNoRoom ? Truncate() : Unreadable();
    }
    const auto target = image.wire.subspan(kRecordHead);
    if (prefix + target.size() > wire::kMaxNameOctets) {
      reply_.rcode = Rcode::kYxDomain;
      return Step::kDone;
    }
    if (kRecordHead + prefix + target.size() > reply_.limit - reply_.at) {
      return Truncate();
    }
    PlaceSynthesized(prefix, image);
    const bool asked = query_.qtype == Number(Type::kCname) || query_.qtype == Number(Type::kAny);
    return asked ? Step::kDone : Step::kGoOn;
  }

  // A DNAME that the chain meets again is not repeated: an rrset stands in a section once.
  Put PlaceDname(const ImageParts& image, std::uint32_t at, const Place& owner) noexcept {
    auto* const seen = scratch_.dnames.begin() + dnames_;
    if (std::find(scratch_.dnames.begin(), seen, at) != seen) {
      return Put::kDone;
    }
    scratch_.dnames[dnames_++] = at;
    Runs runs;
    const Put put = PutRrset(image,
                             {.at = at, .kind = ChoiceKind::kImage},
                             owner,
                             scratch_.random,
                             reply_,
                             reply_.answers,
                             runs);
    return put == Put::kDone && query_.dnssec_ok ? PlaceSigs(image, owner, reply_.answers) : put;
  }

  void PlaceSynthesized(std::size_t prefix, const ImageParts& dname) noexcept {
    const auto target = dname.wire.subspan(kRecordHead);
    std::byte* record = reply_.message + reply_.at;
    StoreBe16(record, static_cast<std::uint16_t>(0xC000U | place_.at));
    StoreBe16(record + 2, Number(Type::kCname));
    StoreBe16(record + 4, static_cast<std::uint16_t>(wire::Class::kIn));
    StoreBe32(record + 6, LoadBe32(dname.wire.data() + 6));  // the DNAME's TTL
    StoreBe16(record + 10, static_cast<std::uint16_t>(prefix + target.size()));
    CopyOctets(record + kRecordHead, reply_.message + place_.at, prefix);
    CopyOctets(record + kRecordHead + prefix, target.data(), target.size());
    target_at_ = reply_.at + kRecordHead;
    target_octets_ = prefix + target.size();
    reply_.at += kRecordHead + target_octets_;
    ++reply_.answers;
  }

  // Makes the CNAME's target the name being answered. False when the chain ends here: at a name it
  // has passed before, at its longest, or because the octets are no name.
  bool FollowTarget() noexcept {
    scratch_.visited[links_++] = key_.hash;
    const std::byte* target = reply_.message + target_at_;
    if (!IsName(target, target_octets_)) [[unlikely]] {
      Unreadable();
      return false;
    }
    if (links_ >= table::kMaxChain || target_at_ + target_octets_ > kPointerLimit) {
      return false;  // also where no pointer could lead to the target, behind many signatures
    }
    auto& folded = scratch_.target[links_ & 1U];
    FoldInto(target, target_octets_, folded.data());
    key_ = {.name = folded.data(), .octets = target_octets_};
    key_.hash = HashName(key_.name, key_.octets, snapshot_.key());
    place_ = {.at = target_at_, .octets = target_octets_};
    // Two names of one chain with the same keyed hash: 1 in 2^57, and the chain only ends early.
    auto* const end = scratch_.visited.begin() + links_;
    return std::find(scratch_.visited.begin(), end, key_.hash) == end;
  }

  static bool IsName(const std::byte* name, std::size_t octets) noexcept {
    if (octets > wire::kMaxNameOctets) {
      return false;
    }
    for (std::size_t at = 0; at < octets;) {
      const auto label = std::to_integer<std::size_t>(name[at]);
      if (label == 0) {
        return at + 1 == octets;
      }
      if (label > wire::kMaxLabelOctets) {
        return false;
      }
      at += label + 1;
    }
    return false;
  }

  // FoldName reads in whole vectors, and behind the target the reply's buffer may end.
  static void FoldInto(const std::byte* name, std::size_t octets, std::byte* folded) noexcept {
    alignas(16) std::array<std::byte, kFoldedOctets> padded;
    CopyOctets(padded.data(), name, octets);
    FoldName(padded.data(), octets, folded);
  }

  // The rrset that ANY gets (RFC 8482 4.1): the CNAME if there is one, else the smallest static
  // one, else what the first pool chooses.
  const RrsetEntry* SmallestEntry(const NameRecord& record) noexcept {
    const RrsetEntry* best = nullptr;
    std::size_t best_octets = 0;
    for (const RrsetEntry& entry : snapshot_.Rrsets(record)) {
      if (entry.type == Number(Type::kCname)) {
        return &entry;
      }
      const ImageParts image = entry.kind == RrsetKind::kImage
                                   ? table::OpenImage(snapshot_.view(), entry.at)
                                   : ImageParts{};
      const std::size_t octets = image.image == nullptr ? SIZE_MAX : image.wire.size();
      if (best == nullptr || octets < best_octets) {
        best = &entry;
        best_octets = octets;
      }
    }
    return best;
  }

  void ClearSections() noexcept {
    reply_.at = reply_.begin;
    reply_.answers = reply_.authorities = reply_.additionals = 0;
    reply_.referral = false;
    reply_.last_resort = false;
    scratch_.proofs.Clear();
  }

  // Required data did not fit: no part of it is sent (RFC 2181 9), the client asks again over TCP.
  Step Truncate() noexcept {
    ClearSections();
    reply_.truncated = true;
    return Step::kDone;
  }

  // What was collected before is no whole answer: it goes.
  Step Unreadable() noexcept {
    ClearSections();
    reply_.unreadable = true;
    reply_.authoritative = false;
    reply_.rcode = Rcode::kServFail;
    reply_.extended = ExtendedError::kInvalidData;
    return Step::kDone;
  }

  // RFC 1034 4.3.5: a zone without data. At the end of a chain, what was collected is right.
  Step NotLoaded() noexcept {
    if (links_ == 0) {
      reply_.rcode = Rcode::kServFail;
      reply_.extended = ExtendedError::kNotReady;
    }
    return Step::kDone;
  }

  const Snapshot& snapshot_;
  Query& query_;
  Scratch& scratch_;
  Reply& reply_;
  table::NameKey key_;  // of the name being answered
  Place place_;         // of the name being answered
  std::size_t target_at_ = 0, target_octets_ = 0;
  std::size_t encloser_octets_ = 0;  // of what the name being answered ends with; all: it is there
  unsigned links_ = 0;               // CNAMEs followed
  unsigned dnames_ = 0;              // DNAMEs placed
};

}  // namespace

void Compose(const Snapshot& snapshot, Query& query, Scratch& scratch, Reply& reply) noexcept {
  Composer(snapshot, query, scratch, reply).Run();
}

}  // namespace holdfast::answer

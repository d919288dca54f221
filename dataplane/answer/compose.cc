// See compose.h.
#include "dataplane/answer/compose.h"

#include <algorithm>

#include "dataplane/answer/copy.h"
#include "dataplane/answer/parse.h"
#include "dataplane/answer/secure.h"
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

using table::kRecordHead;

constexpr std::uint16_t Number(Type type) noexcept {
  return static_cast<std::uint16_t>(type);
}

// Whether the target of a CNAME is one whole name: its octets lie in the image, which may be
// damaged.
bool IsName(const std::byte* name, std::size_t octets) noexcept {
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

/// Composes one reply. `kGoOn` means that a CNAME was placed and `target_` says where it leads.
class Composer {
 public:
  Composer(const Snapshot& snapshot, Query& query, Scratch& scratch, Reply& reply) noexcept
      : snapshot_(snapshot),
        query_(query),
        scratch_(scratch),
        reply_(reply),
        secure_(snapshot, scratch, reply),
        name_{.key = query.key, .place = {.octets = query.key.octets}} {}

  void Run() noexcept {
    scratch_.proofs.Clear();
    Found found = Locate(snapshot_, name_.key, query_.record, query_.qtype);
    Step step = AnswerName(found, query_.entry, query_.choice);
    while (step == Step::kGoOn && FollowTarget()) {
      found = Locate(snapshot_, name_.key, snapshot_.Find(name_.key), query_.qtype);
      step = AnswerName(found, nullptr, {});
    }
    PlaceProofs();
  }

 private:
  enum class Step { kDone, kGoOn };

  Step AnswerName(const Found& found, const RrsetEntry* entry, const Choice& choice) noexcept {
    name_.encloser_octets = found.encloser_octets;
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
        return Refer(record, name_.key.octets);
      }
      if (AsksTheName(query_.qtype)) [[unlikely]] {
        if (query_.qtype != Number(Type::kAny)) {
          const std::uint32_t at = secure_.ImageOf(name_, record, query_.qtype);
          return at == 0
                     ? AnswerAbsent(record)
                     : PlaceAnswer({.at = at, .kind = ChoiceKind::kImage}, record.zone_at, false);
        }
        entry = SmallestEntry(snapshot_, record);
      } else {
        entry = EntryFor(snapshot_, record, query_.qtype);
      }
      if (entry == nullptr) {
        return AnswerAbsent(record);
      }
    }
    if (entry->kind == RrsetKind::kAddress) {
      return PlaceImage(address_.Open(record, *entry), {}, record.zone_at, false);
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

  Step PlaceAnswer(const Choice& choice, std::uint32_t zone_at, bool is_alias) noexcept {
    return PlaceImage(table::OpenImage(snapshot_.view(), choice.at), choice, zone_at, is_alias);
  }

  Step PlaceImage(const ImageParts& image,
                  const Choice& choice,
                  std::uint32_t zone_at,
                  bool is_alias) noexcept {
    Runs runs;
    const std::size_t at = reply_.at;
    reply_.authoritative = true;
    Put put = PutRrset(image, choice, name_.place, scratch_.random, reply_, reply_.answers, runs);
    if (query_.dnssec_ok && put == Put::kDone) [[unlikely]] {
      put = secure_.Answer(name_, image, zone_at);
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
        secure_.Sigs(table::OpenImage(snapshot_.view(), choice.at), owner, reply_.additionals);
      }
    }
    return Step::kDone;
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
                             query_.qtype == Number(Type::kDs) && name_.key.octets > 1;
    if (!ds_of_child) [[likely]] {
      return Negative(record.zone_at, Rcode::kNoError);
    }
    // DS belongs to the parent's side (RFC 4035 3.1.4.1), when that is served here too. It has no
    // cut at this name (Locate would have found it), so it has no DS either.
    const Found parent = LocateAbove(snapshot_, name_.key);
    if (parent.where == Where::kNotOurs) {
      return Negative(record.zone_at, Rcode::kNoError);
    }
    name_.encloser_octets = parent.encloser_octets;
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
    Put put =
        PutNegative(table::OpenImage(snapshot_.view(), zone->negative_at), name_.place, reply_);
    if (query_.dnssec_ok && put == Put::kDone) [[unlikely]] {
      put = secure_.Negative(name_, *zone, rcode);
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
    const Place owner{.at = name_.place.at + name_.place.octets - cut_octets, .octets = cut_octets};
    Runs runs;
    Put put = Put::kDone;
    std::size_t gap = 0;
    if (query_.dnssec_ok) [[unlikely]] {
      put = secure_.Cut(name_, cut, owner, image, gap);
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
    const std::size_t prefix = name_.place.octets - owner_octets;
    if (image.wire.size() <= kRecordHead || entry->type != Number(Type::kDname)) [[unlikely]] {
      return Unreadable();
    }
    const Place owner{.at = name_.place.at + prefix, .octets = owner_octets};
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
    return put == Put::kDone && query_.dnssec_ok ? secure_.Sigs(image, owner, reply_.answers) : put;
  }

  void PlaceSynthesized(std::size_t prefix, const ImageParts& dname) noexcept {
    const auto target = dname.wire.subspan(kRecordHead);
    std::byte* record = reply_.message + reply_.at;
    StoreBe16(record, static_cast<std::uint16_t>(0xC000U | name_.place.at));
    StoreBe16(record + 2, Number(Type::kCname));
    StoreBe16(record + 4, static_cast<std::uint16_t>(wire::Class::kIn));
    StoreBe32(record + 6, LoadBe32(dname.wire.data() + 6));  // the DNAME's TTL
    StoreBe16(record + 10, static_cast<std::uint16_t>(prefix + target.size()));
    CopyOctets(record + kRecordHead, reply_.message + name_.place.at, prefix);
    CopyOctets(record + kRecordHead + prefix, target.data(), target.size());
    target_at_ = reply_.at + kRecordHead;
    target_octets_ = prefix + target.size();
    reply_.at += kRecordHead + target_octets_;
    ++reply_.answers;
  }

  // Makes the CNAME's target the name being answered. False when the chain ends here: at a name it
  // has passed before, at its longest, or because the octets are no name.
  bool FollowTarget() noexcept {
    scratch_.visited[links_++] = name_.key.hash;
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
    name_.key = {.name = folded.data(), .octets = target_octets_};
    name_.key.hash = HashName(name_.key.name, name_.key.octets, snapshot_.key());
    name_.place = {.at = target_at_, .octets = target_octets_};
    // Two names of one chain with the same keyed hash: 1 in 2^57, and the chain only ends early.
    auto* const end = scratch_.visited.begin() + links_;
    return std::find(scratch_.visited.begin(), end, name_.key.hash) == end;
  }

  // FoldName reads in whole vectors, and behind the target the reply's buffer may end.
  static void FoldInto(const std::byte* name, std::size_t octets, std::byte* folded) noexcept {
    alignas(16) std::array<std::byte, kFoldedOctets> padded;
    CopyOctets(padded.data(), name, octets);
    FoldName(padded.data(), octets, folded);
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
  Secure secure_;  // for queries with DO
  Answered name_;  // the one being answered
  table::AddressImage address_;
  std::size_t target_at_ = 0, target_octets_ = 0;
  unsigned links_ = 0;   // CNAMEs followed
  unsigned dnames_ = 0;  // DNAMEs placed
};

}  // namespace

void Compose(const Snapshot& snapshot, Query& query, Scratch& scratch, Reply& reply) noexcept {
  Composer(snapshot, query, scratch, reply).Run();
}

}  // namespace holdfast::answer

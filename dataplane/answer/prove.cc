// See prove.h.
#include "dataplane/answer/prove.h"

#include <algorithm>

#include "dataplane/answer/copy.h"
#include "dataplane/answer/nsec3_hash.h"
#include "dataplane/base/bytes.h"

namespace holdfast::answer {
namespace {

using table::ImageKind;
using table::ImageParts;

constexpr std::size_t kRecordHead = 12;  // pointer, type, class, TTL, RDLENGTH
constexpr std::size_t kPointerOctets = 2;
constexpr std::uint16_t kPointerBits = 0xC000;

std::uint16_t Pointer(std::size_t at) noexcept {
  return static_cast<std::uint16_t>(kPointerBits | at);
}

// The labels of an owner below the zone's name.
class OwnerLabels {
 public:
  explicit OwnerLabels(const Proof& proof) noexcept : labels_(proof.owner) {
    if (proof.hashed) {
      WriteHashLabel(proof.owner.data(), hashed_.data());
      labels_ = hashed_;
    }
  }
  [[nodiscard]] std::span<const std::byte> labels() const noexcept { return labels_; }

 private:
  std::array<std::byte, kHashLabelOctets> hashed_;
  std::span<const std::byte> labels_;
};

// Writes records whose owners stand in no image. `at` grows by what was placed.
class OwnedRecords {
 public:
  OwnedRecords(const Proof& proof, const Reply& reply, std::size_t at) noexcept
      : proof_(proof), owner_(proof), reply_(reply), owner_at_(proof.owner_at), at_(at) {}

  Put Place(const ImageParts& image) noexcept {
    if (image.image == nullptr || image.image->kind != ImageKind::kRrset) [[unlikely]] {
      return Put::kUnreadable;
    }
    for (std::size_t from = 0; from < image.wire.size();) {
      const std::byte* record = image.wire.data() + from;
      const std::size_t left = image.wire.size() - from;
      const std::size_t octets =
          left < kRecordHead ? 0 : kRecordHead + LoadBe16(record + kRecordHead - 2);
      if (octets == 0 || octets > left) [[unlikely]] {
        return Put::kUnreadable;
      }
      if (!PlaceOne({record + kPointerOctets, octets - kPointerOctets})) {
        return Put::kNoRoom;
      }
      from += octets;
    }
    return Put::kDone;
  }
  [[nodiscard]] std::size_t at() const noexcept { return at_; }
  [[nodiscard]] unsigned records() const noexcept { return records_; }

 private:
  bool PlaceOne(std::span<const std::byte> behind_owner) noexcept {
    const bool known = owner_at_ != 0 && owner_at_ < kPointerLimit;
    const std::size_t labels = known ? 0 : owner_.labels().size();
    if (labels + kPointerOctets + behind_owner.size() > reply_.limit - at_) {
      return false;
    }
    std::byte* to = reply_.message + at_;
    if (!known) {
      CopyOctets(to, owner_.labels().data(), labels);
      owner_at_ = at_;
    }
    StoreBe16(to + labels, Pointer(known ? owner_at_ : proof_.origin_at));
    CopyOctets(to + labels + kPointerOctets, behind_owner.data(), behind_owner.size());
    at_ += labels + kPointerOctets + behind_owner.size();
    ++records_;
    return true;
  }

  const Proof& proof_;
  const OwnerLabels owner_;
  const Reply& reply_;
  std::size_t owner_at_;
  std::size_t at_;
  unsigned records_ = 0;
};

}  // namespace

// `*` put before the name of an encloser.
struct Prover::Wildcard {
  explicit Wildcard(Name encloser) noexcept
      : octets(std::min(encloser.size(), wire::kMaxNameOctets - 2) + 2) {
    name[0] = std::byte{1};
    name[1] = std::byte{'*'};
    std::copy_n(encloser.data(), octets - 2, name.data() + 2);
  }
  [[nodiscard]] Name get() const noexcept { return {name.data(), octets}; }

  std::array<std::byte, wire::kMaxNameOctets> name;
  std::size_t octets;
};

Prover::Prover(const table::View& view,
               const table::ZoneVersion& zone,
               const table::NameKey& key,
               const Place& place,
               Proofs& proofs) noexcept
    : key_(key), place_(place), proofs_(proofs), origin_octets_(zone.name_octets) {
  if (origin_octets_ <= key.octets && zone.ordered_at != 0) {
    parts_ = table::OpenOrdered(view, zone.ordered_at);
  }
}

Prover::Name Prover::Suffix(std::size_t octets) const noexcept {
  return {key_.name + key_.octets - octets, octets};
}

Prover::Name Prover::BelowOrigin(Name name) const noexcept {
  return name.first(name.size() - std::min(origin_octets_, name.size()));
}

// In a table that has entries.
table::OrderedPlace Prover::Find(Name name) const noexcept {
  if (!parts_.hashed()) {
    return table::FindName(parts_, BelowOrigin(name));
  }
  return table::FindHash(parts_, Nsec3Hash(name, parts_.tail, parts_.iterations).data());
}

void Prover::Add(std::size_t entry) noexcept {
  Proof proof{.image_at = parts_.ImageAt(entry),
              .owner = {},
              .hashed = parts_.hashed(),
              .owner_at = 0,
              .origin_at = static_cast<std::uint16_t>(place_.at + key_.octets - origin_octets_)};
  if (proof.hashed) {
    proof.owner = std::as_bytes(std::span(parts_.hashes[entry].hash));
  } else {
    proof.owner = parts_.NameOf(entry);
    const Name labels = BelowOrigin({key_.name, key_.octets});
    const std::size_t octets = proof.owner.size();
    // A name ends with its own, and with those above it.
    if (octets <= labels.size() && std::ranges::equal(labels.last(octets), proof.owner)) {
      proof.owner_at = static_cast<std::uint16_t>(proof.origin_at - octets);
    }
  }
  proofs_.Add(proof);
}

// RFC 5155 7.2.1: the NSEC3 of the closest encloser that has one, from `octets` of the name
// upwards, and the one that covers the name right below it. Names that have none lead to insecure
// delegations alone (opt-out), so each step up is a name of the zone. Returns the encloser's
// octets.
std::size_t Prover::AddEncloser(std::size_t octets) noexcept {
  while (octets > origin_octets_) {
    if (const auto found = Find(Suffix(octets)); found.exact) {
      Add(found.entry);
      break;
    }
    octets -=
        std::min(std::to_integer<std::size_t>(Suffix(octets)[0]) + 1, octets - origin_octets_);
  }
  if (octets == origin_octets_) {
    Add(Find(Suffix(octets)).entry);
  }
  if (octets < key_.octets) {
    Add(Find(NextCloser(octets)).entry);
  }
  return octets;
}

// The name that is one label longer than the encloser.
Prover::Name Prover::NextCloser(std::size_t encloser_octets) const noexcept {
  std::size_t octets = key_.octets;
  for (std::size_t next = octets; next > encloser_octets;) {
    octets = next;
    next -= std::min(std::to_integer<std::size_t>(Suffix(octets)[0]) + 1, next);
  }
  return Suffix(octets);
}

void Prover::NoData() noexcept {
  if (parts_.table == nullptr) {
    return;
  }
  const Name name = Suffix(key_.octets);
  const auto found = Find(name);
  if (found.exact || !parts_.hashed()) {
    Add(found.entry);  // of an empty non-terminal the NSEC before it, which names what lies below
  } else {
    AddEncloser(key_.octets);
  }
}

void Prover::Absent(std::size_t encloser_octets) noexcept {
  if (parts_.table == nullptr || encloser_octets > key_.octets) {
    return;
  }
  if (parts_.hashed()) {
    encloser_octets = AddEncloser(encloser_octets);
  } else {
    Add(Find(Suffix(key_.octets)).entry);
  }
  Add(Find(Wildcard(Suffix(encloser_octets)).get()).entry);
}

void Prover::Expansion(std::size_t encloser_octets) noexcept {
  if (parts_.table == nullptr || encloser_octets >= key_.octets) {
    return;
  }
  Add(Find(parts_.hashed() ? NextCloser(encloser_octets) : Suffix(key_.octets)).entry);
}

std::uint32_t Prover::OwnNsec(std::size_t encloser_octets) noexcept {
  if (parts_.table == nullptr || parts_.hashed() || encloser_octets > key_.octets) {
    return 0;
  }
  const auto found = encloser_octets < key_.octets ? Find(Wildcard(Suffix(encloser_octets)).get())
                                                   : Find(Suffix(key_.octets));
  return found.exact ? parts_.ImageAt(found.entry) : 0;
}

Put PutProofs(const table::View& view, const Proofs& proofs, Reply& reply) noexcept {
  std::size_t at = reply.at;
  unsigned count = 0;
  for (const Proof& proof : proofs.All()) {
    OwnedRecords records(proof, reply, at);
    const ImageParts image = table::OpenImage(view, proof.image_at);
    Put put = records.Place(image);
    if (put == Put::kDone && image.image->sigs_at != 0) {
      put = records.Place(table::OpenImage(view, image.image->sigs_at));
    }
    if (put != Put::kDone) [[unlikely]] {
      return put;
    }
    at = records.at();
    count += records.records();
  }
  reply.at = at;
  reply.authorities = static_cast<std::uint16_t>(reply.authorities + count);
  return Put::kDone;
}

}  // namespace holdfast::answer

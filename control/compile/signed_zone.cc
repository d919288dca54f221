#include "control/compile/signed_zone.h"

#include <algorithm>
#include <span>
#include <unordered_map>

#include "control/compile/render.h"
#include "control/model/folded.h"
#include "control/model/record_groups.h"
#include "control/model/signed_rules.h"
#include "dataplane/wire/canonical.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using wire::Type;

constexpr auto kRrsig = static_cast<std::uint16_t>(Type::kRrsig);
constexpr auto kNsec = static_cast<std::uint16_t>(Type::kNsec);
constexpr auto kNsec3 = static_cast<std::uint16_t>(Type::kNsec3);
constexpr std::size_t kHashOctets = 20;
constexpr std::size_t kHashDigits = 32;

// The hash that the first label of an NSEC3's owner stands for (RFC 4648 7); empty when it is none.
std::string HashOf(std::string_view owner) {
  if (owner.empty() || owner[0] != static_cast<char>(kHashDigits) || owner.size() <= kHashDigits) {
    return {};
  }
  std::string hash;
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kHashDigits; ++i) {
    const char c = FoldOctet(owner[i + 1]);
    const bool letter = c >= 'a' && c <= 'v';
    if (!letter && (c < '0' || c > '9')) {
      return {};
    }
    bits = bits << 5U | static_cast<unsigned>(letter ? c - 'a' + 10 : c - '0');
    if (i % 8 == 7) {
      for (int shift = 32; shift >= 0; shift -= 8) {
        hash += static_cast<char>(bits >> static_cast<unsigned>(shift) & 0xFFU);
      }
      bits = 0;
    }
  }
  return hash;
}

// All RRSIGs of a name; null when it has none.
const Rrset* SigsAt(const Zone& zone, const ZoneIndex& index, std::uint32_t name) {
  const std::uint32_t at = index.FindEntry(name, kRrsig);
  return at == kNoIndex || index.entries()[at].routed ? nullptr
                                                      : &zone.rrsets[index.entries()[at].first];
}

// Of those, the RRSIGs over `type`.
Result<ImageSpecPtr> Covering(const Rrset& sigs,
                              std::uint16_t type,
                              std::uint32_t ttl,
                              const Zone& zone) {
  std::vector<std::string> rdata;
  std::ranges::copy_if(sigs.rdata, std::back_inserter(rdata), [type](const std::string& one) {
    return CoveredType(one) == type;
  });
  if (rdata.empty()) {
    return nullptr;
  }
  auto image = RenderRrset(kRrsig, ttl, rdata, zone.origin);
  if (!image) {
    return Fail(ErrorCode::kInvalid,
                sigs.source.Text() + ": '" + NameTypeText(sigs.owner, kRrsig) +
                    "': " + image.error().message);
  }
  return std::make_shared<const ImageSpec>(*std::move(image));
}

std::span<const std::byte> Octets(const std::string& text) {
  return std::as_bytes(std::span(text));
}

class OrderMaker {
 public:
  OrderMaker(const Zone& zone,
             const ZoneIndex& index,
             std::uint32_t negative_ttl,
             std::vector<std::string>& warnings)
      : zone_(zone), index_(index), negative_ttl_(negative_ttl), warnings_(warnings) {}

  Result<std::optional<CompiledOrder>> Make() {
    if (!ChooseHashes()) {
      order_.kind = table::ProofKind::kNsec;
    }
    for (const Rrset& rrset : zone_.rrsets) {
      HF_TRY(rrset.type == kNsec3 ? TakeHash(rrset) : TakeName(rrset));
    }
    if (order_.proofs.empty()) {
      return std::optional<CompiledOrder>();
    }
    std::ranges::sort(order_.proofs, [this](const CompiledProof& a, const CompiledProof& b) {
      return IsHashed() ? a.owner < b.owner
                        : wire::CompareCanonical(wire::LabelStarts(Octets(a.owner)),
                                                 wire::LabelStarts(Octets(b.owner))) < 0;
    });
    WarnOfGaps();
    return std::optional(std::move(order_));
  }

 private:
  [[nodiscard]] bool IsHashed() const { return order_.kind == table::ProofKind::kNsec3; }

  // Takes the parameters of the zone's NSEC3, if it is to be served with these.
  bool ChooseHashes() {
    const std::uint32_t at = index_.FindEntry(0, static_cast<std::uint16_t>(Type::kNsec3param));
    if (at == kNoIndex || index_.entries()[at].routed) {
      return false;
    }
    for (const std::string& rdata : zone_.rrsets[index_.entries()[at].first].rdata) {
      const auto params = ReadNsec3Params(rdata);
      if (params && params->flags == 0 &&
          std::ranges::any_of(zone_.rrsets, [&](const Rrset& rrset) {
            return rrset.type == kNsec3 && IsOf(rrset, *params);
          })) {
        params_ = *params;
        order_.kind = table::ProofKind::kNsec3;
        order_.iterations = params->iterations;
        order_.salt = params->salt;
        NoteSigs();
        return true;
      }
    }
    return false;
  }

  static bool IsOf(const Rrset& rrset, const Nsec3Params& params) {
    const auto own = ReadNsec3Params(rrset.rdata[0]);
    return own && own->SameHash(params);
  }

  void NoteSigs() {
    for (const Rrset& rrset : zone_.rrsets) {
      if (rrset.type == kRrsig) {
        sigs_.emplace(rrset.owner, &rrset);
      }
    }
  }

  Status TakeHash(const Rrset& rrset) {
    if (!IsHashed() || !IsOf(rrset, params_)) {
      return {};
    }
    std::string hash = HashOf(rrset.owner);
    if (hash.size() != kHashOctets || wire::Parent(wire::Fold(rrset.owner)) != zone_.origin) {
      warnings_.push_back(rrset.source.Text() + ": '" + wire::ToText(rrset.owner) +
                          "' NSEC3: its owner is no hash right below the zone; it is left out");
      return {};
    }
    const auto sigs = sigs_.find(std::string_view(rrset.owner));
    auto covering = sigs == sigs_.end() ? Result<ImageSpecPtr>(nullptr)
                                        : Covering(*sigs->second, kNsec3, TtlOf(rrset), zone_);
    return Add(rrset, std::move(hash), std::move(covering));
  }

  Status TakeName(const Rrset& rrset) {
    if (rrset.type != kNsec || IsHashed()) {
      return {};
    }
    std::string owner = wire::Fold(rrset.owner);
    const std::uint32_t name = index_.Find(owner);
    if (name == kNoIndex || index_.names()[name].hidden) {
      return {};
    }
    owner.resize(owner.size() - zone_.origin.size());
    return Add(rrset, std::move(owner), SigsOf(zone_, index_, name, kNsec, TtlOf(rrset)));
  }

  [[nodiscard]] std::uint32_t TtlOf(const Rrset& rrset) const {
    return std::min(rrset.ttl, negative_ttl_);
  }

  Status Add(const Rrset& rrset, std::string owner, Result<ImageSpecPtr> sigs) {
    if (!sigs) {
      return std::unexpected(sigs.error());
    }
    const std::span<const std::string> first(rrset.rdata.data(), 1);
    auto image = RenderRrset(rrset.type, TtlOf(rrset), first, zone_.origin);
    if (!image) {
      return Fail(ErrorCode::kInvalid, rrset.source.Text() + ": " + image.error().message);
    }
    image->sigs = *std::move(sigs);
    order_.proofs.push_back(
        {.owner = std::move(owner), .image = std::make_shared<const ImageSpec>(*std::move(image))});
    sources_.emplace(order_.proofs.back().image.get(), &rrset);
    return {};
  }

  // Each leads to the next, the last to the first.
  void WarnOfGaps() {
    std::size_t gaps = 0;
    const Rrset* first = nullptr;
    for (std::size_t i = 0; i < order_.proofs.size(); ++i) {
      const auto& next = order_.proofs[(i + 1) % order_.proofs.size()];
      const Rrset* rrset = sources_.at(order_.proofs[i].image.get());
      if (NextOf(*rrset) != next.owner) {
        first = first == nullptr ? rrset : first;
        ++gaps;
      }
    }
    if (gaps != 0) {
      warnings_.push_back(first->source.Text() + ": '" + NameTypeText(first->owner, first->type) +
                          "': it does not lead to the next of zone " + wire::ToText(zone_.origin) +
                          ", one of " + std::to_string(gaps) +
                          " gaps; what lies in them is not proven");
    }
  }

  // What the owner of the next one is, in the form of CompiledProof.
  [[nodiscard]] std::string NextOf(const Rrset& rrset) const {
    const std::string_view rdata = rrset.rdata[0];
    if (rrset.type == kNsec3) {
      const std::size_t at = 5 + params_.salt.size() + 1;
      return std::string(rdata.substr(std::min(at, rdata.size()), kHashOctets));
    }
    std::string name = wire::Fold(NameInRdata(rdata, 0));
    if (!wire::IsWellFormed(name) || name.empty() || !wire::IsAtOrBelow(name, zone_.origin)) {
      return std::string(1, '\0');  // no owner's form
    }
    name.resize(name.size() - zone_.origin.size());
    return name;
  }

  const Zone& zone_;
  const ZoneIndex& index_;
  const std::uint32_t negative_ttl_;
  std::vector<std::string>& warnings_;
  Nsec3Params params_;  // kNsec3
  std::unordered_map<std::string_view, const Rrset*, FoldedHash, FoldedEqual> sigs_;
  std::unordered_map<const ImageSpec*, const Rrset*> sources_;
  CompiledOrder order_;
};

// Signatures over types that their owner has not, or has for another zone to answer.
void WarnOfStray(const Zone& zone, const ZoneIndex& index, std::vector<std::string>& warnings) {
  std::size_t stray = 0;
  std::string first;
  for (std::uint32_t name = 0; name < index.names().size(); ++name) {
    const Rrset* sigs = SigsAt(zone, index, name);
    if (sigs == nullptr) {
      continue;
    }
    for (const std::string& rdata : sigs->rdata) {
      const std::uint16_t type = CoveredType(rdata);
      if (type != kNsec3 && index.FindEntry(name, type) == kNoIndex) {
        if (stray++ == 0) {
          first = sigs->source.Text() + ": '" + NameTypeText(sigs->owner, type) + "'";
        }
      }
    }
  }
  if (stray != 0) {
    warnings.push_back(first + ": a signature over records that are not there, one of " +
                       std::to_string(stray) + " in zone " + wire::ToText(zone.origin) +
                       "; it is left out");
  }
}

}  // namespace

Result<ImageSpecPtr> SigsOf(const Zone& zone,
                            const ZoneIndex& index,
                            std::uint32_t name,
                            std::uint16_t type,
                            std::uint32_t ttl) {
  const Rrset* sigs = SigsAt(zone, index, name);
  return sigs == nullptr ? Result<ImageSpecPtr>(nullptr) : Covering(*sigs, type, ttl, zone);
}

std::uint32_t SignedTtl(const Zone& zone,
                        const ZoneIndex& index,
                        std::uint32_t name,
                        std::uint16_t type,
                        std::uint32_t ttl) {
  if (const Rrset* sigs = SigsAt(zone, index, name)) {
    for (const std::string& rdata : sigs->rdata) {
      ttl = CoveredType(rdata) == type ? std::min(ttl, OriginalTtl(rdata)) : ttl;
    }
  }
  return ttl;
}

Result<std::optional<CompiledOrder>> OrderOf(const Zone& zone,
                                             const ZoneIndex& index,
                                             std::uint32_t negative_ttl,
                                             std::vector<std::string>& warnings) {
  WarnOfStray(zone, index, warnings);
  return OrderMaker(zone, index, negative_ttl, warnings).Make();
}

}  // namespace holdfast::control

#include "control/compile/zone.h"

#include <algorithm>
#include <utility>

#include "control/compile/groups.h"
#include "control/compile/render.h"
#include "control/compile/signed_zone.h"
#include "control/compile/zone_index.h"
#include "control/model/record_groups.h"
#include "control/model/signed_rules.h"
#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using wire::Type;

constexpr auto kNs = static_cast<std::uint16_t>(Type::kNs);
constexpr auto kDs = static_cast<std::uint16_t>(Type::kDs);
constexpr auto kNsec = static_cast<std::uint16_t>(Type::kNsec);
constexpr auto kRrsig = static_cast<std::uint16_t>(Type::kRrsig);
constexpr auto kSoa = static_cast<std::uint16_t>(Type::kSoa);
constexpr std::size_t kSoaNumbers = 20;  // serial, refresh, retry, expire, minimum

// The SOA at the apex: (TTL, rdata), the rdata null when there is none.
std::pair<std::uint32_t, const std::string*> FindSoa(const Zone& zone, const ZoneIndex& index) {
  const std::uint32_t at = index.FindEntry(0, kSoa);
  if (at == kNoIndex) {
    return {0, nullptr};
  }
  const auto& entry = index.entries()[at];
  const auto* set = entry.routed ? &zone.record_sets[index.Group(entry)[0]] : nullptr;
  const auto& rdata = set != nullptr ? set->rdata : zone.rrsets[entry.first].rdata;
  if (rdata.size() != 1 || rdata[0].size() < kSoaNumbers + 2) {
    return {0, nullptr};
  }
  return {set != nullptr ? set->ttl : zone.rrsets[entry.first].ttl, rdata.data()};
}

// RRSIGs go with what they cover, NSEC with the zone's other proofs.
bool IsServed(const ZoneName& name, const ZoneEntry& entry) {
  if (entry.type == kRrsig || entry.type == kNsec) {
    return false;
  }
  if ((name.flags & table::kNameCut) != 0) {
    return entry.type == kNs || entry.type == kDs;
  }
  return true;
}

// Flags speak of what is served: a CNAME group that leads nowhere leaves a name without one.
std::uint8_t ServedFlags(std::uint8_t flags, std::span<const CompiledRrset> rrsets) {
  if (std::ranges::find(rrsets, static_cast<std::uint16_t>(Type::kCname), &CompiledRrset::type) ==
      rrsets.end()) {
    flags &= static_cast<std::uint8_t>(~table::kNameCname);
  }
  return flags;
}

CompiledRrset Place(const ZoneName& name, std::uint16_t type, AnswerRef answer) {
  auto kind = table::RrsetKind::kPool;
  if (std::holds_alternative<ImageSpecPtr>(answer)) {
    const bool referral = (name.flags & table::kNameCut) != 0 && type == kNs;
    kind = referral ? table::RrsetKind::kReferral : table::RrsetKind::kImage;
  }
  return {.type = type, .kind = kind, .answer = std::move(answer), .address = {}};
}

CompiledRrset Alone(const table::InlineAddress& address) {
  return {.type = static_cast<std::uint16_t>(Type::kA),
          .kind = table::RrsetKind::kAddress,
          .answer = {},
          .address = address};
}

// The address that is all that a name has, found without an image of it: most names have no more.
std::optional<CompiledRrset> AloneAt(const Groups& groups,
                                     const ZoneIndex& index,
                                     std::uint32_t at) {
  const auto entries = index.EntriesOf(at);
  if (entries.size() != 1 || !IsServed(index.names()[at], entries[0])) {
    return std::nullopt;
  }
  const auto address = groups.Address(index.names()[at].first_entry);
  return address ? std::optional(Alone(*address)) : std::nullopt;
}

// The same of what was found in another way, by an alias say.
void TakeAlone(CompiledRrset& rrset) {
  if (rrset.kind != table::RrsetKind::kImage) {
    return;
  }
  if (const auto address = LoneAddressOf(*std::get<ImageSpecPtr>(rrset.answer))) {
    rrset = Alone(*address);
  }
}

bool LacksSigs(const AnswerRef& answer) {
  const auto* image = std::get_if<ImageSpecPtr>(&answer);
  return image != nullptr && (*image)->kind == table::ImageKind::kRrset &&
         (*image)->sigs == nullptr;
}

// What a signed zone has beside its names.
Status AddProofs(const Zone& zone,
                 const ZoneIndex& index,
                 ImageSpec& negative,
                 CompiledZone& out,
                 std::vector<std::string>& warnings) {
  auto sigs = SigsOf(zone, index, 0, kSoa, negative.ttl);
  auto order = sigs ? OrderOf(zone, index, negative.ttl, warnings)
                    : Result<std::optional<CompiledOrder>>(std::unexpected(sigs.error()));
  if (!order) {
    return std::unexpected(order.error());
  }
  negative.sigs = *std::move(sigs);
  out.order = *std::move(order);
  return {};
}

}  // namespace

Result<CompiledZone> CompileZone(const Zone& zone,
                                 const ZoneContext& context,
                                 Pools& pools,
                                 std::vector<std::string>& warnings) {
  auto index = ZoneIndex::Create(zone, context.child_origins);
  if (!index) {
    return std::unexpected(index.error());
  }
  CompiledZone out;
  out.origin = zone.origin;
  out.max_labels = static_cast<std::uint8_t>(wire::Labels(zone.origin));
  const auto [soa_ttl, soa] = FindSoa(zone, *index);
  if (soa == nullptr) {
    out.flags = table::kZoneNotLoaded;
    out.names.push_back({.name = zone.origin, .flags = table::kNameApex, .rrsets = {}});
    return out;
  }
  auto negative = RenderNegative(soa_ttl, *soa, zone.origin);
  if (!negative) {
    return std::unexpected(negative.error());
  }
  const bool is_signed = IsSigned(zone);
  if (is_signed) {
    HF_TRY(AddProofs(zone, *index, *negative, out, warnings));
  }
  out.negative = std::make_shared<const ImageSpec>(*std::move(negative));
  out.serial = LoadBe32(soa->data() + soa->size() - kSoaNumbers);
  out.loaded_ms = context.loaded_ms;

  const Reach nowhere;
  Groups groups(zone, *index, pools, context.reach != nullptr ? *context.reach : nowhere, warnings);
  out.names.reserve(index->names().size());
  std::string unsigned_first;
  std::size_t unsigned_count = 0;
  std::vector<std::uint32_t> kept;  // names are handed over once no entry looks for them any more
  kept.reserve(index->names().size());
  for (std::uint32_t at = 0; at < index->names().size(); ++at) {
    const auto& name = index->names()[at];
    if (name.hidden) {
      continue;
    }
    kept.push_back(at);
    auto& to = out.names.emplace_back();
    const auto labels = static_cast<std::uint8_t>(wire::Labels(name.name));
    out.max_labels = std::max(out.max_labels, labels);
    const auto entries = index->EntriesOf(at);
    if (auto alone = AloneAt(groups, *index, at)) {
      to.rrsets.push_back(*std::move(alone));
      to.flags = name.flags;
      continue;
    }
    to.rrsets.reserve(entries.size());
    for (const auto& entry : entries) {
      if (!IsServed(name, entry)) {
        continue;
      }
      if (entry.type == kNs && at != 0 && (name.flags & table::kNameCut) == 0) {
        warnings.push_back("zone " + wire::ToText(zone.origin) + ": NS at the wildcard " +
                           wire::ToText(name.name) + " delegates nothing; it is left out");
        continue;
      }
      const auto place = static_cast<std::uint32_t>(&entry - index->entries().data());
      if (auto answer = groups.Answer(place)) {
        if (is_signed && LacksSigs(*answer) && unsigned_count++ == 0) {
          unsigned_first = NameTypeText(name.name, entry.type);
        }
        to.rrsets.push_back(Place(name, entry.type, *std::move(answer)));
      }
    }
    if (to.rrsets.size() == 1) {
      TakeAlone(to.rrsets[0]);
    }
    to.flags = ServedFlags(name.flags, to.rrsets);
  }
  HF_TRY(groups.status());
  if (unsigned_count != 0) {
    warnings.push_back("zone " + wire::ToText(zone.origin) + " is signed, but not '" +
                       unsigned_first + "', one of " + std::to_string(unsigned_count) +
                       " rrsets without a signature; resolvers that validate take them for forged");
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    out.names[i].name = index->TakeName(kept[i]);
  }
  return out;
}

}  // namespace holdfast::control

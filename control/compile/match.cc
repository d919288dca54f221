// See match.h.
#include "control/compile/match.h"

namespace holdfast::control {

NameMatch FindOwner(const ZoneIndex& index, std::string_view qname, std::uint16_t qtype) {
  return MatchName(qname, qtype, [&](std::string_view name) -> std::optional<std::uint8_t> {
    const std::uint32_t at = index.Find(name);
    return at == kNoIndex || index.names()[at].hidden ? std::nullopt
                                                      : std::optional(index.names()[at].flags);
  });
}

std::string Redirected(const Zone& zone,
                       const ZoneIndex& index,
                       std::string_view owner,
                       std::string_view qname) {
  const std::uint32_t at =
      index.FindEntry(index.Find(owner), static_cast<std::uint16_t>(wire::Type::kDname));
  if (at == kNoIndex) {
    return {};
  }
  const ZoneEntry& entry = index.entries()[at];
  const auto& rdata =
      entry.routed ? zone.record_sets[index.Group(entry)[0]].rdata : zone.rrsets[entry.first].rdata;
  std::string name(qname.substr(0, qname.size() - owner.size()));
  name += rdata.empty() ? std::string() : wire::Fold(rdata[0]);
  return rdata.empty() || name.size() > wire::kMaxNameOctets ? std::string() : name;
}

}  // namespace holdfast::control

// See match.h.
#include "control/compile/match.h"

#include <algorithm>

#include "control/compile/render.h"

namespace holdfast::control {

namespace {

// Of an entry that is not routed by a policy: there is one record set then.
const std::vector<std::string>& RdataOf(const Zone& zone,
                                        const ZoneIndex& index,
                                        const ZoneEntry& entry) {
  return entry.routed ? zone.record_sets[index.Group(entry)[0]].rdata
                      : zone.rrsets[entry.first].rdata;
}

}  // namespace

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
  const auto& rdata = RdataOf(zone, index, index.entries()[at]);
  std::string name(qname.substr(0, qname.size() - owner.size()));
  name += rdata.empty() ? std::string() : wire::Fold(rdata[0]);
  return rdata.empty() || name.size() > wire::kMaxNameOctets ? std::string() : name;
}

std::vector<std::uint32_t> ServersBelow(const Zone& zone,
                                        const ZoneIndex& index,
                                        std::uint32_t entry) {
  const ZoneEntry& ns = index.entries()[entry];
  std::vector<std::uint32_t> servers;
  for (const std::string& rdata : RdataOf(zone, index, ns)) {
    const std::uint32_t name = index.Find(wire::Fold(NameInRdata(rdata, 0)));
    if (name != kNoIndex && std::ranges::find(servers, name) == servers.end() &&
        wire::IsAtOrBelow(index.names()[name].name, index.names()[ns.name].name)) {
      servers.push_back(name);
    }
  }
  return servers;
}

}  // namespace holdfast::control

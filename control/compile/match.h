// Where a name leads in a zone, as the answer function finds it (RFC 1034 4.3.2, RFC 4592), for
// reach, explain and plan; plan looks for names in a list of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/compile/zone_index.h"
#include "control/model/model.h"
#include "dataplane/table/format.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {

enum class ExplainedStatus {
  kAnswer,      // `answers` says which; one without values is NODATA
  kNodata,      // the name exists, the type does not
  kNxdomain,    // no such name and no wildcard
  kReferral,    // `owner` is delegated
  kRedirected,  // `owner` holds a DNAME
  kNotLoaded,   // the zone has no data: SERVFAIL
  kNotServed    // in none of the zones: REFUSED
};
/// "answer", "nodata", "nxdomain"...
const char* ExplainedStatusText(ExplainedStatus status) noexcept;

struct NameMatch {
  ExplainedStatus status = ExplainedStatus::kAnswer;
  std::string owner;  // folded: the name, a wildcard, what is above it
};

/// @param qname     folded, at or below the origin of a zone.
/// @param flags_of  flags (table::NameFlags) of a name that the zone shows, given its folded wire
/// form; nothing for others. The origin is shown.
template <class FlagsOf>
NameMatch MatchName(std::string_view qname, std::uint16_t qtype, FlagsOf flags_of) {
  std::string_view name = qname;
  std::optional<std::uint8_t> flags = flags_of(name);
  while (!flags) {
    name = wire::Parent(name);
    flags = flags_of(name);
  }
  const bool exact = name.size() == qname.size();
  const bool above = exact && qtype == static_cast<std::uint16_t>(wire::Type::kDs);
  if ((*flags & table::kNameCut) != 0 && !above) {
    return {.status = ExplainedStatus::kReferral, .owner = std::string(name)};
  }
  if (exact) {
    return {.owner = std::string(name)};
  }
  if ((*flags & table::kNameDname) != 0) {
    return {.status = ExplainedStatus::kRedirected, .owner = std::string(name)};
  }
  if ((*flags & table::kNameWildcard) != 0) {
    return {.owner = wire::WildcardOf(name)};
  }
  return {.status = ExplainedStatus::kNxdomain, .owner = std::string(name)};
}

/// The same, in the index of a zone.
NameMatch FindOwner(const ZoneIndex& index, std::string_view qname, std::uint16_t qtype);

/// What the DNAME at `owner` makes of a name below it; empty when that is too long.
std::string Redirected(const Zone& zone,
                       const ZoneIndex& index,
                       std::string_view owner,
                       std::string_view qname);

/// The servers that the NS record set `entry` names at or below its owner, whose addresses a
/// referral must hold: names of the index, each once.
std::vector<std::uint32_t> ServersBelow(const Zone& zone,
                                        const ZoneIndex& index,
                                        std::uint32_t entry);

}  // namespace holdfast::control

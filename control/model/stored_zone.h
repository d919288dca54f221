// Zones as the store keeps them, in a form of our own, so that a restart needs no parser: those
// that a command loaded, and those of the configuration for as long as their texts do not change.
// Control core and its workers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/model/findings.h"
#include "control/model/model.h"
#include "control/model/store.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// What a content was made from: it holds for as long as both are the same.
struct ContentBasis {
  std::string made_by;  // what beside the texts decided what became of them; only compared
  std::vector<Text> texts;

  bool operator==(const ContentBasis&) const = default;
};

/// A zone as octets, with a checksum over them: all but its origin, id and source, which whoever
/// keeps it knows. @param findings  its warnings are kept too.
std::string ZoneContent(const Zone& zone,
                        const Findings& findings = {},
                        std::string_view made_by = {});

/// The basis alone, without reading the zone. @return kInvalid when the octets are damaged or of a
/// layout that this release does not know.
Result<ContentBasis> BasisOf(std::string_view content);

/// The zone back from its octets. @param named  its origin, id and source. @param findings  its
/// warnings are added. @return as BasisOf.
Result<Zone> ReadContent(std::string_view content, Zone named, Findings& findings);

/// A zone that a command loaded. @param findings  its warnings are added. @return kInvalid, with
/// what to do.
Result<Zone> ZoneFromStore(const StoredZone& stored, Findings& findings);

}  // namespace holdfast::control

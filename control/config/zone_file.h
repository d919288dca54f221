// Zone files (RFC 1035 5) into rrsets, streamed entry by entry. What concerns one record or one
// rrset is judged here; what concerns a whole zone (SOA, NS, CNAME beside other data) in
// model/rules.h, since record sets may share the zone. Control core only.
#pragma once

#include <cstdio>
#include <string>

#include "control/model/findings.h"
#include "control/model/model.h"

namespace holdfast::control {

/// Depth of $INCLUDE below the zone file, and how many may be taken in all.
inline constexpr int kMaxIncludeDepth = 8;
inline constexpr int kMaxIncludes = 1000;

/// Reads a zone file into `zone.rrsets`: grouped by (owner, type), each in the order of its first
/// record. `$INCLUDE` is taken from the folder of `path` and below only, symlinks resolved.
/// @param zone  its `origin` is the first $ORIGIN and the bound of owners; folded.
/// Stops after Findings::kKept errors.
void ReadZoneFile(const std::string& path, Zone& zone, Findings& findings);

/// As ReadZoneFile, from an open stream, in which $INCLUDE is refused.
/// @param name  what messages call it.
void ReadZoneStream(std::FILE* stream, const std::string& name, Zone& zone, Findings& findings);

}  // namespace holdfast::control

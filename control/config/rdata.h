// Rdata text to wire form, shared by zone files and JSON record sets, and back, for people. libldns
// knows the types; this is the only file that includes it, and it stands guard where libldns 1.8 is
// too lenient: numbers that wrap (MX 70000 becomes 4464), open quotes, odd hex, SVCB parameters
// given twice, overlong text. Control core only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace holdfast::control {

/// @param type    any type that may be stored in a zone.
/// @param text    one line: no comments, parentheses or line ends left; `\DDD` is decimal.
/// @param origin  wire form; what relative names in `text` are below.
/// @return uncompressed wire rdata, at most 65,535 octets, letter case as written; kInvalid with
/// "rdata 'TEXT' is no TYPE: why; expected ..." (RFC 3597's `\# LENGTH HEX` is taken for each
/// type).
Result<std::string> RdataFromText(std::uint16_t type,
                                  std::string_view text,
                                  std::string_view origin);

/// Checks rdata that is in wire form already (from `\#`, or rendered by libldns): names complete
/// and uncompressed, lengths exact, SVCB and HTTPS parameters sorted and coherent (RFC 9460 2.2,
/// 8).
Status CheckRdata(std::uint16_t type, std::string_view rdata);

/// Presentation form, for people and for zone files: RdataFromText gives the same octets for it.
/// Where libldns has none, or the octets are not of the type, RFC 3597's `\# LENGTH HEX`.
/// @param rdata  uncompressed; any octets.
std::string RdataText(std::uint16_t type, std::string_view rdata);

/// Whether a zone may hold records of this type: not 0, not the meta types (OPT, ANY, AXFR...).
bool IsStorableType(std::uint16_t type) noexcept;

}  // namespace holdfast::control

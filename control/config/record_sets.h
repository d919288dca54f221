// Record sets as `aws route53 list-resource-record-sets` prints them. What concerns one record set
// is judged here (spec/routing.md section 1), what concerns groups and trees in model/rules.h.
// Control core only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/model/findings.h"
#include "control/model/model.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// Values of one record set, at most (Route 53's quota).
inline constexpr std::size_t kMaxValues = 400;

/// Whether record sets of this type may have a routing policy.
bool IsRoutableType(std::uint16_t type) noexcept;

/// The text of one value as Route 53 has it (octal escapes, names absolute with or without their
/// final dot) as uncompressed wire rdata. @return kInvalid with "value "TEXT" is ..." or as
/// RdataFromText.
Result<std::string> RdataFromValue(std::uint16_t type, std::string_view value);

/// Reads a JSON file into `zone.record_sets`. Errors read "FILE:LINE: record 'www.example.test. A'
/// (SetIdentifier 'b'): Weight is 256; expected 0..255".
/// @param zone  its origin bounds the names, its id is what aliases must name.
void ReadRecordSets(const std::string& path, Zone& zone, Findings& findings);

/// As ReadRecordSets, from text; `file` is for messages.
void ReadRecordSetsText(std::string_view text,
                        const std::string& file,
                        Zone& zone,
                        Findings& findings);

}  // namespace holdfast::control

// When two records of one rrset are the same record. Used where zone files and record sets are
// read; control core only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "control/model/folded.h"

namespace holdfast::control {

/// Whether an rrset with both would hold one record twice (RFC 2181 5): equal octets, or equal but
/// for the letter case of names in types that RFC 3597 4 calls well known. SVCB and other types
/// after it compare by octets (RFC 3597 6).
/// @param a, b  rdata in uncompressed wire form that CheckRdata has taken.
bool SameRdata(std::uint16_t type, std::string_view a, std::string_view b) noexcept;

/// For sets in which no record comes twice. The hash does not look where names are: rdata that
/// differ in letters' case elsewhere only meet in a bucket.
using RdataHash = FoldedHash;
struct RdataEqual {
  std::uint16_t type = 0;
  bool operator()(std::string_view a, std::string_view b) const noexcept {
    return SameRdata(type, a, b);
  }
};

}  // namespace holdfast::control

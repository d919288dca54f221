// The blocks of a CIDR collection as `aws route53 list-cidr-blocks` prints them. Control core only.
#pragma once

#include <string>
#include <string_view>

#include "control/location/location.h"
#include "control/model/findings.h"

namespace holdfast::control {

/// Route 53's quota of blocks in a collection; more is a warning.
inline constexpr std::size_t kUsualBlocks = 1000;
/// The most blocks read.
inline constexpr std::size_t kMaxBlocks = std::size_t{1} << 20;

/// Reads {"CidrBlocks": [{"CidrBlock": "198.51.0.0/16", "LocationName": "isp1"}]} into
/// `collection`. Blocks are IPv4 /1../24 or IPv6 /1../48 (what everybody gets is written as
/// location "*" in the record sets); they may nest. Errors: no block, a block that comes twice, in
/// one location or in two, bits behind the prefix, a location that is not 1..16 letters, digits,
/// '-' and '_'.
void ReadCidrBlocksText(std::string_view text,
                        const std::string& file,
                        CidrCollection& collection,
                        Findings& findings);

}  // namespace holdfast::control

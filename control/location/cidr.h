// The blocks of one CIDR collection as a partition. Pure; control core only.
#pragma once

#include <string>
#include <vector>

#include "control/location/location.h"

namespace holdfast::control {

struct CidrRow {
  Prefix prefix;
  std::string location;
};

/// Fills blocks and block of `collection`: each range knows the innermost block over it, each block
/// the one around it. @param rows  ascending by prefix, no prefix twice.
void SetBlocks(const std::vector<CidrRow>& rows, CidrCollection& collection);

}  // namespace holdfast::control

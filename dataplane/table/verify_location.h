// The rules of FORMAT.md for the inside of a location table. Cold; any thread.
#pragma once

#include "dataplane/table/location.h"

namespace holdfast::table {

/// Whether ranges ascend from address 0, records exist and their parents are shorter, and classes
/// are those that the table says. Its checksum is not looked at. @param parts  of a readable table.
bool IsInOrder(const LocationParts& parts);

}  // namespace holdfast::table

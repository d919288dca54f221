// The rules of an OrderedTable beyond its place and checksum. For verify_answers.cc alone.
#pragma once

#include "dataplane/table/ordered.h"

namespace holdfast::table {

/// Whether each owner lies in the table and behind the one before it, as searches rely on.
bool IsInOrder(const OrderedParts& parts);

}  // namespace holdfast::table

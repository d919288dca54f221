// The keys of a [[dataplane.port]] table, and addresses as all tables of a node's file write them.
// Control core.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/fields.h"
#include "control/config/node.h"

namespace holdfast::control {

/// Reads one port and adds it to `dataplane`. Errors go to the findings of `fields`.
/// @param listens  those of the file: a port answers for addresses out of them.
void ReadPortTable(Fields& fields,
                   const std::vector<ListenConfig>& listens,
                   DataplaneConfig& dataplane);

/// `value`, which stands behind `name`, as a literal address in its shortest form; nothing, and an
/// error in the findings, when it is none.
std::optional<std::string> ReadAddress(Fields& fields, std::string_view name, const Value& value);

}  // namespace holdfast::control

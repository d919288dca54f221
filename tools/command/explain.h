// What `holdfast explain` prints for people. Pure. Cold.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace holdfast::tools {

/// @param result  of control's op "explain". Members that are absent are left out or shown as "-".
/// @return the tree of record sets, indented, each with its health and what became of it; then the
/// permitted answers with their shares.
std::string ExplainText(const nlohmann::json& result);

}  // namespace holdfast::tools

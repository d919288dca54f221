// TOML files as Value trees. The only file that knows toml++ is toml.cc. Control core only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "control/config/value.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// Largest TOML file read; a node's file is a few kilobytes.
inline constexpr std::size_t kMaxTomlOctets = std::size_t{4} << 20;

/// Parses TOML 1.0 text. A syntax fault is kInvalid with "FILE:LINE:COL: what".
/// @param file  only for messages.
Result<Value> ParseToml(std::string_view text, const std::string& file);

}  // namespace holdfast::control

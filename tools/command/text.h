// Text for people: columns and times. Cold, pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::tools {

/// Rows of cells as aligned text: columns two spaces apart, the first row their heads.
/// @param indent  spaces before each line. No row may have more cells than the first.
std::string Columns(const std::vector<std::vector<std::string>>& rows, std::size_t indent = 2);

/// "340 ms", "12 s", "3 m 20 s", "5 h 2 m", "9 d 4 h"; negative counts as 0.
std::string Duration(std::int64_t milliseconds);

/// "12 B", "3.4 KiB", "256.0 MiB".
std::string Octets(std::uint64_t octets);

/// What a terminal must not get from elsewhere (control characters, escapes) as \xNN.
std::string Printable(const std::string& text);

}  // namespace holdfast::tools

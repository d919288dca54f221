// Text of outside hands in what people read: fit for a terminal, and counted as people count; and
// moments. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::control {

/// A copy of UTF-8 with every control character (C0, DEL, C1; line ends too) as \xNN for each of
/// its octets. Done twice it changes nothing more.
std::string Printable(std::string_view utf8);

/// Whether Printable would change it.
bool HasControls(std::string_view utf8) noexcept;

/// Characters of UTF-8, not octets; of other octets, those that begin one.
std::size_t Characters(std::string_view utf8) noexcept;

/// "2026-11-22T14:03:07.123Z". @param time_ms  milliseconds since 1970, not negative.
std::string TimeText(std::int64_t time_ms);

}  // namespace holdfast::control

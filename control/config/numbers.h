// Numbers as zone text writes them. Used by rdata and zone_file; control core only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::control {

/// Digits only, up to 2^64-1.
std::optional<std::uint64_t> Number(std::string_view word);

/// Seconds, written as "3600" or with units as "1h30m" (s m h d w, either case); up to 2^32-1, so
/// that what libldns would wrap is nothing here. A larger time gives 2^32.
std::optional<std::uint64_t> Seconds(std::string_view word);

}  // namespace holdfast::control

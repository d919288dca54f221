// Domain names in wire form, outside the packet path: uncompressed label sequences held in a
// std::string, ending with the root's zero octet. The packet path has its own code in answer/parse.
// Control, tools and tests; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace holdfast::wire {

/// Turns text into wire form. A missing final dot is implied. Accepts `\DDD` (decimal, RFC
/// 1035 5.1) and `\X`; Route 53's octal escapes are FromRoute53Text's affair.
/// @return the wire octets, letter case kept; kInvalid with the reason (empty label, label over 63,
/// name over 255 octets, bad escape).
Result<std::string> FromText(std::string_view text);

/// As FromText, but `\ooo` is three octal digits, as Route 53 prints names.
Result<std::string> FromRoute53Text(std::string_view text);

/// Presentation form with a final dot; octets outside 0x21..0x7e and special characters as `\DDD`
/// or `\X`. "." for the root. `wire_name` must be well formed (see IsWellFormed).
std::string ToText(std::string_view wire_name);

/// Lower-case copy: ASCII letters only (RFC 4343 3).
std::string Fold(std::string_view wire_name);
/// The same of a name that is there already.
void FoldInPlace(std::string& wire_name) noexcept;

/// Whether the octets are one complete uncompressed name of at most 255 octets.
bool IsWellFormed(std::string_view wire_name) noexcept;

/// Number of labels without the root: 0 for the root, 2 for "a.test.".
std::size_t Labels(std::string_view wire_name) noexcept;

/// The name without its left-most label; the root stays the root.
std::string_view Parent(std::string_view wire_name) noexcept;

/// Whether `name` is `ancestor` or below it. Both folded and well formed.
bool IsAtOrBelow(std::string_view name, std::string_view ancestor) noexcept;

/// `*` put before `wire_name`; empty when the result would exceed 255 octets.
std::string WildcardOf(std::string_view wire_name);

/// "A", "AAAA", "TYPE65280"...: presentation form of a type (RFC 3597 5), and its inverse.
std::string TypeText(std::uint16_t type);
Result<std::uint16_t> TypeFromText(std::string_view text);

}  // namespace holdfast::wire

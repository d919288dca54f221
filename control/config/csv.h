// CSV as RFC 4180 has it, with a header line, row by row; what stands in the rows is its caller's
// affair. Control core only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "control/model/findings.h"

namespace holdfast::control {

/// Largest CSV file read, and the most rows in one.
inline constexpr std::size_t kMaxCsvOctets = std::size_t{1} << 30;
inline constexpr std::uint32_t kMaxCsvRows = std::uint32_t{1} << 24;

struct CsvRow {
  std::uint32_t line = 0;                    // where it starts
  std::span<const std::string_view> fields;  // one for each column; valid during the call
};

/// Calls `on_row` for each row behind the header, in their order. Lines that start with '#' and
/// empty lines are no rows; lines end in LF or CRLF; a quoted field may hold quotes (doubled),
/// commas and line ends. Faults become errors, a line each: a header that is not `columns`, another
/// number of fields, stray or open quotes, octets that are no UTF-8, control characters, too many
/// rows or none at all (a table that was cut would take every answer away). Reading stops when
/// Findings are full.
/// @param file  only for messages.
void ReadCsv(std::string_view text,
             const std::string& file,
             std::span<const std::string_view> columns,
             const std::function<void(const CsvRow&)>& on_row,
             Findings& findings);

/// Reads a decimal number without an exponent: "12", "-0.5", "12.250".
/// @return nothing unless all of `text` is one within `low`..`high`.
std::optional<double> Decimal(std::string_view text, double low, double high) noexcept;

}  // namespace holdfast::control

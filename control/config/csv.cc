#include "control/config/csv.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace holdfast::control {
namespace {

// Octets of the UTF-8 sequence that `text` starts with; 0 when it is none (RFC 3629: no overlong
// forms, no surrogates, nothing above U+10FFFF).
std::size_t SequenceOctets(std::string_view text) noexcept {
  const auto octet = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = octet(0);
  const std::size_t octets = first < 0x80   ? 1
                             : first < 0xc2 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  for (std::size_t i = 1; i < octets; ++i) {
    if ((octet(i) & 0xc0U) != 0x80) {
      return 0;
    }
  }
  const bool overlong = (first == 0xe0 && octet(1) < 0xa0) || (first == 0xf0 && octet(1) < 0x90);
  const bool outside = (first == 0xed && octet(1) > 0x9f) || (first == 0xf4 && octet(1) > 0x8f);
  return overlong || outside ? 0 : octets;
}

std::string Hex(char octet) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(octet);
  return {'0', 'x', kDigits[value >> 4U], kDigits[value & 15U]};
}

// What is wrong with the octets of a field, if anything is.
std::optional<std::string> FaultOfOctets(std::string_view field) {
  for (std::size_t at = 0; at < field.size();) {
    const auto octet = static_cast<unsigned char>(field[at]);
    if (octet < 0x20 || octet == 0x7f) {
      return "holds the control character " + Hex(field[at]) + "; expected text";
    }
    const std::size_t octets = SequenceOctets(field.substr(at));
    if (octets == 0) {
      return "holds the octet " + Hex(field[at]) + ", which is no UTF-8; expected UTF-8";
    }
    at += octets;
  }
  return std::nullopt;
}

class CsvReader {
 public:
  CsvReader(std::string_view text,
            const std::string& file,
            std::span<const std::string_view> columns,
            Findings& findings)
      : rest_(text),
        file_(file),
        columns_(columns),
        findings_(findings),
        unquoted_(columns.size()) {
    if (rest_.starts_with("\xef\xbb\xbf")) {  // a byte order mark, as spreadsheets write it
      rest_.remove_prefix(3);
    }
  }
  void Read(const std::function<void(const CsvRow&)>& on_row);

 private:
  // Each takes a part of what is left off its front; false when the row has an error.
  bool Row();
  bool Field();
  bool QuotedField(std::string& into);

  bool SkipEmpty();
  bool LineEnds() { return rest_.empty() || rest_.starts_with('\n') || rest_.starts_with("\r\n"); }
  void SkipLine();
  bool IsHeader() const { return std::ranges::equal(fields_, columns_); }
  bool Refuse(const std::string& what) {
    findings_.AddError(Source{file_, row_line_}, what);
    return false;
  }
  std::string Header() const;

  std::string_view rest_;
  const std::string& file_;
  std::span<const std::string_view> columns_;
  Findings& findings_;
  std::uint32_t line_ = 1;      // that rest_ starts in
  std::uint32_t row_line_ = 1;  // that the row starts in
  std::vector<std::string_view> fields_;
  std::vector<std::string> unquoted_;  // by column; what a field's view leads to when it was quoted
};

std::string CsvReader::Header() const {
  std::string header;
  for (const std::string_view column : columns_) {
    header += (header.empty() ? "" : ",") + std::string(column);
  }
  return header;
}

void CsvReader::SkipLine() {
  const std::size_t end = rest_.find('\n');
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  ++line_;
}

// Skips lines that are no rows; false at the end of the text.
bool CsvReader::SkipEmpty() {
  while (!rest_.empty() && (rest_.front() == '#' || LineEnds())) {
    SkipLine();
  }
  row_line_ = line_;
  return !rest_.empty();
}

bool CsvReader::QuotedField(std::string& into) {
  into.clear();
  rest_.remove_prefix(1);
  for (;;) {
    const std::size_t quote = rest_.find('"');
    if (quote == std::string_view::npos) {
      rest_ = {};
      return Refuse("a quoted field is never closed; expected a '\"'");
    }
    into += rest_.substr(0, quote);
    line_ += static_cast<std::uint32_t>(std::ranges::count(rest_.substr(0, quote), '\n'));
    rest_.remove_prefix(quote + 1);
    if (!rest_.starts_with('"')) {
      break;
    }
    into += '"';
    rest_.remove_prefix(1);
  }
  if (!LineEnds() && !rest_.starts_with(',')) {
    return Refuse("text follows a closing quote; expected ',' or the end of the line");
  }
  return true;
}

bool CsvReader::Field() {
  if (fields_.size() == columns_.size()) {
    return Refuse("has more than " + std::to_string(columns_.size()) + " fields; expected " +
                  Header());
  }
  if (rest_.starts_with('"')) {
    std::string& into = unquoted_[fields_.size()];
    if (!QuotedField(into)) {
      return false;
    }
    fields_.emplace_back(into);
  } else {
    std::string_view field = rest_.substr(0, rest_.find_first_of(",\n"));
    rest_.remove_prefix(field.size());
    if (field.ends_with('\r') && !rest_.starts_with(',')) {
      field.remove_suffix(1);
    }
    if (field.contains('"')) {
      return Refuse("has a quote inside a field that does not start with one");
    }
    fields_.push_back(field);
  }
  const auto fault = FaultOfOctets(fields_.back());
  return !fault || Refuse(std::string(columns_[fields_.size() - 1]) + " " + *fault);
}

bool CsvReader::Row() {
  fields_.clear();
  for (;;) {
    if (!Field()) {
      SkipLine();
      return false;
    }
    if (!rest_.starts_with(',')) {
      break;
    }
    rest_.remove_prefix(1);
  }
  SkipLine();
  return fields_.size() == columns_.size() ||
         Refuse("has " + std::to_string(fields_.size()) + " fields; expected " + Header());
}

void CsvReader::Read(const std::function<void(const CsvRow&)>& on_row) {
  if (!SkipEmpty() || !Row() || !IsHeader()) {
    Refuse("the first line is no header; expected " + Header());
    return;
  }
  std::uint32_t rows = 0;
  while (SkipEmpty() && findings_.ErrorCount() < Findings::kKept) {
    if (++rows > kMaxCsvRows) {
      Refuse("is row " + std::to_string(rows) + "; expected at most " +
             std::to_string(kMaxCsvRows));
      return;
    }
    if (Row()) {
      on_row({row_line_, fields_});
    }
  }
  if (rows == 0 && rest_.empty()) {
    findings_.AddError(file_, "has no row; expected at least one " + std::string(columns_[0]));
  }
}

}  // namespace

void ReadCsv(std::string_view text,
             const std::string& file,
             std::span<const std::string_view> columns,
             const std::function<void(const CsvRow&)>& on_row,
             Findings& findings) {
  CsvReader(text, file, columns, findings).Read(on_row);
}

std::optional<double> Decimal(std::string_view text, double low, double high) noexcept {
  double number = 0;
  const auto parsed =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  // from_chars reads "inf" and "nan" too; neither lies in a range.
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() ||
      !(number >= low && number <= high)) {
    return std::nullopt;
  }
  return number;
}

}  // namespace holdfast::control

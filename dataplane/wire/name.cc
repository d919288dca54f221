#include "dataplane/wire/name.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "dataplane/wire/types.h"

namespace holdfast::wire {
namespace {

constexpr std::array<std::pair<std::string_view, std::uint16_t>, 42> kTypeNames{{
    {"A", 1},      {"NS", 2},       {"CNAME", 5},       {"SOA", 6},     {"PTR", 12},
    {"HINFO", 13}, {"MX", 15},      {"TXT", 16},        {"RP", 17},     {"AFSDB", 18},
    {"SIG", 24},   {"KEY", 25},     {"AAAA", 28},       {"LOC", 29},    {"SRV", 33},
    {"NAPTR", 35}, {"KX", 36},      {"CERT", 37},       {"DNAME", 39},  {"OPT", 41},
    {"DS", 43},    {"SSHFP", 44},   {"RRSIG", 46},      {"NSEC", 47},   {"DNSKEY", 48},
    {"DHCID", 49}, {"NSEC3", 50},   {"NSEC3PARAM", 51}, {"TLSA", 52},   {"SMIMEA", 53},
    {"CDS", 59},   {"CDNSKEY", 60}, {"OPENPGPKEY", 61}, {"ZONEMD", 63}, {"SVCB", 64},
    {"HTTPS", 65}, {"SPF", 99},     {"EUI48", 108},     {"EUI64", 109}, {"ANY", 255},
    {"URI", 256},  {"CAA", 257},
}};

int DigitValue(char c, int base) {
  const int value = c - '0';
  return value >= 0 && value < base ? value : -1;
}

// One escape after the backslash at `at`; moves `at` to the first character after it.
Result<char> Unescape(std::string_view text, std::size_t& at, int base) {
  ++at;
  if (at >= text.size()) {
    return Fail(ErrorCode::kInvalid, "name ends in a backslash");
  }
  if (text[at] < '0' || text[at] > '9') {
    return text[at++];
  }
  int value = 0;
  for (int i = 0; i < 3; ++i, ++at) {
    const int digit = at < text.size() ? DigitValue(text[at], base) : -1;
    if (digit < 0) {
      return Fail(ErrorCode::kInvalid,
                  base == 8 ? "expected three octal digits after the backslash"
                            : "expected three decimal digits after the backslash");
    }
    value = (value * base) + digit;
  }
  if (value > 255) {
    return Fail(ErrorCode::kInvalid, "an escaped octet is above 255");
  }
  return static_cast<char>(value);
}

Status CloseLabel(std::string& wire, std::size_t label_at) {
  const std::size_t octets = wire.size() - label_at - 1;
  if (octets == 0) {
    return Fail(ErrorCode::kInvalid, "name has an empty label");
  }
  if (octets > kMaxLabelOctets) {
    return Fail(ErrorCode::kInvalid,
                "label of " + std::to_string(octets) + " octets; expected at most 63");
  }
  wire[label_at] = static_cast<char>(octets);
  return {};
}

Result<std::string> Parse(std::string_view text, int base) {
  if (text.empty()) {
    return Fail(ErrorCode::kInvalid, "name is empty");
  }
  if (text == ".") {
    return std::string(1, '\0');
  }
  std::string wire(1, '\0');
  std::size_t label_at = 0;
  bool open = true;
  for (std::size_t at = 0; at < text.size();) {
    if (!open) {
      label_at = wire.size();
      wire.push_back('\0');
      open = true;
    }
    if (text[at] == '.') {
      HF_TRY(CloseLabel(wire, label_at));
      open = false;
      ++at;
    } else if (text[at] == '\\') {
      auto octet = Unescape(text, at, base);
      if (!octet) {
        return std::unexpected(octet.error());
      }
      wire.push_back(*octet);
    } else {
      wire.push_back(text[at++]);
    }
  }
  if (open) {
    HF_TRY(CloseLabel(wire, label_at));
  }
  wire.push_back('\0');
  if (wire.size() > kMaxNameOctets) {
    return Fail(ErrorCode::kInvalid,
                "name of " + std::to_string(wire.size()) + " octets; expected at most 255");
  }
  return wire;
}

}  // namespace

Result<std::string> FromText(std::string_view text) {
  return Parse(text, 10);
}

Result<std::string> FromRoute53Text(std::string_view text) {
  return Parse(text, 8);
}

std::string ToText(std::string_view wire_name) {
  if (wire_name.size() <= 1) {
    return ".";
  }
  std::string text;
  for (std::size_t at = 0; at < wire_name.size() && wire_name[at] != 0;) {
    const auto octets = static_cast<unsigned char>(wire_name[at++]);
    for (std::size_t end = std::min(at + octets, wire_name.size()); at < end; ++at) {
      const char c = wire_name[at];
      const auto u = static_cast<unsigned char>(c);
      if (u < 0x21 || u > 0x7e) {
        text += '\\';
        text += static_cast<char>('0' + (u / 100));
        text += static_cast<char>('0' + (u / 10 % 10));
        text += static_cast<char>('0' + (u % 10));
      } else {
        if (std::string_view(".\\\"$;@()").contains(c)) {
          text += '\\';
        }
        text += c;
      }
    }
    text += '.';
  }
  return text;
}

void FoldInPlace(std::string& wire_name) noexcept {
  // Length octets are at most 63 and so never look like a letter.
  std::ranges::transform(wire_name, wire_name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
}

std::string Fold(std::string_view wire_name) {
  std::string folded(wire_name);
  FoldInPlace(folded);
  return folded;
}

bool IsWellFormed(std::string_view wire_name) noexcept {
  if (wire_name.size() > kMaxNameOctets) {
    return false;
  }
  for (std::size_t at = 0; at < wire_name.size();) {
    const auto octets = static_cast<unsigned char>(wire_name[at]);
    if (octets == 0) {
      return at + 1 == wire_name.size();
    }
    if (octets > kMaxLabelOctets) {
      return false;
    }
    at += octets + 1U;
  }
  return false;
}

std::size_t Labels(std::string_view wire_name) noexcept {
  std::size_t labels = 0;
  for (std::size_t at = 0; at < wire_name.size() && wire_name[at] != 0; ++labels) {
    at += static_cast<unsigned char>(wire_name[at]) + 1U;
  }
  return labels;
}

std::string_view Parent(std::string_view wire_name) noexcept {
  if (wire_name.size() <= 1) {
    return wire_name;
  }
  return wire_name.substr(
      std::min<std::size_t>(static_cast<unsigned char>(wire_name[0]) + 1U, wire_name.size() - 1));
}

bool IsAtOrBelow(std::string_view name, std::string_view ancestor) noexcept {
  while (name.size() > ancestor.size()) {
    name = Parent(name);
  }
  return name == ancestor;
}

std::string WildcardOf(std::string_view wire_name) {
  if (wire_name.size() + 2 > kMaxNameOctets) {
    return {};
  }
  return std::string("\1*") + std::string(wire_name);
}

std::string TypeText(std::uint16_t type) {
  const auto* found =
      std::ranges::find(kTypeNames, type, &std::pair<std::string_view, std::uint16_t>::second);
  return found != kTypeNames.end() ? std::string(found->first) : "TYPE" + std::to_string(type);
}

Result<std::uint16_t> TypeFromText(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  });
  const auto* found = std::ranges::find(
      kTypeNames, std::string_view(upper), &std::pair<std::string_view, std::uint16_t>::first);
  if (found != kTypeNames.end()) {
    return found->second;
  }
  std::uint16_t number = 0;
  if (upper.starts_with("TYPE")) {
    const char* end = upper.data() + upper.size();
    const auto parsed = std::from_chars(upper.data() + 4, end, number);
    if (parsed.ec == std::errc{} && parsed.ptr == end && upper.size() > 4) {
      return number;
    }
  }
  return Fail(
      ErrorCode::kInvalid,
      "'" + std::string(text) + "' is not a record type; expected a name such as A or TYPE65280");
}

}  // namespace holdfast::wire

#include "control/config/rdata.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

// clang-format off: libldns redefines bool as a macro, which no later C++ header survives.
#include <ldns/ldns.h>
#undef bool
#undef true
#undef false
// clang-format on

#include "control/config/numbers.h"
#include "control/config/svcb.h"
#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using wire::Type;

constexpr char kRootOctets[] = {0};
constexpr std::string_view kRoot(kRootOctets, 1);
constexpr std::size_t kMaxRdataOctets = 65535;
// libldns copies rdata text to buffers of 64 KiB and cuts off the rest without a word.
constexpr std::size_t kMaxLdnsText = 65000;

struct RrFree {
  void operator()(ldns_rr* rr) const noexcept { ldns_rr_free(rr); }
};
using RrPtr = std::unique_ptr<ldns_rr, RrFree>;

bool IsSpace(char c) noexcept {
  return c == ' ' || c == '\t';
}

// Blank-separated words; a quoted string is one word with its quotes.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}
  std::optional<std::string_view> Next() {
    while (!rest_.empty() && IsSpace(rest_.front())) {
      rest_.remove_prefix(1);
    }
    if (rest_.empty()) {
      return std::nullopt;
    }
    bool quoted = false;
    std::size_t at = 0;
    for (; at < rest_.size() && (quoted || !IsSpace(rest_[at])); ++at) {
      if (rest_[at] == '\\') {
        ++at;
      } else if (rest_[at] == '"') {
        quoted = !quoted;
      }
    }
    const std::string_view word = rest_.substr(0, at);
    rest_.remove_prefix(std::min(at, rest_.size()));
    return word;
  }
  [[nodiscard]] std::string_view Rest() const noexcept { return rest_; }

 private:
  std::string_view rest_;
};

const char* Example(std::uint16_t type) {
  switch (static_cast<Type>(type)) {
    case Type::kA:
      return "an IPv4 address such as 192.0.2.1";
    case Type::kAaaa:
      return "an IPv6 address such as 2001:db8::1";
    case Type::kNs:
    case Type::kCname:
    case Type::kDname:
    case Type::kPtr:
      return "one domain name";
    case Type::kSoa:
      return "MNAME RNAME SERIAL REFRESH RETRY EXPIRE MINIMUM";
    case Type::kMx:
      return "PREFERENCE NAME, such as 10 mail.example.test.";
    case Type::kTxt:
    case Type::kSpf:
      return "strings of at most 255 octets, such as \"text\"";
    case Type::kSrv:
      return "PRIORITY WEIGHT PORT TARGET";
    case Type::kNaptr:
      return "ORDER PREFERENCE \"FLAGS\" \"SERVICE\" \"REGEXP\" NAME";
    case Type::kCaa:
      return "FLAGS TAG \"VALUE\", such as 0 issue \"ca.test\"";
    case Type::kDs:
      return "KEY-TAG ALGORITHM DIGEST-TYPE HEX";
    case Type::kSshfp:
      return "ALGORITHM FINGERPRINT-TYPE HEX";
    case Type::kTlsa:
      return "USAGE SELECTOR MATCHING-TYPE HEX";
    case Type::kSvcb:
    case Type::kHttps:
      return "PRIORITY TARGET [key=value ...], such as 1 . alpn=h2";
    default:
      return "the presentation form of the type, or \\# LENGTH HEX";
  }
}

Result<std::string> NotA(std::uint16_t type, std::string_view text, std::string_view why) {
  constexpr std::size_t kShown = 80;
  const std::string shown =
      text.size() <= kShown ? std::string(text) : std::string(text.substr(0, kShown)) + "...";
  return Fail(ErrorCode::kInvalid,
              "rdata '" + shown + "' is no " + wire::TypeText(type) + ": " + std::string(why) +
                  "; expected " + Example(type));
}

bool IsHex(std::string_view text, std::size_t& digits) {
  for (const char c : text) {
    if (IsSpace(c)) {
      continue;
    }
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) {
      return false;
    }
    ++digits;
  }
  return true;
}

// One field that libldns would take although it is out of range.
std::string FieldFault(ldns_rdf_type field,
                       std::string_view word,
                       std::string_view rest,
                       bool last) {
  std::uint64_t limit = 0;
  switch (field) {
    case LDNS_RDF_TYPE_INT8:
      limit = 0xff;
      break;
    case LDNS_RDF_TYPE_INT16:
      limit = 0xffff;
      break;
    case LDNS_RDF_TYPE_INT32:
      limit = 0xffffffff;
      break;
    case LDNS_RDF_TYPE_PERIOD:
      if (const auto seconds = Seconds(word); seconds && *seconds <= 0xffffffffU) {
        return "";
      }
      return "'" + std::string(word) + "' is not a time of 0..4294967295 seconds";
    case LDNS_RDF_TYPE_CERTIFICATE_USAGE:
    case LDNS_RDF_TYPE_SELECTOR:
    case LDNS_RDF_TYPE_MATCHING_TYPE:
    case LDNS_RDF_TYPE_ALG:
      if (std::isalpha(static_cast<unsigned char>(word.front())) != 0) {
        return "";  // a mnemonic
      }
      limit = 0xff;
      break;
    case LDNS_RDF_TYPE_HEX: {
      std::size_t digits = 0;
      const bool hex = IsHex(word, digits) && (!last || IsHex(rest, digits));
      return hex && digits % 2 == 0 ? "" : "its last field is not an even number of hex digits";
    }
    default:
      return "";
  }
  const auto number = Number(word);
  return number && *number <= limit
             ? ""
             : "'" + std::string(word) + "' is not a number of 0.." + std::to_string(limit);
}

// libldns reads integers with strtol and cuts them to size; so they are judged here first.
std::string NumbersFault(std::uint16_t type, std::string_view text) {
  const ldns_rr_descriptor* shape = ldns_rr_descript(type);
  if (shape == nullptr) {
    return {};
  }
  Words words(text);
  const std::size_t fields = ldns_rr_descriptor_maximum(shape);
  for (std::size_t i = 0; i < fields; ++i) {
    const ldns_rdf_type field = ldns_rr_descriptor_field_type(shape, i);
    if (field == LDNS_RDF_TYPE_LOC || field == LDNS_RDF_TYPE_WKS || field == LDNS_RDF_TYPE_APL ||
        field == LDNS_RDF_TYPE_HIP || field == LDNS_RDF_TYPE_IPSECKEY ||
        field == LDNS_RDF_TYPE_AMTRELAY) {
      return {};  // more than one word
    }
    const auto word = words.Next();
    if (!word) {
      return {};  // too few fields: libldns says so
    }
    if (field == LDNS_RDF_TYPE_SVCPARAMS) {
      for (auto parameter = word; parameter; parameter = words.Next()) {
        if (parameter->starts_with("port=")) {
          std::string_view port = parameter->substr(5);
          if (port.size() >= 2 && port.front() == '"' && port.back() == '"') {
            port = port.substr(1, port.size() - 2);
          }
          if (const auto number = Number(port); !number || *number > 65535) {
            return "'" + std::string(*parameter) + "' is not a port of 0..65535";
          }
        }
      }
      return {};
    }
    if (std::string fault = FieldFault(field, *word, words.Rest(), i + 1 == fields);
        !fault.empty()) {
      return fault;
    }
  }
  return {};
}

// One character of a string, `\X` and `\DDD` resolved; moves `at` behind it.
std::optional<char> StringOctet(std::string_view text, std::size_t& at) {
  if (text[at] != '\\') {
    return text[at++];
  }
  if (++at >= text.size()) {
    return std::nullopt;
  }
  if (std::isdigit(static_cast<unsigned char>(text[at])) == 0) {
    return text[at++];
  }
  const auto value = text.size() - at >= 3 ? Number(text.substr(at, 3)) : std::nullopt;
  at += 3;
  return value && *value <= 255 ? std::optional(static_cast<char>(*value)) : std::nullopt;
}

// Characters that only zone text has a meaning for, and that libldns would act on by itself.
std::string LineFault(std::string_view text) {
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
      return "it holds a control character";
    }
    if (c == '\\') {
      ++at;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ';' || c == '(' || c == ')')) {
      return std::string("it holds an unquoted '") + c + "'";
    }
  }
  return quoted ? "a quote is not closed" : "";
}

// TXT is read here: its text may be longer than libldns can take (RFC 1035 3.3.14).
Result<std::string> TextRdata(std::uint16_t type, std::string_view text) {
  std::string rdata;
  std::size_t at = 0;
  while (true) {
    while (at < text.size() && IsSpace(text[at])) {
      ++at;
    }
    if (at == text.size()) {
      break;
    }
    const bool quoted = text[at] == '"';
    at += quoted ? 1 : 0;
    std::string string;
    while (at < text.size() && (quoted ? text[at] != '"' : !IsSpace(text[at]) && text[at] != '"')) {
      const auto octet = StringOctet(text, at);
      if (!octet) {
        return NotA(type, text, "a backslash needs a character or three digits up to 255");
      }
      string += *octet;
    }
    if (quoted && at++ >= text.size()) {
      return NotA(type, text, "a quote is not closed");
    }
    if (string.size() > 255) {
      return NotA(type, text, "a string has " + std::to_string(string.size()) + " octets");
    }
    rdata += static_cast<char>(string.size());
    rdata += string;
  }
  if (rdata.empty()) {
    return NotA(type, text, "it has no string");
  }
  if (rdata.size() > kMaxRdataOctets) {
    return NotA(type, text, "it has more than 65535 octets");
  }
  return rdata;
}

// RFC 3597 5: `\# LENGTH HEX...`. libldns would count in 16 bits here.
Result<std::string> GenericRdata(std::uint16_t type, std::string_view text) {
  Words words(text);
  words.Next();
  const auto length = Number(words.Next().value_or(""));
  std::string hex;
  for (auto word = words.Next(); word; word = words.Next()) {
    hex += *word;
  }
  std::size_t digits = 0;
  if (!length || *length > kMaxRdataOctets || !IsHex(hex, digits) || digits != 2 * *length) {
    return NotA(type, text, "its length is not that of its hex digits");
  }
  std::string rdata(*length, '\0');
  for (std::size_t i = 0; i < rdata.size(); ++i) {
    unsigned octet = 0;
    std::from_chars(hex.data() + (2 * i), hex.data() + (2 * i) + 2, octet, 16);
    rdata[i] = static_cast<char>(octet);
  }
  if (const auto status = CheckRdata(type, rdata); !status) {
    return NotA(type, text, status.error().message);
  }
  return rdata;
}

std::string Octets(const ldns_rr& rr) {
  std::string rdata;
  for (std::size_t i = 0; i < ldns_rr_rd_count(&rr); ++i) {
    if (const ldns_rdf* field = ldns_rr_rdf(&rr, i); field != nullptr) {
      rdata.append(reinterpret_cast<const char*>(ldns_rdf_data(field)), ldns_rdf_size(field));
    }
  }
  return rdata;
}

Result<std::string> LdnsRdata(std::uint16_t type, std::string_view text, std::string_view origin) {
  if (text.size() > kMaxLdnsText) {
    return NotA(type, text, "its text has " + std::to_string(text.size()) + " characters");
  }
  if (std::string fault = NumbersFault(type, text); !fault.empty()) {
    return NotA(type, text, fault);
  }
  std::string line = ". 0 IN " + wire::TypeText(type) + " ";
  line += text;
  // Borrowed, not copied: libldns only reads the origin.
  ldns_rdf base{};
  ldns_rdf_set_type(&base, LDNS_RDF_TYPE_DNAME);
  ldns_rdf_set_size(&base, origin.size());
  std::string origin_octets(origin);
  ldns_rdf_set_data(&base, origin_octets.data());
  ldns_rr* parsed = nullptr;
  const ldns_status status = ldns_rr_new_frm_str(&parsed, line.c_str(), 0, &base, nullptr);
  const RrPtr rr(parsed);
  if (status != LDNS_STATUS_OK) {
    return NotA(type, text, ldns_get_errorstr_by_id(status));
  }
  if (ldns_rr_get_type(rr.get()) != type || ldns_rr_rd_count(rr.get()) == 0) {
    return NotA(type, text, "it is empty or of a type that only the generic form can give");
  }
  std::string rdata = Octets(*rr);
  if (rdata.size() > kMaxRdataOctets) {
    return NotA(type, text, "it has more than 65535 octets");
  }
  if (type == static_cast<std::uint16_t>(Type::kSvcb) ||
      type == static_cast<std::uint16_t>(Type::kHttps)) {
    if (const std::string fault = SvcbFault(rdata); !fault.empty()) {
      return NotA(type, text, "it " + fault);
    }
  }
  return rdata;
}

bool HasForm(std::uint16_t type) {
  return ldns_rr_descript(type)->_type != LDNS_RR_TYPE_NULL;
}

// Of a type that HasForm, at most kMaxRdataOctets.
Result<RrPtr> ParsedRdata(std::uint16_t type, std::string_view rdata) {
  std::vector<std::uint8_t> octets(rdata.size() + 2);
  StoreBe16(octets.data(), static_cast<std::uint16_t>(rdata.size()));
  std::ranges::copy(rdata, octets.begin() + 2);
  RrPtr rr(ldns_rr_new());
  if (!rr) {
    return Fail(ErrorCode::kExhausted, "out of memory");
  }
  ldns_rr_set_type(rr.get(), static_cast<ldns_rr_type>(type));
  std::size_t at = 0;
  const ldns_status status = ldns_wire2rdf(rr.get(), octets.data(), octets.size(), &at);
  if (status != LDNS_STATUS_OK) {
    return Fail(ErrorCode::kInvalid, ldns_get_errorstr_by_id(status));
  }
  // What libldns understood must be the same octets again: a compressed name would not be.
  if (Octets(*rr) != rdata) {
    return Fail(ErrorCode::kInvalid, "its octets are not of the form of the type");
  }
  return rr;
}

// The fields with a blank between them; empty when one cannot be printed.
std::string FieldsText(const ldns_rr& rr) {
  std::string text;
  for (std::size_t i = 0; i < ldns_rr_rd_count(&rr); ++i) {
    const std::unique_ptr<char, decltype(&std::free)> field(ldns_rdf2str(ldns_rr_rdf(&rr, i)),
                                                            std::free);
    if (!field) {
      return {};
    }
    text += (text.empty() ? "" : " ") + std::string(field.get());
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

// RFC 3597 5: what any type may be written as.
std::string GenericText(std::string_view rdata) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "\\# " + std::to_string(rdata.size()) + (rdata.empty() ? "" : " ");
  for (const char c : rdata) {
    const auto octet = static_cast<unsigned char>(c);
    text += kDigits[octet >> 4U];
    text += kDigits[octet & 15U];
  }
  return text;
}

}  // namespace

bool IsStorableType(std::uint16_t type) noexcept {
  // 128..255 are question and meta types (RFC 6895 3.1); OPT stands among the data types.
  return type != 0 && type != static_cast<std::uint16_t>(Type::kOpt) && (type < 128 || type > 255);
}

Status CheckRdata(std::uint16_t type, std::string_view rdata) {
  if (type == static_cast<std::uint16_t>(Type::kSvcb) ||
      type == static_cast<std::uint16_t>(Type::kHttps)) {
    const std::string fault = SvcbFault(rdata);
    return fault.empty() ? Status{} : Fail(ErrorCode::kInvalid, "it " + fault);
  }
  if (!HasForm(type) || rdata.size() > kMaxRdataOctets) {
    return {};
  }
  const auto rr = ParsedRdata(type, rdata);
  return rr ? Status{} : std::unexpected(rr.error());
}

std::string RdataText(std::uint16_t type, std::string_view rdata) {
  if (HasForm(type) && rdata.size() <= kMaxRdataOctets) {
    const auto rr = ParsedRdata(type, rdata);
    const std::string text = rr ? FieldsText(**rr) : std::string();
    // libldns prints a few types in a form that it does not read.
    if (const auto again = RdataFromText(type, text, kRoot); again && *again == rdata) {
      return text;
    }
  }
  return GenericText(rdata);
}

Result<std::string> RdataFromText(std::uint16_t type,
                                  std::string_view text,
                                  std::string_view origin) {
  while (!text.empty() && IsSpace(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && IsSpace(text.back()) && !text.ends_with("\\ ")) {
    text.remove_suffix(1);
  }
  if (const std::string fault = LineFault(text); !fault.empty()) {
    return NotA(type, text, fault);
  }
  if (text.starts_with("\\#") && (text.size() == 2 || IsSpace(text[2]))) {
    return GenericRdata(type, text);
  }
  switch (static_cast<Type>(type)) {
    case Type::kA:
    case Type::kAaaa: {
      const bool v4 = static_cast<Type>(type) == Type::kA;
      std::string rdata(v4 ? 4 : 16, '\0');
      const std::string copy(text);
      if (inet_pton(v4 ? AF_INET : AF_INET6, copy.c_str(), rdata.data()) != 1) {
        return NotA(type, text, "it is no address");
      }
      return rdata;
    }
    case Type::kTxt:
    case Type::kSpf:
      return TextRdata(type, text);
    default:
      return LdnsRdata(type, text, origin);
  }
}

}  // namespace holdfast::control

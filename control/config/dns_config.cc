#include "control/config/dns_config.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace holdfast::control {
namespace {

constexpr std::size_t kMaxTextOctets = 255;  // one character-string (RFC 1035 3.3)
constexpr std::string_view kHexPrefix = "hex:";

int DigitOf(char digit) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const char lower = digit >= 'A' && digit <= 'F' ? static_cast<char>(digit + ('a' - 'A')) : digit;
  const std::size_t at = kDigits.find(lower);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// The octets that hexadecimal digits stand for; nothing when there are others or half an octet.
std::optional<std::string> OctetsOf(std::string_view digits) {
  std::string octets;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    const int high = DigitOf(digits[i]);
    const int low = DigitOf(digits[i + 1]);
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    octets += static_cast<char>((high << 4) | low);
  }
  return digits.size() % 2 == 0 ? std::optional(octets) : std::nullopt;
}

// What is wrong is said of a secret, but not what it is.
void ReadSecrets(Fields& fields, DnsConfig& dns) {
  const auto digits = static_cast<std::size_t>(table::kCookieSecretOctets) * 2;
  const std::string expected = std::to_string(digits) + " hexadecimal digits";
  const Value* given = fields.Find("cookie_secrets");
  if (given != nullptr && given->kind != Value::Kind::kArray) {
    fields.Refuse("cookie_secrets", "is no array; expected one of " + expected);
    return;
  }
  const std::vector<Value>& items = fields.Array("cookie_secrets");
  for (const Value& item : items) {
    if (item.kind != Value::Kind::kString) {
      fields.Refuse("cookie_secrets", "has an item that is no string; expected " + expected);
      continue;
    }
    const auto octets = OctetsOf(item.text);
    if (item.text.size() != digits || !octets) {
      fields.Refuse("cookie_secrets",
                    "has a secret of " + std::to_string(item.text.size()) +
                        (octets ? " digits" : " characters, not all of them digits") +
                        "; expected " + expected);
      continue;
    }
    dns.cookie_secrets.push_back(*octets);
  }
  if (given != nullptr && (items.empty() || items.size() > table::kMaxCookieSecrets)) {
    fields.Refuse("cookie_secrets",
                  "has " + std::to_string(items.size()) +
                      " secrets; expected 1, or 2 while one takes the other's place");
  } else if (dns.cookie_secrets.size() == 2 && dns.cookie_secrets[0] == dns.cookie_secrets[1]) {
    fields.Refuse("cookie_secrets", "has one secret twice; expected two that differ");
  }
}

void ReadNsid(Fields& fields, DnsConfig& dns) {
  const auto text = fields.String("nsid");
  if (!text) {
    return;
  }
  const auto octets = text->starts_with(kHexPrefix)
                          ? OctetsOf(std::string_view(*text).substr(kHexPrefix.size()))
                          : text;
  if (!octets || octets->empty() || octets->size() > table::kMaxNsidOctets) {
    fields.Expected("nsid",
                    *fields.Find("nsid"),
                    "a text of 1.." + std::to_string(table::kMaxNsidOctets) +
                        " octets, or so many as \"hex:\" and digits");
    return;
  }
  dns.nsid = *octets;
}

void ReadText(Fields& fields, std::string_view name, std::string& into) {
  const auto text = fields.Text(name, {1, kMaxTextOctets});
  if (text && text->size() > kMaxTextOctets) {
    fields.Refuse(name,
                  "has " + std::to_string(text->size()) + " octets; expected 1.." +
                      std::to_string(kMaxTextOctets));
  } else if (text) {
    into = *text;
  }
}

}  // namespace

void ReadDnsTable(Fields& fields, DnsConfig& dns) {
  if (const auto word = fields.Word("cookies", {"off", "on", "require"})) {
    dns.cookies = static_cast<table::CookieMode>(*word);
  }
  ReadSecrets(fields, dns);
  ReadNsid(fields, dns);
  ReadText(fields, "version", dns.version);
  ReadText(fields, "identity", dns.identity);
  const auto octets = [&fields](std::string_view name, std::uint16_t high) {
    return fields.Integer(name, {512, high});
  };
  dns.udp_octets = static_cast<std::uint16_t>(octets("udp_octets", 4096).value_or(dns.udp_octets));
  dns.udp_octets_without_cookie =
      static_cast<std::uint16_t>(octets("udp_octets_without_cookie", dns.udp_octets).value_or(0));
  dns.extended_errors = fields.Bool("extended_errors").value_or(dns.extended_errors);
}

}  // namespace holdfast::control

// Presentation form of the rdata that routed answers usually hold, for explain.
#include <arpa/inet.h>

#include "control/compile/explain.h"
#include "control/compile/render.h"
#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using wire::Type;

std::string Address(int family, const std::string& rdata) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(family, rdata.data(), text, sizeof(text));
  return text;
}

// RFC 3597 5: what any type may be written as.
std::string Opaque(std::string_view rdata) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "\\# " + std::to_string(rdata.size());
  if (!rdata.empty()) {
    out += ' ';
  }
  for (const char c : rdata) {
    const auto octet = static_cast<unsigned char>(c);
    out += kDigits[octet >> 4U];
    out += kDigits[octet & 15U];
  }
  return out;
}

// Quoted character-strings; empty when the octets are not a sequence of these.
std::string Strings(std::string_view rdata) {
  std::string out;
  for (std::size_t at = 0; at < rdata.size();) {
    const auto octets = static_cast<unsigned char>(rdata[at++]);
    if (octets > rdata.size() - at) {
      return {};
    }
    out += out.empty() ? "\"" : " \"";
    for (const char c : rdata.substr(at, octets)) {
      const auto u = static_cast<unsigned char>(c);
      if (u < 0x20 || u > 0x7e) {
        out += '\\';
        out += static_cast<char>('0' + (u / 100));
        out += static_cast<char>('0' + (u / 10 % 10));
        out += static_cast<char>('0' + (u % 10));
        continue;
      }
      if (c == '"' || c == '\\') {
        out += '\\';
      }
      out += c;
    }
    out += '"';
    at += octets;
  }
  return out;
}

// `numbers` 16-bit numbers, then a name to the end; empty when it is not so.
std::string NumbersAndName(std::string_view rdata, std::size_t numbers) {
  const auto name = NameInRdata(rdata, numbers * 2);
  if (name.empty() || (numbers * 2) + name.size() != rdata.size()) {
    return {};
  }
  std::string out;
  for (std::size_t i = 0; i < numbers; ++i) {
    out += std::to_string(LoadBe16(rdata.data() + (i * 2))) + " ";
  }
  return out + wire::ToText(name);
}

}  // namespace

std::string RdataText(std::uint16_t type, const std::string& rdata) {
  std::string text;
  switch (static_cast<Type>(type)) {
    case Type::kA:
      text = rdata.size() == 4 ? Address(AF_INET, rdata) : "";
      break;
    case Type::kAaaa:
      text = rdata.size() == 16 ? Address(AF_INET6, rdata) : "";
      break;
    case Type::kCname:
    case Type::kNs:
    case Type::kPtr:
    case Type::kDname:
      text = NumbersAndName(rdata, 0);
      break;
    case Type::kMx:
      text = NumbersAndName(rdata, 1);
      break;
    case Type::kSrv:
      text = NumbersAndName(rdata, 3);
      break;
    case Type::kTxt:
    case Type::kSpf:
      text = Strings(rdata);
      break;
    default:
      break;
  }
  return text.empty() ? Opaque(rdata) : text;
}

}  // namespace holdfast::control

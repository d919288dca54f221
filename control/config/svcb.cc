#include "control/config/svcb.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

// RFC 9460 14.3.2.
enum class Key : std::uint16_t {
  kMandatory = 0,
  kAlpn = 1,
  kNoDefaultAlpn = 2,
  kPort = 3,
  kIpv4Hint = 4,
  kEch = 5,
  kIpv6Hint = 6
};

std::string KeyText(std::uint16_t key) {
  constexpr std::array<const char*, 7> kNames{
      "mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint"};
  return key < kNames.size() ? kNames[key] : "key" + std::to_string(key);
}

bool IsAlpnList(std::string_view value) {
  std::size_t at = 0;
  while (at < value.size()) {
    const auto octets = static_cast<unsigned char>(value[at]);
    if (octets == 0) {
      return false;
    }
    at += octets + 1U;
  }
  return at == value.size() && !value.empty();
}

bool IsArrayOf(std::string_view value, std::size_t octets) {
  return !value.empty() && value.size() % octets == 0;
}

bool IsLegalValue(std::uint16_t key, std::string_view value) {
  switch (static_cast<Key>(key)) {
    case Key::kMandatory:
      return IsArrayOf(value, 2);
    case Key::kAlpn:
      return IsAlpnList(value);
    case Key::kNoDefaultAlpn:
      return value.empty();
    case Key::kPort:
      return value.size() == 2;
    case Key::kIpv4Hint:
      return IsArrayOf(value, 4);
    case Key::kIpv6Hint:
      return IsArrayOf(value, 16);
    default:
      return true;
  }
}

std::string MandatoryFault(std::string_view value, const std::vector<std::uint16_t>& present) {
  std::int32_t last = -1;
  for (std::size_t at = 0; at + 2 <= value.size(); at += 2) {
    const std::uint16_t key = LoadBe16(value.data() + at);
    if (key == static_cast<std::uint16_t>(Key::kMandatory)) {
      return "has a key mandatory that names itself";
    }
    if (key <= last) {
      return "has a key mandatory that names " + KeyText(key) + " twice or out of order";
    }
    if (std::ranges::find(present, key) == present.end()) {
      return "has a key mandatory that names " + KeyText(key) + ", which is not there";
    }
    last = key;
  }
  return {};
}

}  // namespace

std::string SvcbFault(std::string_view rdata) {
  if (rdata.size() < 3) {
    return "is cut short";
  }
  std::size_t at = 2;
  while (at < rdata.size() && rdata[at] != 0) {
    at += static_cast<unsigned char>(rdata[at]) + 1U;
  }
  ++at;
  if (at > rdata.size() || !wire::IsWellFormed(rdata.substr(2, at - 2))) {
    return "has a malformed target";
  }
  std::vector<std::uint16_t> present;
  std::string_view mandatory;
  while (at < rdata.size()) {
    if (rdata.size() - at < 4 || rdata.size() - at - 4 < LoadBe16(rdata.data() + at + 2)) {
      return "has a parameter that is cut short";
    }
    const std::uint16_t key = LoadBe16(rdata.data() + at);
    const std::string_view value = rdata.substr(at + 4, LoadBe16(rdata.data() + at + 2));
    if (!present.empty() && key <= present.back()) {
      return key == present.back() ? "has " + KeyText(key) + " twice"
                                   : "has its keys out of order (" + KeyText(key) + ")";
    }
    if (!IsLegalValue(key, value)) {
      return "has a malformed value of " + KeyText(key);
    }
    if (key == static_cast<std::uint16_t>(Key::kMandatory)) {
      mandatory = value;
    }
    present.push_back(key);
    at += 4 + value.size();
  }
  if (std::string fault = MandatoryFault(mandatory, present); !fault.empty()) {
    return fault;
  }
  const auto has = [&present](Key key) {
    return std::ranges::find(present, static_cast<std::uint16_t>(key)) != present.end();
  };
  return has(Key::kNoDefaultAlpn) && !has(Key::kAlpn) ? "has no-default-alpn without alpn" : "";
}

}  // namespace holdfast::control

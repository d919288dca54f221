#include "control/model/text.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace holdfast::control {
namespace {

// Octets of the control character at a place; 0: there is none. Those of C1 are C2 80 to C2 9F.
std::size_t ControlAt(std::string_view text, std::size_t at) {
  const auto octet = static_cast<unsigned char>(text[at]);
  if (octet < 0x20 || octet == 0x7F) {
    return 1;
  }
  const bool c1 = octet == 0xC2 && at + 1 < text.size() &&
                  (static_cast<unsigned char>(text[at + 1]) & 0xE0U) == 0x80;
  return c1 ? 2 : 0;
}

}  // namespace

std::string Printable(std::string_view utf8) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string safe;
  safe.reserve(utf8.size());
  for (std::size_t at = 0; at < utf8.size();) {
    const std::size_t octets = ControlAt(utf8, at);
    if (octets == 0) {
      safe += utf8[at++];
      continue;
    }
    for (const std::size_t end = at + octets; at < end; ++at) {
      const auto octet = static_cast<unsigned char>(utf8[at]);
      safe += {'\\', 'x', kDigits[octet >> 4U], kDigits[octet & 15U]};
    }
  }
  return safe;
}

bool HasControls(std::string_view utf8) noexcept {
  for (std::size_t at = 0; at < utf8.size(); ++at) {
    if (ControlAt(utf8, at) != 0) {
      return true;
    }
  }
  return false;
}

std::size_t Characters(std::string_view utf8) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(
      utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

std::string TimeText(std::int64_t time_ms) {
  const auto seconds = static_cast<std::time_t>(time_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> day{};
  std::array<char, 48> text{};
  (void)std::strftime(day.data(), day.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data(), text.size(), "%s.%03dZ", day.data(), static_cast<int>(time_ms % 1000));
  return text.data();
}

}  // namespace holdfast::control

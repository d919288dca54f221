#include "control/config/numbers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace holdfast::control {

std::optional<std::uint64_t> Number(std::string_view word) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != word.data() + word.size()) {
    return std::nullopt;
  }
  return number;
}

std::optional<std::uint64_t> Seconds(std::string_view word) {
  constexpr std::uint64_t kTooMany = std::uint64_t{1} << 32;
  constexpr std::string_view kUnits = "smhdw";
  constexpr std::array<std::uint64_t, 5> kSeconds{1, 60, 3600, 86400, 604800};
  if (word.empty()) {
    return std::nullopt;
  }
  std::uint64_t total = 0;
  while (!word.empty()) {
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), number);
    if (parsed.ec == std::errc::result_out_of_range) {
      number = kTooMany;
    } else if (parsed.ec != std::errc{}) {
      return std::nullopt;
    }
    word.remove_prefix(parsed.ptr - word.data());
    std::uint64_t unit = 1;
    if (!word.empty()) {
      const auto letter = std::tolower(static_cast<unsigned char>(word.front()));
      const auto place = kUnits.find(static_cast<char>(letter));
      if (place == std::string_view::npos) {
        return std::nullopt;
      }
      unit = kSeconds[place];
      word.remove_prefix(1);
    }
    total = std::min(total + (std::min(number, kTooMany) * unit), kTooMany);
  }
  return total;
}

}  // namespace holdfast::control

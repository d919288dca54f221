// See text.h.
#include "tools/command/text.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "control/model/text.h"

namespace holdfast::tools {

std::string Columns(const std::vector<std::vector<std::string>>& rows, std::size_t indent) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      line.append(widths[i] - row[i].size() + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string Duration(std::int64_t milliseconds) {
  const std::int64_t ms = std::max<std::int64_t>(milliseconds, 0);
  const std::int64_t s = ms / 1000;
  const auto pair = [](std::int64_t big, const char* one, std::int64_t small, const char* other) {
    return std::to_string(big) + one + (small != 0 ? " " + std::to_string(small) + other : "");
  };
  if (s < 10 && (s == 0 || ms % 1000 != 0)) {
    return std::to_string(ms) + " ms";
  }
  if (s < 60) {
    return std::to_string(s) + " s";
  }
  if (s < 3600) {
    return pair(s / 60, " m", s % 60, " s");
  }
  return s < 86'400 ? pair(s / 3600, " h", s % 3600 / 60, " m")
                    : pair(s / 86'400, " d", s % 86'400 / 3600, " h");
}

std::string Octets(std::uint64_t octets) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  auto value = static_cast<double>(octets);
  for (; value >= 1024.0 && unit + 1 < kUnits.size(); ++unit) {
    value /= 1024.0;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string Printable(const std::string& text) {
  return control::Printable(text);
}

}  // namespace holdfast::tools

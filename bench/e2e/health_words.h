// What the health bench's client looks for and its server answers.
#pragma once

#include <cstddef>
#include <string>

namespace holdfast::bench {

inline constexpr std::size_t kPatterns = 1000;
inline constexpr std::size_t kBodyOctets = 5000;

/// Search string `number`, 0..kPatterns-1: all begin alike, and some with another.
inline std::string PatternText(std::size_t number) {
  return "the service is well, it says so in words of number " + std::to_string(number);
}

}  // namespace holdfast::bench

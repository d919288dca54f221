// What a bench program asks of its own process: its peak of memory and the numbers of its command
// line. Cold.
#pragma once

#include <charconv>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <type_traits>

#include "bench/tables/must.h"

namespace holdfast::bench {

/// The number that `text` is, and nothing else. Ends the program with the sentence `usage` when it
/// is none, or not in `least`..`most`.
template <class T>
T NumberOf(std::string_view text,
           std::type_identity_t<T> least,
           std::type_identity_t<T> most,
           const char* usage) {
  T number{};
  const char* end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || behind != end || !(number >= least && number <= most)) {
    GiveUp(usage);
  }
  return number;
}

/// The most memory that was resident at a time.
inline std::uint64_t PeakOctets() {
  static constexpr std::string_view kKey = "VmHWM:";
  std::ifstream file("/proc/self/status");
  for (std::string key; file >> key;) {
    std::uint64_t kib = 0;
    if (key == kKey && file >> kib) {
      return kib * 1024;
    }
  }
  GiveUp("/proc/self/status has no VmHWM");
}

}  // namespace holdfast::bench

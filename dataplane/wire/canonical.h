// The canonical order of names (RFC 4034 6.1), in which a signed zone proves what lies between two
// of them. Control sorts by it, the packet path searches by it. Hot: any core, header only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/wire/types.h"

namespace holdfast::wire {

/// Where the labels of a name begin. At most kMaxLabels of them, whatever the octets say.
class LabelStarts {
 public:
  /// @param name  folded labels in wire form: a whole name, or without its last labels and the
  /// root.
  ///              At most kMaxNameOctets; what a label's length would lead past counts as its end.
  explicit LabelStarts(std::span<const std::byte> name) noexcept : name_(name) {
    std::size_t at = 0;
    while (at < name.size() && name[at] != std::byte{0} && count_ < kMaxLabels) {
      start_[count_++] = static_cast<std::uint16_t>(at);
      at += std::to_integer<std::size_t>(name[at]) + 1;
    }
  }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  /// The octets of label `i`, 0 the left-most, without their length.
  [[nodiscard]] std::span<const std::byte> Label(std::size_t i) const noexcept {
    const std::size_t at = start_[i];
    const std::size_t octets = std::to_integer<std::size_t>(name_[at]);
    return name_.subspan(at + 1, std::min(octets, name_.size() - at - 1));
  }

 private:
  std::span<const std::byte> name_;
  std::array<std::uint16_t, kMaxLabels> start_;  // left as it is behind `count_`
  std::size_t count_ = 0;
};

/// Below, at or above 0 as `a` stands before, at or behind `b`: label by label from the right, the
/// octets of each as unsigned numbers, and what is missing first. Both names end at the same one.
inline int CompareCanonical(const LabelStarts& a, const LabelStarts& b) noexcept {
  std::size_t i = a.count();
  std::size_t j = b.count();
  while (i > 0 && j > 0) {
    const auto one = a.Label(--i);
    const auto other = b.Label(--j);
    const int order = std::memcmp(one.data(), other.data(), std::min(one.size(), other.size()));
    if (order != 0) {
      return order;
    }
    if (one.size() != other.size()) {
      return one.size() < other.size() ? -1 : 1;
    }
  }
  return static_cast<int>(i > 0) - static_cast<int>(j > 0);
}

}  // namespace holdfast::wire

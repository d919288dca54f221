// Strong<Tag, T>: an integer that cannot be swapped for another by mistake. Offsets, generations
// and ids of every room are made with it. Used everywhere, on every core.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace holdfast {

template <class Tag, class T>
class Strong {
 public:
  using Value = T;
  constexpr Strong() noexcept = default;
  constexpr explicit Strong(T value) noexcept : value_(value) {}
  [[nodiscard]] constexpr T value() const noexcept { return value_; }
  constexpr auto operator<=>(const Strong&) const noexcept = default;

 private:
  T value_{};
};

/// A place in a table image, counted from its first octet in units of 16 octets (so 64 GiB can be
/// named). 0 is the header of the image and therefore means "none" wherever something is referred
/// to.
using TableOffset = Strong<struct TableOffsetTag, std::uint32_t>;
inline constexpr TableOffset kNoOffset{0};
inline constexpr std::size_t kOffsetUnit = 16;

/// Numbers a published state; grows by one with every publish and never wraps in practice (48 bits
/// are kept on the wire of the root block; see dataplane/table/FORMAT.md).
using Generation = Strong<struct GenerationTag, std::uint64_t>;

}  // namespace holdfast

template <class Tag, class T>
struct std::hash<holdfast::Strong<Tag, T>> {
  std::size_t operator()(const holdfast::Strong<Tag, T>& v) const noexcept {
    return std::hash<T>{}(v.value());
  }
};

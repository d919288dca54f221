// Unaligned, endian-explicit access to octets. Every integer that crosses a wire goes through Be16
// or Be32; host-order fields of the table image are read as they are. Any core; no allocation.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace holdfast {

static_assert(std::endian::native == std::endian::little, "table images are little-endian");

/// Copies a T out of `from`, which needs no alignment and must hold sizeof(T) octets.
template <class T>
  requires std::is_trivially_copyable_v<T>
[[nodiscard]] inline T LoadAs(const void* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

/// Copies `value` to `to`, which needs no alignment and must have room for sizeof(T) octets.
template <class T>
  requires std::is_trivially_copyable_v<T>
inline void StoreAs(void* to, const T& value) noexcept {
  std::memcpy(to, &value, sizeof(T));
}

/// Reads a 16-bit integer in network order.
[[nodiscard]] inline std::uint16_t LoadBe16(const void* from) noexcept {
  return __builtin_bswap16(LoadAs<std::uint16_t>(from));
}
/// Reads a 32-bit integer in network order.
[[nodiscard]] inline std::uint32_t LoadBe32(const void* from) noexcept {
  return __builtin_bswap32(LoadAs<std::uint32_t>(from));
}
/// Writes a 16-bit integer in network order.
inline void StoreBe16(void* to, std::uint16_t host) noexcept {
  StoreAs(to, static_cast<std::uint16_t>(__builtin_bswap16(host)));
}
/// Writes a 32-bit integer in network order.
inline void StoreBe32(void* to, std::uint32_t host) noexcept {
  StoreAs(to, __builtin_bswap32(host));
}

/// A 16-bit integer held in network order inside a packed wire struct; must be asked for a host
/// one.
class Be16 {
 public:
  Be16() noexcept = default;
  explicit Be16(std::uint16_t host) noexcept : raw_(__builtin_bswap16(host)) {}
  [[nodiscard]] std::uint16_t Host() const noexcept { return __builtin_bswap16(raw_); }

 private:
  std::uint16_t raw_;
};

/// A 32-bit integer held in network order inside a packed wire struct; must be asked for a host
/// one.
class Be32 {
 public:
  Be32() noexcept = default;
  explicit Be32(std::uint32_t host) noexcept : raw_(__builtin_bswap32(host)) {}
  [[nodiscard]] std::uint32_t Host() const noexcept { return __builtin_bswap32(raw_); }

 private:
  std::uint32_t raw_;
};

using ByteSpan = std::span<const std::byte>;
using MutableByteSpan = std::span<std::byte>;

}  // namespace holdfast

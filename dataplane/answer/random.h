// Draws of one answering thread: rotation, weights, subsets. Fast and seedable; nothing secret
// hangs on it. Hot: any core, one Random per thread.
#pragma once

#include <cstdint>

#include "dataplane/table/hash.h"

namespace holdfast::answer {

class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  /// 64 uniform bits: a Weyl sequence, mixed by one wide product.
  std::uint64_t Next() noexcept {
    state_ += 0x9E3779B97F4A7C15U;
    return table::MixProduct(state_, state_ ^ 0xD1342543DE82EF95U);
  }
  /// Uniform in 0..2^32-1, as Outcome::upto is compared with.
  std::uint32_t Draw() noexcept { return static_cast<std::uint32_t>(Next() >> 32U); }
  /// Uniform in 0..n-1 up to a bias of n / 2^32; n >= 1.
  std::uint32_t Below(std::uint32_t n) noexcept {
    return static_cast<std::uint32_t>((std::uint64_t{Draw()} * n) >> 32U);
  }

 private:
  std::uint64_t state_;
};

}  // namespace holdfast::answer

// Bounds of numbers that a node's file gives, a supervisor renders and a process takes: named once,
// so that what `holdfast check` calls good is never refused at the start.
#pragma once

#include <cstdint>

namespace holdfast {

/// Packets that a poll core takes in one receive call. The arrays of a burst hold the most; vector
/// receive functions of some drivers take whole groups of 8 and would give nothing below.
inline constexpr std::uint16_t kMinPollBurst = 8;
inline constexpr std::uint16_t kMaxPollBurst = 32;

/// Megabytes of packet memory; one queue's buffers take about 20.
inline constexpr std::uint32_t kMinMemoryMb = 64;
inline constexpr std::uint32_t kMaxMemoryMb = std::uint32_t{1} << 20U;

/// Receive and transmit queues of one port.
inline constexpr std::uint16_t kMaxQueues = 64;

/// Descriptors of one queue, in each direction: powers of two, which AF_XDP's rings must be.
inline constexpr std::uint16_t kMinDescriptors = 64;
inline constexpr std::uint16_t kMaxDescriptors = 4096;
inline constexpr std::uint16_t kDefaultDescriptors = 1024;
constexpr bool AreDescriptors(std::int64_t number) noexcept {
  return number >= kMinDescriptors && number <= kMaxDescriptors && (number & (number - 1)) == 0;
}

}  // namespace holdfast

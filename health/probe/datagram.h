// For the probes that send a datagram and wait for a reply: receiving a bounded number each turn,
// so that a flood does not hold the loop, and numbers that nobody can guess, to know the reply by.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/random.h>
#include <sys/socket.h>

namespace holdfast::health {

inline constexpr int kDatagramsPerTurn = 16;

/// Hands each datagram that lies ready to `judge` until it returns true. What does not fit into
/// `room` is cut off.
/// @return 0 when judged, else the error: EAGAIN when there is no more for now (also after
///         kDatagramsPerTurn), or what the socket says.
template <class Judge>
int ReceiveDatagrams(int fd, std::span<std::byte> room, Judge judge) {
  for (int turn = 0; turn < kDatagramsPerTurn; ++turn) {
    const ssize_t octets = recv(fd, room.data(), room.size(), 0);
    if (octets < 0) {
      return errno == EINTR ? EAGAIN : errno;
    }
    if (judge(std::span<const std::byte>(room).first(static_cast<std::size_t>(octets)))) {
      return 0;
    }
  }
  return EAGAIN;
}

/// From the kernel; 0 in the moments of a boot when it has none.
inline std::uint64_t Unguessable() noexcept {
  std::uint64_t number = 0;
  static_cast<void>(!getrandom(&number, sizeof(number), GRND_NONBLOCK));
  return number;
}

}  // namespace holdfast::health

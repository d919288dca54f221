// A file descriptor that is closed with its owner.
#pragma once

#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace holdfast::health {

class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { Close(); }

  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  /// -1: none.
  [[nodiscard]] int fd() const noexcept { return fd_; }
  void Close() noexcept {
    if (fd_ >= 0) {
      close(std::exchange(fd_, -1));
    }
  }
  /// Closes; a TCP connection is reset, so that nothing of it stays (TIME_WAIT).
  void Reset() noexcept {
    if (fd_ >= 0) {
      const linger now{.l_onoff = 1, .l_linger = 0};
      setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
      Close();
    }
  }

 private:
  int fd_ = -1;
};

}  // namespace holdfast::health

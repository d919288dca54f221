// The XDP program's user side: the object as a file for the AF_XDP driver, which loads and attaches
// it; then its maps, found through the interface. Called by io at start and end, and by whoever
// reads the counters. Cold: main thread. Everything acts in the caller's network namespace.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unistd.h>
#include <utility>

#include "dataplane/base/result.h"
#include "dataplane/steer/steer_consts.h"

namespace holdfast::steer {

/// A local address as the program's map has it: IPv6 as it is, IPv4 as ::ffff:a.b.c.d.
using AddressKey = std::array<std::byte, 16>;
using Counters = std::array<std::uint64_t, kSteerCounterCount>;

/// "steered", "no_socket", ...: the name of a counter.
const char* CounterText(SteerCounter counter) noexcept;

/// A file descriptor that is closed at the end.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool ok() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// The right to steer an interface: one process at a time and network namespace. Ends with the
/// process, however it ends.
class Claim {
 public:
  /// @return kConflict when another process of ours has the interface.
  static Result<Claim> Take(const std::string& interface);

 private:
  explicit Claim(Fd fd) noexcept : fd_(std::move(fd)) {}
  Fd fd_;
};

/// The compiled program as a file without a name, for who opens it by path.
class ObjectFile {
 public:
  static Result<ObjectFile> Create();
  /// /proc/self/fd/N; good while this object lives, in this process.
  [[nodiscard]] std::string Path() const;

 private:
  explicit ObjectFile(Fd fd) noexcept : fd_(std::move(fd)) {}
  Fd fd_;
};

/// Removes a program of ours that a killed process left on the interface; to be called under a
/// Claim, so that it is not a living one's.
/// @return true when there was one. kNotFound: no such interface; kConflict: another's program is
/// attached, the message names it and the command that removes it; kIo: no right to look.
Result<bool> DetachStale(const std::string& interface);

/// Our program on an interface, after the driver attached it.
class Steering {
 public:
  /// @return kNotFound when no program is attached, kConflict when another's is, kIo.
  static Result<Steering> Find(const std::string& interface);

  /// From now on UDP 53 of exactly these addresses is steered. @param addresses  at most
  /// kSteerMaxAddresses (else kExhausted).
  Status SetAddresses(std::span<const AddressKey> addresses);
  /// What the program counted since it was loaded, over all processors.
  [[nodiscard]] Result<Counters> Read() const;
  /// Whether this very program is still the interface's.
  [[nodiscard]] bool Attached() const;
  /// Takes it off; from the next frame on the kernel sees everything. Fine when it is off already;
  /// another's program stays.
  Status Detach();

 private:
  Steering() = default;
  std::string interface_;
  [[maybe_unused]] unsigned ifindex_ = 0;  // these three: not where steer is left out
  [[maybe_unused]] std::uint32_t program_id_ = 0;
  [[maybe_unused]] std::uint32_t attach_flags_ = 0;
  Fd program_;
  Fd addresses_;
  Fd counters_;
};

}  // namespace holdfast::steer

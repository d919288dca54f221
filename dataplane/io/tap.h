// A tap interface of the kernel, opened for frames: what is written is what the interface receives,
// what is read is what the kernel sends out of it. See tun(4) and the kernel's networking/tuntap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "dataplane/base/bytes.h"
#include "dataplane/base/result.h"
#include "dataplane/io/classify.h"
#include "dataplane/steer/steer.h"

namespace holdfast::io {

class Tap {
 public:
  /// Takes an interface that is there: its addresses and routes are the operator's and outlive this
  /// process. Gives it `mac`, which the port's peers know.
  /// @return kNotFound, kConflict when another process has it, kInvalid when it is no tap or its
  /// MTU is above `mtu`, else kIo; each with the remedy.
  static Result<Tap> Open(const std::string& interface, const MacAddress& mac, std::uint32_t mtu);

  /// One frame, never waiting. @return its octets; nothing when there is none.
  [[nodiscard]] std::optional<std::size_t> Read(std::span<std::byte> into) const noexcept;
  /// @return false when the kernel does not take it: its queue is full, the interface is down.
  [[nodiscard]] bool Write(ByteSpan frame) const noexcept;
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  explicit Tap(steer::Fd fd) noexcept : fd_(std::move(fd)) {}
  steer::Fd fd_;
};

}  // namespace holdfast::io

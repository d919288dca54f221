// One TCP connection and the lists that order connections by deadline. Data only: what is done with
// it is in tcp_server. Small while idle: buffers exist only while something is incomplete.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/listen/client.h"
#include "dataplane/listen/connection_limits.h"
#include "dataplane/listen/frame.h"
#include "dataplane/listen/source.h"

namespace holdfast::listen {

struct Connection;

/// The deadlines a connection stands under; each has a list in the order of its start.
enum class Deadline : std::uint8_t { kIdle, kTotal, kCount };

/// A place in one of the lists, and since when.
struct DeadlineLink {
  Connection* before = nullptr;
  Connection* after = nullptr;
  std::uint64_t since_ns = 0;
};

struct Connection : Source {
  bool wants_write = false;        // waits for room in the send buffer instead of octets to read
  bool last = false;               // a bad length came: close when the output is sent
  std::size_t output_sent = 0;     // octets of `output` that went
  std::size_t counted_octets = 0;  // held octets, as the server has counted them
  ClientAddress client;
  ConnectionLimits::Ticket ticket;
  FrameReader frames;
  std::vector<std::byte> unread;  // received, not looked at while output was pending
  std::vector<std::byte> output;  // replies that the kernel had no room for
  std::array<DeadlineLink, static_cast<std::size_t>(Deadline::kCount)> link;

  [[nodiscard]] std::size_t HeldOctets() const noexcept {
    return frames.HeldOctets() + unread.capacity() + output.capacity();
  }
};

/// All connections of a thread in the order in which they reach one deadline. As that is the same
/// span for all, the oldest is always first and no timer per connection is needed.
class DeadlineList {
 public:
  explicit DeadlineList(Deadline deadline) noexcept : place_(static_cast<std::size_t>(deadline)) {}

  /// Puts a connection that is in no list, or moves one that is, to the end.
  void Start(Connection& connection, std::uint64_t now_ns) noexcept;
  void Remove(Connection& connection) noexcept;
  /// The one that reaches the deadline next, or null.
  [[nodiscard]] Connection* Oldest() const noexcept { return first_; }
  [[nodiscard]] std::uint64_t SinceNs(const Connection& connection) const noexcept {
    return connection.link[place_].since_ns;
  }
  [[nodiscard]] Connection* After(const Connection& connection) const noexcept {
    return connection.link[place_].after;
  }

 private:
  std::size_t place_;
  Connection* first_ = nullptr;
  Connection* last_ = nullptr;
};

}  // namespace holdfast::listen

// Cuts a TCP stream into DNS messages (RFC 1035 4.2.2, RFC 7766 8). A pure state machine, one per
// connection: no I/O, no clock. Called by the connection, and by its fuzzer, on a listener thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/base/bytes.h"

namespace holdfast::listen {

/// Octets of the length that stands before each message.
inline constexpr std::size_t kPrefixOctets = 2;
/// Octets of a DNS header: what a message has at least.
inline constexpr std::size_t kMinMessageOctets = 12;
inline constexpr std::size_t kMaxMessageOctets = 65'535;

/// Keeps what came of a message that is not complete yet; holds no memory otherwise. A segment may
/// end anywhere, also inside the length.
class FrameReader {
 public:
  enum class Step : std::uint8_t {
    kMessage,   // a whole message
    kNeedMore,  // `stream` is used up
    kBadLength  // a length below 12: no later octet has a meaning; the connection is to be closed
  };

  /// Takes octets off the front of `stream` until a message is whole.
  /// @param message  kMessage: the message without its length, kMinMessageOctets..65,535 octets;
  ///                 lies in `stream` or in this reader; valid until the next call and as long as
  ///                 the octets of `stream` are.
  /// Allocates only when `stream` ends inside a message, and at most twice what came of it (512
  /// octets when less): a length alone makes nobody pay. After kBadLength it stays kBadLength.
  Step Next(ByteSpan& stream, ByteSpan& message);

  /// Whether the stream stands inside a message or its length.
  [[nodiscard]] bool Partial() const noexcept { return prefix_octets_ != 0; }
  /// Octets of memory that are held.
  [[nodiscard]] std::size_t HeldOctets() const noexcept { return partial_.capacity(); }

 private:
  void Keep(ByteSpan octets);

  std::vector<std::byte> partial_;  // what came of the message
  std::uint16_t length_ = 0;        // valid when prefix_octets_ is 2
  std::uint8_t prefix_octets_ = 0;  // of the length, that came: 0..2
  bool handed_out_ = false;         // partial_ is the message of the last call
};

}  // namespace holdfast::listen

// What a listener thread counts beside what the answer function counts. One writer per counter; the
// others read relaxed. Places in the reader file: kFirstCounter + the value of the enumerator.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/answer/answer.h"

namespace holdfast::listen {

enum class Counter : std::uint8_t {
  kUdpReceived,        // datagrams received
  kUdpSent,            // replies handed to the kernel
  kUdpReceiveFailed,   // receive calls that failed for another reason than an empty socket
  kUdpSendFailed,      // replies the kernel refused (no route, too large for the interface, ...)
  kUdpSendFull,        // replies dropped since the send buffer was full
  kUdpSourcePort,      // dropped: source port 0 or an echo service's
  kUdpNoDestination,   // dropped: the kernel did not say which address was asked
  kUdpCut,             // dropped: longer than a DNS message can be
  kTcpAccepted,        // connections taken
  kTcpAcceptFailed,    // accept calls that failed for another reason than an empty queue
  kTcpRefusedTotal,    // refused: connection limit reached and no idle one to give way
  kTcpRefusedClient,   // refused: the client has its share of connections
  kTcpRefusedDenied,   // refused: an access rule drops what its network asks
  kTcpClosedByClient,  // closed: the client was done or reset it
  kTcpClosedIdle,      // closed: idle deadline
  kTcpClosedTotal,     // closed: total deadline
  kTcpClosedLimit,     // closed: gave way to a new connection at the limit
  kTcpClosedMemory,    // closed: its thread holds too many octets of what clients do not read
  kTcpClosedDenied,    // closed: an access rule drops what its network asks, which it did not at
                       // first
  kTcpClosedStop,      // closed: the process was told to end
  kTcpBadLength,       // closed: a length below 12
  kTcpMessages,        // messages received whole
  kTcpPartialWrites,   // reply bursts that the kernel did not take whole
  kTcpOpen,            // connections open now (a level, not a count)
  kTcpHeldOctets,      // octets held of messages not complete and replies not sent (a level)
  kCount
};

inline constexpr std::size_t kFirstCounter = static_cast<std::size_t>(answer::Counter::kCount);

/// "udp_received", ...: the name of a counter; "unknown" past the last one.
const char* CounterText(Counter counter) noexcept;

}  // namespace holdfast::listen

// What an lcore counts about frames: each received frame ends in exactly one of these or in one of
// answer's, so that no packet disappears without a reason. Written by the lcore alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/answer/answer.h"

namespace holdfast::io {

/// Place in the reader file: behind answer's own, see CounterAt.
enum class Counter : std::uint8_t {
  kFrames,         // frames that the receive queue gave
  kBusyCycles,     // TSC cycles of polls that gave any, from one receive call to the next
  kQuery,          // of them: DNS queries for us, handed to answer
  kSent,           // replies that the transmit queue took
  kNoReply,        // queries that answer dropped; its own counters say why
  kTransmitFull,   // replies dropped: the transmit queue took nothing within kTransmitTries
  kMultiSegment,   // frame in more than one buffer
  kOverMtu,        // message longer than the port's MTU lets a reply be, or no room for one behind
                   // headers that fill the buffer
  kShortFrame,     // ends before its Ethernet, VLAN, IP or UDP header does
  kGroupMac,       // sent to a broadcast or multicast MAC address
  kOtherMac,       // sent to another MAC address
  kNotIp,          // neither IPv4 nor IPv6, or more than two VLAN tags
  kIpHeader,       // version, header length or total length wrong
  kIpChecksum,     // IPv4 header checksum wrong
  kIpv6Extension,  // extension headers too many, malformed, or not to be skipped
  kFragment,       // part of a fragmented datagram
  kNotUdp,         // another protocol
  kOtherAddress,   // destination is not one of our addresses
  kMartian,        // source address that no other host can have, or one of ours
  kUdpLength,      // UDP length below 8 or beyond the IP payload
  kOtherPort,      // destination port is not 53
  kSourcePort,     // source port 0 or an echo service's
  kNoUdpChecksum,  // IPv6 without a UDP checksum
  kUdpChecksum,    // UDP checksum wrong
  kToKernel,       // of those that are no query: handed to the port's kernel interface
  kFromKernel,     // frames that the kernel sent there and the transmit queue took
  kExceptionFull,  // frames of either way dropped: a ring, the interface or the transmit queue full
  kCount
};

/// "frames", "other_mac", ...: the name of a counter.
const char* CounterText(Counter counter) noexcept;

/// Index of a counter in an lcore's counters of the reader file.
constexpr std::size_t CounterAt(Counter counter) noexcept {
  return static_cast<std::size_t>(answer::Counter::kCount) + static_cast<std::size_t>(counter);
}

/// Adds to a counter that only the calling thread writes and others read.
inline void Add(std::span<std::uint64_t> counters, Counter counter, std::uint64_t n) noexcept {
  std::uint64_t& count = counters[CounterAt(counter)];
  __atomic_store_n(&count, __atomic_load_n(&count, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

}  // namespace holdfast::io

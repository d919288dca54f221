// The loop of one polling core: receive a burst, take the published state, answer, send. No lock,
// allocation, system call of ours or log inside. Started by dataplane.cc on each lcore, and by the
// ring test.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "dataplane/answer/answer.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/limits.h"
#include "dataplane/io/address.h"
#include "dataplane/io/classify.h"
#include "dataplane/table/readers.h"

namespace holdfast::io {

struct ExceptionRings;

inline constexpr unsigned kTransmitTries = 16;  // of one burst, before its rest is dropped
inline constexpr unsigned kDrainRounds = 256;   // at most, after the stop

/// One receive queue and the transmit queue of the same number, which its replies take.
struct Lane {
  std::uint16_t port = 0;
  std::uint16_t queue = 0;
  std::uint32_t mtu = 1500;  // octets of an IP packet, 1280..65,535
  MacAddress mac{};
  const OwnAddresses* own = nullptr;         // what the port answers for; outlives the loop
  UdpChecksum check = UdpChecksum::kVerify;  // kTrust: the sender leaves it partial
  bool nic_checks = false;  // the NIC marks frames whose UDP checksum it found good or bad
  ExceptionRings* exception = nullptr;  // of a port with a kernel interface; outlives the loop
};

/// What one lcore works with; all of it outlives the loop.
struct LcoreWork {
  std::span<const Lane> lanes;
  table::Attachment* tables = nullptr;
  answer::Scratch* scratch = nullptr;
  unsigned thread = 0;                  // of the reader file: slot and counters
  std::uint16_t burst = kMaxPollBurst;  // frames per receive call, kMinPollBurst..kMaxPollBurst
  // As answer::Time has it, kept by another thread: no call into the kernel here. Never null when
  // the loop runs.
  const std::atomic<std::uint32_t>* wall_seconds = nullptr;
  TscClock clock;  // made where the work is, since that takes a while
};

/// Polls the lanes in turn until `stop`, then answers what the queues still hold, for
/// kDrainRounds rounds at most, and goes offline. The calling thread is the lanes' only user.
void RunLcore(const LcoreWork& work, const std::atomic<bool>& stop) noexcept;

}  // namespace holdfast::io

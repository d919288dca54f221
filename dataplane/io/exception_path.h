// The way of what is no query for us, on a port without a kernel below it: to a tap interface that
// carries the addresses, where the kernel does ARP, neighbour discovery, ICMP, fragments and TCP;
// and what the kernel sends there out of the port. Lcores make no system call for it: they hand
// frames over in rings, and one thread of its own reads and writes the tap. So a flood of such
// frames fills a ring, and queries are answered as before.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <rte_mempool.h>
#include <rte_ring.h>

#include "dataplane/base/result.h"
#include "dataplane/io/classify.h"
#include "dataplane/io/tap.h"

namespace holdfast::io {

inline constexpr unsigned kExceptionRing = 512;  // frames that may wait, in each direction

/// Between one lane and the exception path. Each ring has one producer and one consumer.
struct ExceptionRings {
  rte_ring* to_kernel = nullptr;
  rte_ring* from_kernel = nullptr;        // of a port's first lane, which sends them all; else null
  std::atomic<std::uint64_t> dropped{0};  // by the thread: the tap or from_kernel was full
};

class ExceptionPath {
 public:
  /// @param port   names the rings.
  /// @param lanes  of the port, 1..kMaxQueues.
  /// @param pool   the first lane's: what the kernel sends is read into its buffers.
  /// @return as Tap::Open; kExhausted.
  static Result<std::unique_ptr<ExceptionPath>> Open(const std::string& interface,
                                                     std::uint16_t port,
                                                     const MacAddress& mac,
                                                     std::uint32_t mtu,
                                                     std::uint16_t lanes,
                                                     rte_mempool* pool);
  /// The lanes are no longer polled. Frees what waits.
  ~ExceptionPath();
  ExceptionPath(const ExceptionPath&) = delete;
  ExceptionPath& operator=(const ExceptionPath&) = delete;

  /// Of lane `queue`; lives as long as this.
  [[nodiscard]] ExceptionRings* rings(std::uint16_t queue) noexcept { return &rings_[queue]; }

 private:
  ExceptionPath(Tap tap, std::uint16_t lanes, rte_mempool* pool)
      : tap_(std::move(tap)), rings_(lanes), pool_(pool) {}
  void Run() noexcept;
  unsigned ToKernel() noexcept;
  unsigned FromKernel() noexcept;

  Tap tap_;
  std::vector<ExceptionRings> rings_;
  rte_mempool* pool_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace holdfast::io

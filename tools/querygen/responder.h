// What answers in the generator's own process, on an lcore of its own: the product's poll loop over
// published tables behind two rings, or a reflector, which only turns frames round and so shows how
// much the generator itself can do. Made, started and ended by the main thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <rte_ring.h>

#include "dataplane/answer/answer.h"
#include "dataplane/base/result.h"
#include "dataplane/io/address.h"
#include "dataplane/io/lcore_loop.h"
#include "dataplane/io/port.h"
#include "dataplane/table/readers.h"
#include "tools/querygen/device.h"

namespace holdfast::querygen {

/// Turns round the queries that come in at a port until `stop`: swaps MAC addresses, addresses and
/// ports, sets QR, and adapts the UDP checksum, which must be there. One lcore. @return frames
/// turned round.
std::uint64_t Reflect(std::uint16_t port, const std::atomic<bool>& stop) noexcept;

/// Two rings, and a port at either end.
class RingPair {
 public:
  static constexpr unsigned kPlaces = 2048;
  /// @return kExhausted when DPDK has no memory for them. One in a process.
  static Result<RingPair> Create();
  RingPair(RingPair&& other) noexcept;
  RingPair& operator=(RingPair&&) = delete;
  ~RingPair();
  [[nodiscard]] std::uint16_t generator() const noexcept { return generator_; }
  [[nodiscard]] std::uint16_t responder() const noexcept { return responder_; }

 private:
  RingPair() = default;
  rte_ring* queries_ = nullptr;
  rte_ring* replies_ = nullptr;
  std::uint16_t generator_ = 0;
  std::uint16_t responder_ = 0;
};

/// The product's loop: one lane of one port, answered for by one lcore.
class TableResponder {
 public:
  /// @param run_dir  of the published tables. @param port  set up and started here, as the product
  /// does. @return kUnavailable without tables, or what the port or the address lacks.
  static Result<std::unique_ptr<TableResponder>> Create(const std::string& run_dir,
                                                        std::uint16_t port,
                                                        const io::IpAddress& address);
  ~TableResponder();
  TableResponder(const TableResponder&) = delete;
  TableResponder& operator=(const TableResponder&) = delete;

  [[nodiscard]] const io::MacAddress& Mac() const noexcept { return port_.lanes()[0].mac; }
  /// @param lcore  of EAL, not the caller's. @return kIo when it does not start.
  Status Start(unsigned lcore);
  /// Answers what the ring still holds and waits for the lcore. Done at the end too.
  void Stop();

 private:
  TableResponder(std::unique_ptr<table::Attachment> tables, io::Port port);
  static int RunOn(void* self);

  std::unique_ptr<table::Attachment> tables_;
  io::Port port_;
  answer::ScratchPtr scratch_;
  std::atomic<std::uint32_t> wall_seconds_;  // as of the start: no query here has a cookie
  std::atomic<bool> stop_ = false;
  io::LcoreWork work_;
  unsigned lcore_ = 0;  // 0: not started
};

/// The reflector on an lcore.
class ReflectorLcore {
 public:
  explicit ReflectorLcore(std::uint16_t port) : port_(port) {}
  ~ReflectorLcore() { Stop(); }
  ReflectorLcore(const ReflectorLcore&) = delete;
  ReflectorLcore& operator=(const ReflectorLcore&) = delete;
  /// @param lcore  of EAL, not the caller's. @return kIo when it does not start.
  Status Start(unsigned lcore);
  void Stop();

 private:
  static int RunOn(void* self);
  std::uint16_t port_;
  std::atomic<bool> stop_ = false;
  unsigned lcore_ = 0;
};

}  // namespace holdfast::querygen

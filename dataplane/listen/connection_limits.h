// How many TCP connections may be open, in all and per client; shared by the listener threads
// without a lock: atomic counters of fixed number, nothing is allocated per client.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/listen/client.h"

namespace holdfast::listen {

class ConnectionLimits {
 public:
  enum class Verdict : std::uint8_t { kTaken, kFull, kClientFull };

  /// Which counters a connection is counted in; given back with Release.
  struct Ticket {
    std::array<std::uint16_t, 2> cell{};
  };

  /// @param total       connections at a time, 1...
  /// @param per_client  of one IPv4 address or one IPv6 /64 (a client there has the whole /64 to
  ///                    connect from), 1...
  /// @param key         random: who knows it could make others' share look used up.
  ConnectionLimits(std::uint32_t total, std::uint32_t per_client, std::array<std::uint64_t, 2> key);

  /// Counts a new connection of `client`, or says which limit stands in its way. Each client has
  /// two counters among 2 x 65,536, the smaller one counts: never too few, and too many only where
  /// both are shared with busy clients. Any thread, no lock.
  Verdict Take(const ClientAddress& client, Ticket& ticket) noexcept;
  void Release(const Ticket& ticket) noexcept;

  [[nodiscard]] std::uint32_t open() const noexcept {
    return open_.load(std::memory_order_relaxed);
  }
  /// Whether a further connection would need another one to end.
  [[nodiscard]] bool full() const noexcept { return open() >= total_; }

 private:
  static constexpr std::size_t kCells = 65'536;
  struct Cells {
    std::array<std::array<std::atomic<std::uint32_t>, kCells>, 2> row{};
  };

  std::uint32_t total_;
  std::uint32_t per_client_;
  std::array<std::uint64_t, 2> key_;
  std::atomic<std::uint32_t> open_{0};
  std::unique_ptr<Cells> cells_ = std::make_unique<Cells>();
};

}  // namespace holdfast::listen

// The frames that the ladder is climbed with: their buffers, and the two rings of the port that
// they come in and go out by. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/io/classify.h"
#include "dataplane/io/port.h"

namespace holdfast::bench {

/// A query on its way to kBenchServer by way of `mac`, with every checksum. `number` makes the port
/// it comes from.
std::string QueryFrameOf(const io::MacAddress& mac, std::string_view query, std::size_t number);
inline constexpr const char* kBenchServer = "192.0.2.53";

class LadderFrames {
 public:
  static constexpr unsigned kStretch = 512;  // frames that are in the rings at a time
  static constexpr std::size_t kMessageAt = io::kEthernetOctets + io::kIpv4Octets + io::kUdpOctets;

  /// Makes a frame of each query, addressed to the port. Stops the program with a sentence when
  /// there is no memory for the port.
  explicit LadderFrames(std::span<const std::string_view> queries);

  [[nodiscard]] std::uint16_t port() const noexcept { return id_; }
  [[nodiscard]] const io::MacAddress& mac() const noexcept { return port_->lanes()[0].mac; }

  /// Copies the next kStretch frames, round and round, and puts them into the receive ring.
  void Fill();
  /// Takes back what was sent. Stops the program when that is not kStretch frames.
  void Empty();

 private:
  rte_mempool* pool_ = nullptr;
  rte_ring* in_ = nullptr;
  rte_ring* out_ = nullptr;
  std::uint16_t id_ = 0;
  std::array<rte_mbuf*, kStretch> mbufs_{};
  std::unique_ptr<io::Port> port_;
  std::vector<std::string> frames_;
  std::size_t next_ = 0;
};

}  // namespace holdfast::bench

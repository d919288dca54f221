// A burst of queries in packet buffers: what the answer benches measure and count.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "bench/micro/answer_tables.h"
#include "dataplane/answer/answer.h"
#include "dataplane/base/bytes.h"
#include "dataplane/wire/checksum.h"

namespace holdfast::bench {

inline constexpr std::size_t kBurst = 32;

/// 32 packet buffers and the jobs in them. One thread.
class Burst {
 public:
  Burst() : memory_(new std::byte[kBurst * kRoom]()) {
    for (std::size_t i = 0; i < kBurst; ++i) {
      jobs_[i].message = &memory_[(i * kRoom) + kUdpHeader];
      jobs_[i].room_octets = kRoom - kUdpHeader;
    }
  }

  /// Copies in the next `count` queries, at most 32, round and round, and who asks.
  /// @return their jobs; they stay the burst's
  std::span<answer::Job> Fill(const std::vector<std::string_view>& queries,
                              const std::vector<Load::Client>& clients,
                              std::size_t& next,
                              std::size_t count = kBurst) noexcept {
    const auto jobs = std::span(jobs_).first(count);
    for (auto& job : jobs) {
      // Their numbers are powers of two.
      job.client = clients[next & (clients.size() - 1)];
      const std::string_view query = queries[next++ & (queries.size() - 1)];
      std::memcpy(job.message, query.data(), query.size());
      job.query_octets = static_cast<std::uint32_t>(query.size());
    }
    return jobs;
  }

  /// Writes the UDP header and its checksum before each reply.
  static void Checksum(std::span<answer::Job> jobs) noexcept {
    const std::array<std::byte, 8> addresses{std::byte{192}, std::byte{0}, std::byte{2}};
    for (auto& job : jobs) {
      std::byte* udp = job.message - kUdpHeader;
      const std::size_t octets = kUdpHeader + job.reply_octets;
      StoreBe16(udp, 53);
      StoreBe16(udp + 2, 5353);
      StoreBe16(udp + 4, static_cast<std::uint16_t>(octets));
      StoreAs(udp + 6, std::uint16_t{0});
      StoreAs(udp + 6, wire::UdpChecksum(addresses.data(), addresses.size(), udp, octets));
    }
  }

 private:
  static constexpr std::size_t kRoom = 2304;    // of one packet's buffer; as mbufs, no power of two
  static constexpr std::size_t kUdpHeader = 8;  // before the message in the same buffer

  std::unique_ptr<std::byte[]> memory_;
  std::array<answer::Job, kBurst> jobs_;
};

}  // namespace holdfast::bench

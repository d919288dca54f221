// One client of Answer in tests: hands it a message in a buffer of exactly the room the contract
// asks for, and reads the reply with the strict reader.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/answer/answer.h"
#include "tests/dataplane/packet_builder.h"
#include "tests/dataplane/reply_reader.h"

namespace holdfast::test {

class AnswerClient {
 public:
  explicit AnswerClient(std::uint64_t seed = 1, std::uint16_t udp_octets = 1232)
      : AnswerClient(answer::Options{.udp_octets = udp_octets, .seed = seed}) {}
  explicit AnswerClient(const answer::Options& options)
      : scratch_(answer::MakeScratch(options, counters_)) {}

  /// Source address of what is asked from here on, front octets first; 0.0.0.0 until then.
  void From(const std::array<std::byte, 16>& address, bool v6) {
    address_ = address;
    v6_ = v6;
  }

  /// The reply's octets; nothing when the query was dropped.
  std::optional<std::string> Raw(const table::Snapshot& snapshot,
                                 const std::string& message,
                                 answer::Transport transport = answer::Transport::kUdp) {
    const std::size_t room = transport == answer::Transport::kTcp
                                 ? std::size_t{65535}
                                 : std::max<std::size_t>(message.size(), 4096);
    auto buffer = std::make_unique<std::byte[]>(room);
    std::memcpy(buffer.get(), message.data(), message.size());
    answer::Job job;
    job.message = buffer.get();
    job.query_octets = static_cast<std::uint32_t>(message.size());
    job.room_octets = static_cast<std::uint32_t>(room);
    job.transport = transport;
    job.client = address_;
    job.client_is_v6 = v6_;
    answer::Answer(snapshot, {&job, 1}, *scratch_);
    if (job.outcome != answer::Outcome::kReply) {
      return std::nullopt;
    }
    return std::string(reinterpret_cast<const char*>(buffer.get()), job.reply_octets);
  }

  /// The reply, read; fails the test when there is none or it is not well made.
  ReadReply Ask(const table::Snapshot& snapshot,
                const PacketBuilder& message,
                answer::Transport transport = answer::Transport::kUdp) {
    const auto raw = Raw(snapshot, message.Build(), transport);
    if (!raw) {
      ADD_FAILURE() << "dropped";
      return {};
    }
    std::string why;
    auto reply = ReadMessage(*raw, &why);
    if (!reply) {
      ADD_FAILURE() << "malformed reply: " << why;
      return {};
    }
    octets_ = raw->size();
    return *reply;
  }

  /// Length of the last reply of Ask.
  [[nodiscard]] std::size_t octets() const { return octets_; }
  [[nodiscard]] std::uint64_t Count(answer::Counter counter) const {
    return counters_[static_cast<std::size_t>(counter)];
  }
  answer::Scratch& scratch() { return *scratch_; }

 private:
  std::array<std::uint64_t, static_cast<std::size_t>(answer::Counter::kCount)> counters_{};
  answer::ScratchPtr scratch_;
  std::array<std::byte, 16> address_{};
  bool v6_ = false;
  std::size_t octets_ = 0;
};

}  // namespace holdfast::test

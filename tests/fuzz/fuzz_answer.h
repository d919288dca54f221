// What the fuzz targets that ask the answer function share: one question in a buffer that ends
// where the contract lets it, and what any reply holds, whatever the tables are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/answer/answer.h"
#include "dataplane/base/check.h"

namespace holdfast::fuzz {

inline constexpr std::uint16_t kUdpOctets = 1232;

/// The reply; empty when there is none.
inline std::string Ask(const table::Snapshot& tables,
                       std::string_view message,
                       bool tcp,
                       answer::Scratch& scratch) {
  const std::size_t limit = tcp ? 65535 : kUdpOctets;
  const std::size_t room = std::max<std::size_t>(limit, message.size());
  const auto buffer = std::make_unique<std::byte[]>(room);
  std::memcpy(buffer.get(), message.data(), message.size());
  answer::Job job;
  job.message = buffer.get();
  job.query_octets = static_cast<std::uint32_t>(message.size());
  job.room_octets = static_cast<std::uint32_t>(room);
  job.transport = tcp ? answer::Transport::kTcp : answer::Transport::kUdp;
  answer::Answer(tables, {&job, 1}, scratch);
  if (job.outcome != answer::Outcome::kReply) {
    return {};
  }
  HF_CHECK(job.reply_octets <= limit);
  return {reinterpret_cast<const char*>(buffer.get()), job.reply_octets};
}

/// ID, opcode and RD of the query, QR set, RA, Z, AD and CD clear.
inline void CheckHeader(std::string_view query, std::string_view reply) {
  HF_CHECK(reply.size() >= wire::kHeaderOctets);
  HF_CHECK(reply.substr(0, 2) == query.substr(0, 2));
  const auto asked = static_cast<unsigned char>(query[2]);
  const auto said = static_cast<unsigned char>(reply[2]);
  HF_CHECK((said & 0x80U) != 0 && (said & 0x79U) == (asked & 0x79U));
  HF_CHECK((static_cast<unsigned char>(reply[3]) & 0xF0U) == 0);
}

}  // namespace holdfast::fuzz

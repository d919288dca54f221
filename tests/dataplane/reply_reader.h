// A strict reader of DNS messages for tests and fuzzers: slow and obvious, shares no code with the
// packet path. Refuses whatever a well-made reply never has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::test {

struct ReadRecord {
  std::string owner;  // wire form, letter case as sent, decompressed
  std::uint16_t type = 0;
  std::uint16_t rclass = 0;
  std::uint32_t ttl = 0;
  std::string rdata;  // names of RFC 1035's types decompressed
  auto operator<=>(const ReadRecord&) const = default;
};

struct ReadReply {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::string question;  // all octets of the question section, as sent
  std::string qname;     // wire form, as sent
  std::uint16_t qtype = 0;
  std::uint16_t qclass = 0;
  std::vector<ReadRecord> answer, authority, additional;  // without the OPT
  bool has_opt = false;
  std::uint16_t opt_size = 0;
  std::uint32_t opt_ttl = 0;
  std::string opt_rdata;

  [[nodiscard]] bool Aa() const { return (flags & 0x0400U) != 0; }
  [[nodiscard]] bool Tc() const { return (flags & 0x0200U) != 0; }
  [[nodiscard]] unsigned Opcode() const { return (flags >> 11U) & 15U; }
  [[nodiscard]] unsigned Rcode() const { return (flags & 15U) | ((opt_ttl >> 24U) << 4U); }
};

/// Reads one message; counts must be exact, nothing may be left over, pointers must lead back to
/// a place before them, behind the header and below 16,384; names are at most 255 octets.
/// @param why  unless null: set to the reason of a refusal.
std::optional<ReadReply> ReadMessage(std::string_view message, std::string* why = nullptr);

}  // namespace holdfast::test

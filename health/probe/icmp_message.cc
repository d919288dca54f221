#include "health/probe/icmp_message.h"

#include "dataplane/base/bytes.h"

namespace holdfast::health {

namespace {

constexpr std::size_t kHeaderOctets = 8;  // type, code, checksum, id, sequence
constexpr std::size_t kMinIpHeaderOctets = 20;
constexpr std::uint8_t kEchoRequest = 8;
constexpr std::uint8_t kEchoReply = 0;
constexpr std::uint8_t kEchoRequestV6 = 128;
constexpr std::uint8_t kEchoReplyV6 = 129;

// RFC 1071, over an even number of octets.
std::uint16_t Checksum(const std::string& octets) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < octets.size(); at += 2) {
    sum += LoadBe16(octets.data() + at);
  }
  while (sum > 0xFFFF) {
    sum = (sum & 0xFFFFU) + (sum >> 16U);
  }
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

std::string EchoRequest(bool v6, std::uint16_t id, std::uint16_t sequence, EchoToken token) {
  std::string message(kHeaderOctets + sizeof(token), '\0');
  message[0] = static_cast<char>(v6 ? kEchoRequestV6 : kEchoRequest);
  StoreBe16(message.data() + 4, id);
  StoreBe16(message.data() + 6, sequence);
  StoreAs(message.data() + kHeaderOctets, token);
  if (!v6) {
    StoreBe16(message.data() + 2, Checksum(message));
  }
  return message;
}

std::optional<std::uint16_t> EchoReplySequence(std::span<const std::byte> message,
                                               bool v6,
                                               bool ip_header,
                                               EchoToken token) {
  if (ip_header) {
    const std::size_t octets =
        message.empty() ? 0 : (std::to_integer<std::size_t>(message[0]) & 0x0FU) * 4;
    if (octets < kMinIpHeaderOctets || message.size() < octets) {
      return std::nullopt;
    }
    message = message.subspan(octets);
  }
  const auto type = std::byte{v6 ? kEchoReplyV6 : kEchoReply};
  if (message.size() < kHeaderOctets + sizeof(token) || message[0] != type ||
      message[1] != std::byte{0} || LoadAs<EchoToken>(message.data() + kHeaderOctets) != token) {
    return std::nullopt;
  }
  return LoadBe16(message.data() + 6);
}

}  // namespace holdfast::health

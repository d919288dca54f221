// Reply headers. What the query's header said is read before the reply's is written over it, since
// both may overlap when options were skipped. Called per reply, any lcore.
#include "dataplane/io/frame.h"

#include <cstring>

#include "dataplane/wire/checksum.h"

namespace holdfast::io {
namespace {

constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint16_t kDontFragment = 0x4000;

struct Ipv4 {
  static constexpr std::size_t kHeader = kIpv4Octets;
  static constexpr std::size_t kAddress = 4;
  static constexpr std::size_t kSourceAt = 12;
  static void Write(std::byte* ip, std::uint32_t udp_octets) noexcept {
    StoreBe32(ip, 0x45000000U | (kHeader + udp_octets));
    StoreBe32(ip + 4, kDontFragment);
    StoreBe32(ip + 8, (std::uint32_t{kReplyTtl} << 24U) | (std::uint32_t{kProtocolUdp} << 16U));
    StoreAs(ip + 10, wire::Ip4HeaderChecksum(ip, kHeader));
  }
};

struct Ipv6 {
  static constexpr std::size_t kHeader = kIpv6Octets;
  static constexpr std::size_t kAddress = 16;
  static constexpr std::size_t kSourceAt = 8;
  static void Write(std::byte* ip, std::uint32_t udp_octets) noexcept {
    StoreBe32(ip, 0x60000000U);
    StoreBe32(ip + 4, (udp_octets << 16U) | (std::uint32_t{kProtocolUdp} << 8U) | kReplyTtl);
  }
};

void WriteUdp(std::byte* udp,
              std::uint32_t octets,
              const std::byte* addresses,
              std::size_t address_octets) noexcept {
  const auto ports = LoadAs<std::uint32_t>(udp);
  StoreAs(udp, (ports << 16U) | (ports >> 16U));
  StoreBe32(udp + 4, octets << 16U);  // and no checksum yet
  StoreAs(udp + 6, wire::UdpChecksum(addresses, address_octets, udp, octets));
}

template <class Ip>
ReplyFrame Turn(std::byte* frame, const QueryFrame& query, std::uint32_t message_octets) noexcept {
  std::byte addresses[2 * Ip::kAddress];
  const std::byte* from = frame + query.l3_at + Ip::kSourceAt;
  std::memcpy(addresses, from + Ip::kAddress, Ip::kAddress);
  std::memcpy(addresses + Ip::kAddress, from, Ip::kAddress);

  std::byte* ip = frame + query.udp_at - Ip::kHeader;
  std::byte* start = ip - query.l3_at;
  if (start != frame) [[unlikely]] {  // options are left out: MACs, tags and type move up
    std::memmove(start, frame, query.l3_at);
  }
  const auto to = LoadAs<MacAddress>(start + 6);
  std::memcpy(start + 6, start, 6);
  StoreAs(start, to);
  std::memcpy(ip + Ip::kSourceAt, addresses, sizeof(addresses));
  const std::uint32_t udp_octets = kUdpOctets + message_octets;
  Ip::Write(ip, udp_octets);
  WriteUdp(frame + query.udp_at, udp_octets, addresses, sizeof(addresses));
  return {static_cast<std::uint16_t>(start - frame),
          static_cast<std::uint32_t>(query.l3_at + Ip::kHeader + udp_octets)};
}

}  // namespace

ReplyFrame TurnIntoReply(std::byte* frame,
                         const QueryFrame& query,
                         std::uint32_t message_octets) noexcept {
  return query.v6 ? Turn<Ipv6>(frame, query, message_octets)
                  : Turn<Ipv4>(frame, query, message_octets);
}

}  // namespace holdfast::io

// Reply headers. What the query's header said is read before the reply's is written over it, since
// both may overlap when options were skipped. Called per reply, any lcore.
#include "dataplane/io/frame.h"

#include <array>
#include <bit>
#include <cstring>

#include "dataplane/wire/checksum.h"

namespace holdfast::io {
namespace {

constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint16_t kDontFragment = 0x4000;

// The header of a reply behind its addresses, which are swapped in place before. `sum` is that of
// the addresses: the same in both orders.
struct Ipv4 {
  static constexpr std::size_t kHeader = kIpv4Octets;
  static constexpr std::size_t kSourceAt = 12;
  using Address = std::uint32_t;
  static void Write(std::byte* ip, std::uint32_t udp_octets, std::uint64_t sum) noexcept {
    // Read little-endian: version, length of the header, total length; don't fragment.
    const std::uint64_t head =
        0x45U |
        (std::uint64_t{__builtin_bswap16(static_cast<std::uint16_t>(kHeader + udp_octets))}
         << 16U) |
        (std::uint64_t{__builtin_bswap16(kDontFragment)} << 48U);
    const std::uint32_t tail = kReplyTtl | (std::uint32_t{kProtocolUdp} << 8U);
    const std::uint16_t folded = wire::FoldSum(wire::AddSums(wire::AddSums(sum, head), tail));
    StoreAs(ip, head);
    StoreAs(ip + 8, tail | (std::uint32_t{static_cast<std::uint16_t>(~folded)} << 16U));
  }
};

struct Ipv6 {
  static constexpr std::size_t kHeader = kIpv6Octets;
  static constexpr std::size_t kSourceAt = 8;
  using Address = std::array<std::uint64_t, 2>;
  static void Write(std::byte* ip, std::uint32_t udp_octets, std::uint64_t /*sum*/) noexcept {
    StoreBe32(ip, 0x60000000U);
    StoreBe32(ip + 4, (udp_octets << 16U) | (std::uint32_t{kProtocolUdp} << 8U) | kReplyTtl);
  }
};

// Ports change places; the checksum covers what is written here and the message behind it.
void WriteUdp(std::byte* udp, std::uint32_t octets, std::uint64_t address_sum) noexcept {
  const auto ports = LoadAs<std::uint32_t>(udp);
  const std::uint64_t head =
      std::uint64_t{std::rotl(ports, 16)} |
      (std::uint64_t{__builtin_bswap16(static_cast<std::uint16_t>(octets))} << 32U);
  const std::uint64_t pseudo = wire::AddSums(address_sum, wire::UdpLengthSum(octets));
  const std::uint64_t sum =
      wire::AddToSumInRoom(wire::AddSums(pseudo, head), udp + kUdpOctets, octets - kUdpOctets);
  StoreAs(udp, head | (std::uint64_t{wire::CloseUdpSum(sum)} << 48U));
}

template <class Ip>
ReplyFrame Turn(std::byte* frame, const QueryFrame& query, std::uint32_t message_octets) noexcept {
  using Address = typename Ip::Address;
  const std::byte* from = frame + query.l3_at + Ip::kSourceAt;
  const auto source = LoadAs<Address>(from);
  const auto destination = LoadAs<Address>(from + sizeof(Address));
  const std::uint64_t address_sum = wire::AddToSum(0, from, 2 * sizeof(Address));

  std::byte* ip = frame + query.udp_at - Ip::kHeader;
  std::byte* start = ip - query.l3_at;
  if (start != frame) [[unlikely]] {  // options are left out: MACs, tags and type move up
    std::memmove(start, frame, query.l3_at);
  }
  const auto to = LoadAs<MacAddress>(start + 6);
  std::memcpy(start + 6, start, 6);
  StoreAs(start, to);
  StoreAs(ip + Ip::kSourceAt, destination);
  StoreAs(ip + Ip::kSourceAt + sizeof(Address), source);
  const std::uint32_t udp_octets = kUdpOctets + message_octets;
  Ip::Write(ip, udp_octets, address_sum);
  WriteUdp(frame + query.udp_at, udp_octets, address_sum);
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

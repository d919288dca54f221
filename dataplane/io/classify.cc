// One pass from the Ethernet header to the UDP checksum; each step knows how many octets lie before
// it. Order: cheap refusals first, the checksum over the payload last. Called per frame, any lcore.
#include "dataplane/io/classify.h"

#include <cstring>

#include "dataplane/wire/checksum.h"
#include "dataplane/wire/ports.h"

namespace holdfast::io {
namespace {

constexpr std::uint16_t kTypeIpv4 = 0x0800;
constexpr std::uint16_t kTypeIpv6 = 0x86DD;
constexpr std::uint16_t kTypeVlan = 0x8100;     // 802.1Q
constexpr std::uint16_t kTypeService = 0x88A8;  // 802.1ad, the outer tag of QinQ
constexpr std::uint8_t kProtocolUdp = 17;

// IPv6 next-header values that may come before UDP (RFC 8200 4).
constexpr unsigned kHopByHop = 0;
constexpr unsigned kRouting = 43;
constexpr unsigned kFragmentHeader = 44;
constexpr unsigned kDestination = 60;

// An IP packet that was found sound: where UDP begins and how much of it there is.
struct Packet {
  std::size_t l3_at = 0;
  std::size_t udp_at = 0;
  std::size_t udp_room = 0;  // octets from udp_at to the end of the IP packet
};

unsigned Octet(const std::byte* at) noexcept {
  return std::to_integer<unsigned>(*at);
}

// Source addresses that no other host on the net can have (RFC 1812 5.3.7), or that are ours:
// answering them would be talking to ourselves.
bool MartianV4(const std::byte* source, const OwnAddresses& own) noexcept {
  const unsigned first = Octet(source);
  return first == 0 || first == 127 || first >= 224 || own.HasV4(source);
}

bool MartianV6(const std::byte* source, const OwnAddresses& own) noexcept {
  if (Octet(source) == 0xFF || own.HasV6(source)) {
    return true;
  }
  const auto upper = LoadAs<std::uint64_t>(source);
  const std::uint32_t middle = LoadBe32(source + 8);
  const std::uint32_t last = LoadBe32(source + 12);
  // ::, ::1 and ::ffff:0:0/96
  return upper == 0 && ((middle == 0 && last <= 1) || middle == 0xFFFF);
}

// An IPv4 header of that place and length, which are known when this is compiled for the frames
// that nearly all are.
[[gnu::always_inline]] inline Counter CheckIpv4(ByteSpan frame,
                                                std::size_t l3_at,
                                                std::size_t header,
                                                const OwnAddresses& own,
                                                Packet& packet) noexcept {
  const std::byte* ip = frame.data() + l3_at;
  const std::size_t total = LoadBe16(ip + 2);
  if (total < header) {
    return Counter::kIpHeader;
  }
  if (total > frame.size() - l3_at) {
    return Counter::kShortFrame;
  }
  if (wire::Ip4HeaderChecksum(ip, header) != 0) {
    return Counter::kIpChecksum;
  }
  if ((LoadBe16(ip + 6) & 0x3FFFU) != 0) {  // more fragments, or an offset
    return Counter::kFragment;
  }
  if (Octet(ip + 9) != kProtocolUdp) {
    return Counter::kNotUdp;
  }
  if (!own.HasV4(ip + 16)) {
    return Counter::kOtherAddress;
  }
  if (MartianV4(ip + 12, own)) {
    return Counter::kMartian;
  }
  packet.l3_at = l3_at;
  packet.udp_at = l3_at + header;
  packet.udp_room = total - header;
  return Counter::kQuery;
}

Counter OpenIpv4(ByteSpan frame, const OwnAddresses& own, Packet& packet) noexcept {
  const std::byte* ip = frame.data() + packet.l3_at;
  if (frame.size() - packet.l3_at < kIpv4Octets) {
    return Counter::kShortFrame;
  }
  const std::size_t header = std::size_t{Octet(ip) & 0x0FU} * 4U;
  if (Octet(ip) >> 4U != 4 || header < kIpv4Octets) {
    return Counter::kIpHeader;
  }
  return CheckIpv4(frame, packet.l3_at, header, own, packet);
}

// Whether all options of a hop-by-hop or destination header may be skipped by a node that does not
// know them (RFC 8200 4.2: the two highest bits of the type are 0).
bool OptionsMayBeSkipped(const std::byte* at, std::size_t octets) noexcept {
  for (unsigned i = 0; i < kMaxExtensionOptions; ++i) {
    if (octets == 0) {
      return true;
    }
    const unsigned type = Octet(at);
    std::size_t length = 1;  // Pad1 has no length octet
    if (type != 0) {
      if (octets < 2) {
        return false;
      }
      length = 2 + Octet(at + 1);
    }
    if (length > octets || type >> 6U != 0) {
      return false;
    }
    at += length;
    octets -= length;
  }
  return octets == 0;
}

// Steps over the extension headers. `at` and `room` move to what follows.
Counter SkipExtensions(const std::byte*& at, std::size_t& room, unsigned next) noexcept {
  for (unsigned i = 0; next != kProtocolUdp; ++i) {
    if (next != kHopByHop && next != kRouting && next != kFragmentHeader && next != kDestination) {
      return Counter::kNotUdp;
    }
    if (i == kMaxExtensions || (next == kHopByHop && i != 0) || room < 8) {
      return Counter::kIpv6Extension;
    }
    const std::size_t octets =
        next == kFragmentHeader ? 8U : (std::size_t{Octet(at + 1)} + 1U) * 8U;
    if (octets > room) {
      return Counter::kIpv6Extension;
    }
    if (next == kFragmentHeader) {
      // An atomic fragment is a whole datagram (RFC 6946 4); bits 1 and 2 are reserved.
      if ((LoadBe16(at + 2) & 0xFFF9U) != 0) {
        return Counter::kFragment;
      }
    } else if (next == kRouting) {
      if (Octet(at + 3) != 0) {  // segments left: we are not its last stop
        return Counter::kIpv6Extension;
      }
    } else if (!OptionsMayBeSkipped(at + 2, octets - 2)) {
      return Counter::kIpv6Extension;
    }
    next = Octet(at);
    at += octets;
    room -= octets;
  }
  return Counter::kQuery;
}

Counter OpenIpv6(ByteSpan frame, const OwnAddresses& own, Packet& packet) noexcept {
  const std::byte* ip = frame.data() + packet.l3_at;
  std::size_t room = frame.size() - packet.l3_at;
  if (room < kIpv6Octets) {
    return Counter::kShortFrame;
  }
  room -= kIpv6Octets;
  const std::size_t payload = LoadBe16(ip + 4);
  if (Octet(ip) >> 4U != 6) {
    return Counter::kIpHeader;
  }
  if (payload > room) {
    return Counter::kShortFrame;
  }
  if (!own.HasV6(ip + 24)) {
    return Counter::kOtherAddress;
  }
  if (MartianV6(ip + 8, own)) {
    return Counter::kMartian;
  }
  const std::byte* at = ip + kIpv6Octets;
  room = payload;
  const Counter verdict = SkipExtensions(at, room, Octet(ip + 6));
  packet.udp_at = static_cast<std::size_t>(at - frame.data());
  packet.udp_room = room;
  return verdict;
}

[[gnu::always_inline]] inline Counter CheckUdp(const ReceivedFrame& received,
                                               const Packet& packet,
                                               UdpChecksum check,
                                               QueryFrame& query) noexcept {
  const ByteSpan frame = received.octets;
  const std::byte* udp = frame.data() + packet.udp_at;
  if (packet.udp_room < kUdpOctets) {
    return Counter::kUdpLength;
  }
  const std::size_t octets = LoadBe16(udp + 4);
  if (octets < kUdpOctets || octets > packet.udp_room) {
    return Counter::kUdpLength;
  }
  if (LoadBe16(udp + 2) != wire::kDnsPort) {
    return Counter::kOtherPort;
  }
  if (wire::IsUnanswerablePort(LoadBe16(udp))) {
    return Counter::kSourcePort;
  }
  const bool has_sum = LoadBe16(udp + 6) != 0;
  if (!has_sum && query.v6) {
    return Counter::kNoUdpChecksum;  // RFC 8200 8.1
  }
  // Source and destination lie side by side in both headers.
  const std::byte* addresses = frame.data() + packet.l3_at + (query.v6 ? 8 : 12);
  const std::size_t readable = frame.size() - packet.udp_at + received.behind;
  if (has_sum && check == UdpChecksum::kVerify &&
      !wire::UdpChecksumHolds(addresses, query.v6 ? 32 : 8, udp, octets, readable)) {
    return Counter::kUdpChecksum;
  }
  query.l3_at = static_cast<std::uint16_t>(packet.l3_at);
  query.udp_at = static_cast<std::uint16_t>(packet.udp_at);
  query.message_octets = static_cast<std::uint16_t>(octets - kUdpOctets);
  return Counter::kQuery;
}

// Steps over VLAN tags. `type` and `at` become those of what they wrap.
Counter OpenEthernet(ByteSpan frame, std::uint16_t& type, std::size_t& at) noexcept {
  at = kEthernetOctets;
  type = LoadBe16(frame.data() + 12);
  for (unsigned tags = 0; type == kTypeVlan || type == kTypeService; ++tags) {
    if (tags == kMaxVlanTags) {
      return Counter::kNotIp;
    }
    if (frame.size() < at + kVlanOctets) {
      return Counter::kShortFrame;
    }
    type = LoadBe16(frame.data() + at + 2);
    at += kVlanOctets;
  }
  return Counter::kQuery;
}

// A frame to a group of hosts. UDP in it stays away from the kernel's sockets: a query to a
// broadcast or multicast address gets no reply (RFC 1122 3.2.1.3), and neither does one to our
// address in such a frame.
bool GroupFrameIsForKernel(ByteSpan frame, const OwnAddresses& own) noexcept {
  std::uint16_t type = 0;
  std::size_t at = 0;
  if (OpenEthernet(frame, type, at) != Counter::kQuery) {
    return false;
  }
  const std::byte* ip = frame.data() + at;
  const std::size_t room = frame.size() - at;
  if (type == kTypeIpv4) {
    return room >= kIpv4Octets && Octet(ip + 9) != kProtocolUdp && !own.HasV4(ip + 16);
  }
  if (type != kTypeIpv6) {
    return true;
  }
  if (room < kIpv6Octets + 1 || own.HasV6(ip + 24)) {
    return false;
  }
  // Neighbour discovery, listener discovery behind its router alert, routing protocols: all but UDP
  // and what it may hide behind.
  const unsigned next = Octet(ip + 6) == kHopByHop ? Octet(ip + kIpv6Octets) : Octet(ip + 6);
  return next != kProtocolUdp && next != kHopByHop && next != kRouting && next != kFragmentHeader &&
         next != kDestination;
}

}  // namespace

bool IsForKernel(Counter verdict, ByteSpan frame, const OwnAddresses& own) noexcept {
  switch (verdict) {
    case Counter::kNotIp:
    case Counter::kIpv6Extension:
    case Counter::kFragment:
    case Counter::kNotUdp:
    case Counter::kOtherAddress:
    case Counter::kOtherPort:
      return true;
    case Counter::kGroupMac:
      return GroupFrameIsForKernel(frame, own);
    default:
      return false;
  }
}

Counter Classify(const ReceivedFrame& received,
                 const MacAddress& mac,
                 const OwnAddresses& own,
                 UdpChecksum check,
                 QueryFrame& query) noexcept {
  const ByteSpan frame = received.octets;
  if (frame.size() < kEthernetOctets) [[unlikely]] {
    return Counter::kShortFrame;
  }
  if (std::memcmp(frame.data(), mac.data(), mac.size()) != 0) [[unlikely]] {
    return (Octet(frame.data()) & 1U) != 0 ? Counter::kGroupMac : Counter::kOtherMac;
  }
  Packet packet;
  constexpr std::uint32_t kPlainIpv4 = 0x450008;  // type IPv4; version 4, no options: little-endian
  if (frame.size() >= kEthernetOctets + kIpv4Octets &&
      (LoadAs<std::uint32_t>(frame.data() + 12) & 0xFFFFFFU) == kPlainIpv4) [[likely]] {
    query.v6 = false;
    const Counter verdict = CheckIpv4(frame, kEthernetOctets, kIpv4Octets, own, packet);
    return verdict == Counter::kQuery ? CheckUdp(received, packet, check, query) : verdict;
  }
  std::uint16_t type = 0;
  if (const Counter verdict = OpenEthernet(frame, type, packet.l3_at); verdict != Counter::kQuery) {
    return verdict;
  }
  if (type != kTypeIpv4 && type != kTypeIpv6) {
    return Counter::kNotIp;
  }
  query.v6 = type == kTypeIpv6;
  const Counter verdict = query.v6 ? OpenIpv6(frame, own, packet) : OpenIpv4(frame, own, packet);
  return verdict == Counter::kQuery ? CheckUdp(received, packet, check, query) : verdict;
}

}  // namespace holdfast::io

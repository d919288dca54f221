// Builds Ethernet frames for tests, field by field, right by default and wrong where a test says
// so; and reads and checks frames with code of its own, independent of dataplane/io.
#pragma once

#include <arpa/inet.h>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::test {

using Octets = std::vector<std::byte>;

inline const std::string kServerMac{"\x02\x00\x00\x00\x00\x01", 6};
inline const std::string kClientMac{"\x02\x00\x00\x00\x00\x02", 6};

/// The checksum of RFC 1071 as the RFC writes it: 16-bit words in network order, one at a time.
inline std::uint16_t PlainChecksum(std::string_view octets) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const auto octet = static_cast<unsigned char>(octets[i]);
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(octet) << 8U : octet;
  }
  while (sum > 0xFFFF) {
    sum = (sum & 0xFFFFU) + (sum >> 16U);
  }
  return static_cast<std::uint16_t>(~sum);
}

inline std::string Be(std::uint64_t value, unsigned octets) {
  std::string text;
  for (unsigned i = octets; i-- > 0;) {
    text += i < 8 ? static_cast<char>((value >> (8 * i)) & 0xFFU) : '\0';
  }
  return text;
}

inline std::uint16_t At16(std::string_view octets, std::size_t at) {
  return static_cast<std::uint16_t>((static_cast<unsigned char>(octets[at]) << 8U) |
                                    static_cast<unsigned char>(octets[at + 1]));
}

/// Network-order octets of a numeric address.
inline std::string Ip(const std::string& text) {
  std::array<char, 16> octets{};
  if (inet_pton(AF_INET, text.c_str(), octets.data()) == 1) {
    return {octets.data(), 4};
  }
  return inet_pton(AF_INET6, text.c_str(), octets.data()) == 1 ? std::string(octets.data(), 16)
                                                               : std::string();
}

/// UDP in IP in Ethernet, from 192.0.2.1 or 2001:db8::1, port 5353, to 192.0.2.53 or 2001:db8::53,
/// port 53, unless told otherwise. What is not set is computed.
class FrameBuilder {
 public:
  static FrameBuilder V4() { return FrameBuilder(false); }
  static FrameBuilder V6() { return FrameBuilder(true); }

  FrameBuilder& ToMac(std::string mac) { return Set(to_mac_, std::move(mac)); }
  FrameBuilder& FromMac(std::string mac) { return Set(from_mac_, std::move(mac)); }
  FrameBuilder& Tag(std::uint16_t type, std::uint16_t control) {
    tags_ += Be(type, 2) + Be(control, 2);
    return *this;
  }
  FrameBuilder& Type(std::uint16_t type) { return Set(type_, int{type}); }
  FrameBuilder& From(const std::string& address) { return Set(from_, Ip(address)); }
  FrameBuilder& To(const std::string& address) { return Set(to_, Ip(address)); }
  FrameBuilder& Ports(std::uint16_t from, std::uint16_t to) {
    from_port_ = from;
    to_port_ = to;
    return *this;
  }
  FrameBuilder& Payload(std::string payload) { return Set(payload_, std::move(payload)); }
  FrameBuilder& Trailer(std::string octets) { return Set(trailer_, std::move(octets)); }
  /// Behind UDP, inside the IP packet.
  FrameBuilder& Slack(std::string octets) { return Set(slack_, std::move(octets)); }
  FrameBuilder& Version(unsigned version) { return Set(version_, version); }
  FrameBuilder& Tos(std::uint8_t tos) { return Set(tos_, tos); }
  FrameBuilder& Ttl(std::uint8_t ttl) { return Set(ttl_, ttl); }
  FrameBuilder& Protocol(std::uint8_t protocol) { return Set(protocol_, int{protocol}); }
  FrameBuilder& HeaderWords(int words) { return Set(header_words_, words); }
  FrameBuilder& IpLength(int octets) { return Set(ip_length_, octets); }
  FrameBuilder& Fragment(std::uint16_t flags_and_offset) {
    return Set(fragment_, flags_and_offset);
  }
  FrameBuilder& IpChecksum(int checksum) { return Set(ip_checksum_, checksum); }
  /// IPv4: options, padded to words by the caller.
  FrameBuilder& Options(std::string octets) { return Set(options_, std::move(octets)); }
  /// IPv6: one extension header; `body` is what follows its next-header octet.
  FrameBuilder& Extension(std::uint8_t type, std::string body) {
    extensions_.emplace_back(type, std::move(body));
    return *this;
  }
  FrameBuilder& UdpLength(int octets) { return Set(udp_length_, octets); }
  FrameBuilder& UdpChecksum(int checksum) { return Set(udp_checksum_, checksum); }

  [[nodiscard]] std::string Text() const {
    const std::string packet = v6_ ? Ipv6() : Ipv4();
    return to_mac_ + from_mac_ + tags_ +
           Be(static_cast<std::uint64_t>(type_ >= 0 ? type_ : (v6_ ? 0x86DD : 0x0800)), 2) +
           packet + trailer_;
  }
  [[nodiscard]] Octets Build() const {
    const std::string text = Text();
    const auto* first = reinterpret_cast<const std::byte*>(text.data());
    return {first, first + text.size()};
  }

 private:
  explicit FrameBuilder(bool v6)
      : v6_(v6),
        from_(Ip(v6 ? "2001:db8::1" : "192.0.2.1")),
        to_(Ip(v6 ? "2001:db8::53" : "192.0.2.53")) {}

  template <class T>
  FrameBuilder& Set(T& field, T value) {
    field = std::move(value);
    return *this;
  }

  [[nodiscard]] std::string Udp() const {
    const auto length = static_cast<std::uint64_t>(
        udp_length_ >= 0 ? udp_length_ : static_cast<int>(8 + payload_.size()));
    const std::string ports = Be(from_port_, 2) + Be(to_port_, 2) + Be(length, 2);
    std::uint16_t sum =
        PlainChecksum(from_ + to_ + Be(17, 2) + Be(length, 2) + ports + Be(0, 2) + payload_);
    sum = sum == 0 ? std::uint16_t{0xFFFF} : sum;
    return ports + Be(udp_checksum_ >= 0 ? static_cast<std::uint64_t>(udp_checksum_) : sum, 2) +
           payload_ + slack_;
  }

  [[nodiscard]] std::string Ipv4() const {
    const std::string udp = Udp();
    const auto words = static_cast<unsigned>(
        header_words_ >= 0 ? header_words_ : static_cast<int>(5 + (options_.size() / 4)));
    const auto length = static_cast<std::uint64_t>(
        ip_length_ >= 0 ? ip_length_ : static_cast<int>(20 + options_.size() + udp.size()));
    const std::string head = Be((version_ != 0 ? version_ : 4) << 4U | words, 1) + Be(tos_, 1) +
                             Be(length, 2) + Be(0x1234, 2) + Be(fragment_, 2) + Be(ttl_, 1) +
                             Be(static_cast<std::uint64_t>(protocol_ >= 0 ? protocol_ : 17), 1);
    const std::uint16_t sum = PlainChecksum(head + Be(0, 2) + from_ + to_ + options_);
    return head + Be(ip_checksum_ >= 0 ? static_cast<std::uint64_t>(ip_checksum_) : sum, 2) +
           from_ + to_ + options_ + udp;
  }

  [[nodiscard]] std::string Ipv6() const {
    std::string rest = Udp();
    auto next = static_cast<std::uint64_t>(protocol_ >= 0 ? protocol_ : 17);
    for (auto i = extensions_.rbegin(); i != extensions_.rend(); ++i) {
      rest = Be(next, 1) + i->second + rest;
      next = i->first;
    }
    const auto length =
        static_cast<std::uint64_t>(ip_length_ >= 0 ? ip_length_ : static_cast<int>(rest.size()));
    return Be((version_ != 0 ? version_ : 6) << 28U | std::uint64_t{tos_} << 20U | 0xABCDE, 4) +
           Be(length, 2) + Be(next, 1) + Be(ttl_, 1) + from_ + to_ + rest;
  }

  bool v6_;
  std::string to_mac_ = kServerMac;
  std::string from_mac_ = kClientMac;
  std::string tags_;
  std::string from_;
  std::string to_;
  std::string payload_ = "a message of some octets";
  std::string slack_;
  std::string trailer_;
  std::string options_;
  std::vector<std::pair<std::uint8_t, std::string>> extensions_;
  std::uint16_t from_port_ = 5353;
  std::uint16_t to_port_ = 53;
  unsigned version_ = 0;  // 0: the right one
  std::uint8_t tos_ = 0;
  std::uint8_t ttl_ = 17;
  std::uint16_t fragment_ = 0;
  // -1: computed.
  int type_ = -1;
  int protocol_ = -1;
  int header_words_ = -1;
  int ip_length_ = -1;
  int ip_checksum_ = -1;
  int udp_length_ = -1;
  int udp_checksum_ = -1;
};

/// Whether the UDP checksum of a packet without options or extension headers is right.
/// @param packet  from the IP header on.
inline bool UdpChecksumIsRight(std::string_view packet) {
  const bool v6 = static_cast<unsigned char>(packet[0]) >> 4U == 6;
  const std::string_view udp = packet.substr(v6 ? 40 : 20);
  const std::string pseudo =
      std::string(v6 ? packet.substr(8, 32) : packet.substr(12, 8)) + Be(17, 2) + Be(udp.size(), 2);
  return PlainChecksum(pseudo + std::string(udp)) == 0;
}

inline std::string TextOf(const std::byte* at, std::size_t octets) {
  return {reinterpret_cast<const char*>(at), octets};
}

}  // namespace holdfast::test

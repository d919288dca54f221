// The checksum against the plain reading of RFC 1071 and against packets whose sums are known.
#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

#include "dataplane/wire/checksum.h"

namespace holdfast::wire {
namespace {

std::uint16_t PlainSum(const std::vector<unsigned char>& octets) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < octets.size(); i += 2) {
    const unsigned low = i + 1 < octets.size() ? octets[i + 1] : 0;
    sum += (unsigned{octets[i]} << 8U) | low;
    sum = (sum & 0xFFFFU) + (sum >> 16U);
  }
  return static_cast<std::uint16_t>(sum);
}

TEST(Checksum, EqualsThePlainSumForEveryLengthAndAlignment) {
  std::mt19937 random(7);
  for (std::size_t octets = 0; octets < 300; ++octets) {
    for (std::size_t shift = 0; shift < 4; ++shift) {
      std::vector<unsigned char> data(octets + shift);
      for (auto& octet : data) {
        octet = octets % 3 == 0 ? 0xFF : static_cast<unsigned char>(random());
      }
      const std::vector<unsigned char> exact(data.begin() + static_cast<long>(shift), data.end());
      const std::uint16_t sum = FoldSum(AddToSum(0, data.data() + shift, octets));
      EXPECT_EQ(__builtin_bswap16(sum), PlainSum(exact)) << octets << " at " << shift;
    }
  }
}

TEST(Checksum, IsTheSameWithRoomBehindWhateverStandsThere) {
  std::mt19937 random(9);
  for (std::size_t octets = 0; octets < kSumRoom + 20; ++octets) {
    for (const std::uint64_t before : {std::uint64_t{0}, ~std::uint64_t{0} - 5}) {
      std::vector<unsigned char> data(std::max(octets, kSumRoom));
      for (auto& octet : data) {
        octet = octets % 3 == 0 ? 0xFF : static_cast<unsigned char>(random());
      }
      EXPECT_EQ(FoldSum(AddToSumInRoom(before, data.data(), octets)),
                FoldSum(AddToSum(before, data.data(), octets)))
          << octets;
    }
  }
}

TEST(Checksum, IsRightForAnIp4HeaderFromTheRfcs) {
  // 45 00 00 73 00 00 40 00 40 11 b8 61 c0 a8 00 01 c0 a8 00 c7: the common example header.
  std::vector<unsigned char> header{0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                    0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
  const std::uint16_t checksum = Ip4HeaderChecksum(header.data(), header.size());
  EXPECT_EQ(__builtin_bswap16(checksum), 0xb861);
  StoreAs(header.data() + 10, checksum);
  EXPECT_EQ(Ip4HeaderChecksum(header.data(), header.size()), 0);
}

class UdpChecksumOver : public testing::TestWithParam<std::size_t> {};  // octets of both addresses

TEST_P(UdpChecksumOver, HoldsOnceItIsStoredAndNoLongerAfterAFlippedBit) {
  std::mt19937 random(11);
  for (std::size_t payload = 0; payload < 70; ++payload) {
    std::vector<unsigned char> addresses(GetParam());
    std::vector<unsigned char> udp(8 + payload);
    for (auto& octet : addresses) {
      octet = static_cast<unsigned char>(random());
    }
    for (auto& octet : udp) {
      octet = static_cast<unsigned char>(random());
    }
    StoreAs(udp.data() + 6, std::uint16_t{0});
    StoreAs(udp.data() + 6,
            UdpChecksum(addresses.data(), addresses.size(), udp.data(), udp.size()));
    const std::size_t octets = udp.size();
    udp.resize(octets + kSumRoom, 0x5A);
    const auto holds = [&](std::size_t readable) {
      return UdpChecksumHolds(addresses.data(), addresses.size(), udp.data(), octets, readable);
    };
    EXPECT_TRUE(holds(octets));
    EXPECT_TRUE(holds(udp.size()));
    udp[random() % octets] ^= static_cast<unsigned char>(1U << (random() % 8));
    EXPECT_FALSE(holds(octets));
    EXPECT_FALSE(holds(udp.size()));
  }
}
INSTANTIATE_TEST_SUITE_P(Families, UdpChecksumOver, testing::Values(8, 32));

TEST(Checksum, conf_L09_ASumOfZeroIsStoredAsAllOnes) {
  // Two octets of payload that take the sum to 0xFFFF.
  const std::vector<unsigned char> addresses(8, 0);
  std::vector<unsigned char> udp(10, 0);
  udp[5] = 10;
  const std::uint16_t without =
      FoldSum(AddToSum(PseudoHeaderSum(addresses.data(), 8, udp.size()), udp.data(), udp.size()));
  StoreAs(udp.data() + 8, static_cast<std::uint16_t>(~without));
  EXPECT_EQ(UdpChecksum(addresses.data(), 8, udp.data(), udp.size()), 0xFFFF);
}

}  // namespace
}  // namespace holdfast::wire

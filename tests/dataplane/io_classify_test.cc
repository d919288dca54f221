// Which frames are queries for us, and why the others are not: the link-layer rows (L..) and the
// source-port rows (Q12, Q13) of the conformance catalogue, each as frames on heap buffers of their
// exact size.
#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <ostream>
#include <string>
#include <vector>

#include "dataplane/io/classify.h"
#include "tests/dataplane/frame_builder.h"

namespace holdfast::io {

std::ostream& operator<<(std::ostream& out, Counter counter) {
  return out << CounterText(counter);
}

namespace {

using test::Be;
using test::FrameBuilder;
using test::Octets;

struct Seen {
  Counter verdict;
  QueryFrame query;
};

class Classify : public testing::Test {
 protected:
  static constexpr std::size_t kBehind = 128;
  Seen Look(const FrameBuilder& frame, UdpChecksum check = UdpChecksum::kVerify) {
    return LookAt(frame.Build(), check);
  }
  Seen LookAt(const Octets& frame, UdpChecksum check = UdpChecksum::kVerify) {
    MacAddress mac;
    std::memcpy(mac.data(), test::kServerMac.data(), mac.size());
    Seen seen{};
    seen.verdict = io::Classify({.octets = frame}, mac, own_, check, seen.query);
    // As it lies in a buffer of a port, with the leavings of another frame behind it.
    Octets buffer = frame;
    buffer.resize(frame.size() + kBehind, std::byte{0xA5});
    QueryFrame query;
    EXPECT_EQ(io::Classify({.octets = ByteSpan(buffer).first(frame.size()), .behind = kBehind},
                           mac,
                           own_,
                           check,
                           query),
              seen.verdict);
    return seen;
  }
  Counter Verdict(const FrameBuilder& frame, UdpChecksum check = UdpChecksum::kVerify) {
    return Look(frame, check).verdict;
  }

  OwnAddresses own_ = *OwnAddresses::Create(std::vector{
      *ParseAddress("192.0.2.53"), *ParseAddress("192.0.2.54"), *ParseAddress("2001:db8::53")});
};

TEST_F(Classify, FindsTheMessageOfAPlainQuery) {
  const Seen v4 = Look(FrameBuilder::V4().Payload("0123456789"));
  EXPECT_EQ(v4.verdict, Counter::kQuery);
  EXPECT_EQ(v4.query.l3_at, 14);
  EXPECT_EQ(v4.query.udp_at, 34);
  EXPECT_EQ(v4.query.message_octets, 10);
  EXPECT_FALSE(v4.query.v6);
  const Seen v6 = Look(FrameBuilder::V6().Payload("0123456789a"));
  EXPECT_EQ(v6.verdict, Counter::kQuery);
  EXPECT_EQ(v6.query.udp_at, 54);
  EXPECT_EQ(v6.query.message_octets, 11);
  EXPECT_TRUE(v6.query.v6);
}

TEST_F(Classify, CutAnywhereIsNeverAQuery) {
  for (const FrameBuilder& frame :
       {FrameBuilder::V4(),
        FrameBuilder::V6(),
        FrameBuilder::V4().Tag(0x88A8, 7).Tag(0x8100, 9),
        FrameBuilder::V4().Options(std::string(8, '\1')),
        FrameBuilder::V6().Extension(0, Be(0, 1) + Be(0x0104, 2) + Be(0, 4))}) {
    const Octets whole = frame.Build();
    ASSERT_EQ(LookAt(whole).verdict, Counter::kQuery);
    for (std::size_t octets = 0; octets < whole.size(); ++octets) {
      // A copy of exactly this size: the address sanitizer sees any octet read beyond it.
      const Octets cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(octets));
      EXPECT_EQ(LookAt(cut).verdict, Counter::kShortFrame) << octets;
    }
  }
}

TEST_F(Classify, conf_L01_FramesToOtherMacAddressesGetNoReply) {
  EXPECT_EQ(Verdict(FrameBuilder::V4().ToMac(std::string(6, '\xFF'))), Counter::kGroupMac);
  EXPECT_EQ(Verdict(FrameBuilder::V4().ToMac({"\x01\x00\x5E\x00\x00\xFB", 6})), Counter::kGroupMac);
  EXPECT_EQ(Verdict(FrameBuilder::V6().ToMac({"\x33\x33\x00\x00\x00\x01", 6})), Counter::kGroupMac);
  EXPECT_EQ(Verdict(FrameBuilder::V4().ToMac({"\x02\x00\x00\x00\x00\x09", 6})), Counter::kOtherMac);
}

TEST_F(Classify, conf_L01_BroadcastAndMulticastDestinationsGetNoReply) {
  for (const char* to : {"255.255.255.255", "192.0.2.255", "224.0.0.251", "192.0.2.52"}) {
    EXPECT_EQ(Verdict(FrameBuilder::V4().To(to)), Counter::kOtherAddress) << to;
  }
  for (const char* to : {"ff02::fb", "2001:db8::54", "::", "::ffff:192.0.2.53"}) {
    EXPECT_EQ(Verdict(FrameBuilder::V6().To(to)), Counter::kOtherAddress) << to;
  }
}

TEST_F(Classify, conf_L02_EachOfOurAddressesIsAnswered) {
  EXPECT_EQ(Verdict(FrameBuilder::V4().To("192.0.2.53")), Counter::kQuery);
  EXPECT_EQ(Verdict(FrameBuilder::V4().To("192.0.2.54")), Counter::kQuery);
}

TEST_F(Classify, conf_L03_EthernetPaddingIsNotPartOfTheMessage) {
  const Seen padded = Look(FrameBuilder::V4().Payload("0123456789").Trailer(std::string(8, '\0')));
  EXPECT_EQ(padded.verdict, Counter::kQuery);
  EXPECT_EQ(padded.query.message_octets, 10);
  const Seen six = Look(FrameBuilder::V6().Payload("0123").Trailer(std::string(9, 'x')));
  EXPECT_EQ(six.verdict, Counter::kQuery);
  EXPECT_EQ(six.query.message_octets, 4);
}

TEST_F(Classify, conf_L03_IpLengthsThatCannotBeAreRefused) {
  EXPECT_EQ(Verdict(FrameBuilder::V4().IpLength(19)), Counter::kIpHeader);
  EXPECT_EQ(Verdict(FrameBuilder::V4().IpLength(20)), Counter::kUdpLength);
  EXPECT_EQ(Verdict(FrameBuilder::V4().IpLength(27)), Counter::kUdpLength);
  EXPECT_EQ(Verdict(FrameBuilder::V4().IpLength(1500)), Counter::kShortFrame);
  EXPECT_EQ(Verdict(FrameBuilder::V4().HeaderWords(4)), Counter::kIpHeader);
  EXPECT_EQ(Verdict(FrameBuilder::V4().Version(5)), Counter::kIpHeader);
  EXPECT_EQ(Verdict(FrameBuilder::V6().Version(4)), Counter::kIpHeader);
  EXPECT_EQ(Verdict(FrameBuilder::V6().IpLength(1500)), Counter::kShortFrame);
  EXPECT_EQ(Verdict(FrameBuilder::V6().IpLength(7)), Counter::kUdpLength);
  EXPECT_EQ(Verdict(FrameBuilder::V6().IpLength(0)), Counter::kUdpLength);  // a jumbogram's 0
}

TEST_F(Classify, conf_L04_OctetsBehindTheUdpLengthAreIgnored) {
  const Seen v4 = Look(FrameBuilder::V4().Payload("0123456789").Slack("more"));
  EXPECT_EQ(v4.verdict, Counter::kQuery);
  EXPECT_EQ(v4.query.message_octets, 10);
}

TEST_F(Classify, conf_L04_UdpLengthsThatCannotBeAreRefused) {
  for (const int octets : {0, 7, 33, 1000, 65535}) {
    EXPECT_EQ(Verdict(FrameBuilder::V4().UdpLength(octets)), Counter::kUdpLength) << octets;
    EXPECT_EQ(Verdict(FrameBuilder::V6().UdpLength(octets)), Counter::kUdpLength) << octets;
  }
}

TEST_F(Classify, conf_L05_AWrongIpHeaderChecksumIsRefused) {
  const Octets right = FrameBuilder::V4().Build();
  for (std::size_t bit = 0; bit < 16; ++bit) {
    Octets wrong = right;
    wrong[24 + (bit / 8)] ^= std::byte{1} << (bit % 8);
    EXPECT_EQ(LookAt(wrong).verdict, Counter::kIpChecksum) << bit;
  }
  EXPECT_EQ(Verdict(FrameBuilder::V4().IpChecksum(0), UdpChecksum::kTrust), Counter::kIpChecksum);
}

TEST_F(Classify, conf_L06_AnyBitFlippedBehindThePortsIsRefused) {
  for (const FrameBuilder& frame : {FrameBuilder::V4().Payload("odd"), FrameBuilder::V6()}) {
    const Octets right = frame.Build();
    const std::size_t message_at = right.size() - (right[12] == std::byte{0x08} ? 3 : 24);
    for (std::size_t bit = 0; bit < 8 * (right.size() - message_at); ++bit) {
      Octets wrong = right;
      wrong[message_at + (bit / 8)] ^= std::byte{1} << (bit % 8);
      EXPECT_EQ(LookAt(wrong).verdict, Counter::kUdpChecksum) << bit;
    }
  }
}

TEST_F(Classify, conf_L06_EveryLengthOfMessageSumsRight) {
  for (std::size_t octets = 0; octets < 64; ++octets) {
    std::string message(octets, '\0');
    std::iota(message.begin(), message.end(), static_cast<char>(0xF0));
    EXPECT_EQ(Verdict(FrameBuilder::V4().Payload(message)), Counter::kQuery) << octets;
    EXPECT_EQ(Verdict(FrameBuilder::V6().Payload(message)), Counter::kQuery) << octets;
    EXPECT_EQ(Verdict(FrameBuilder::V4().Payload(std::string(octets, '\xFF'))), Counter::kQuery);
  }
}

TEST_F(Classify, conf_L06_ThePortsSwitchTrustsPartialChecksums) {
  EXPECT_EQ(Verdict(FrameBuilder::V4().UdpChecksum(0x1234)), Counter::kUdpChecksum);
  EXPECT_EQ(Verdict(FrameBuilder::V4().UdpChecksum(0x1234), UdpChecksum::kTrust), Counter::kQuery);
  EXPECT_EQ(Verdict(FrameBuilder::V6().UdpChecksum(0x1234), UdpChecksum::kTrust), Counter::kQuery);
}

TEST_F(Classify, conf_L07_Ipv4WithoutUdpChecksumIsAccepted) {
  EXPECT_EQ(Verdict(FrameBuilder::V4().UdpChecksum(0)), Counter::kQuery);
}

TEST_F(Classify, conf_L08_Ipv6WithoutUdpChecksumIsRefused) {
  EXPECT_EQ(Verdict(FrameBuilder::V6().UdpChecksum(0)), Counter::kNoUdpChecksum);
  EXPECT_EQ(Verdict(FrameBuilder::V6().UdpChecksum(0), UdpChecksum::kTrust),
            Counter::kNoUdpChecksum);
}

TEST_F(Classify, conf_L10_FragmentsAreCountedAndDropped) {
  EXPECT_EQ(Verdict(FrameBuilder::V4().Fragment(0x2000)), Counter::kFragment);  // the first
  EXPECT_EQ(Verdict(FrameBuilder::V4().Fragment(0x2001)), Counter::kFragment);
  EXPECT_EQ(Verdict(FrameBuilder::V4().Fragment(0x1FFF)), Counter::kFragment);  // the last
  EXPECT_EQ(Verdict(FrameBuilder::V4().Fragment(0x4000)), Counter::kQuery);     // DF
  const auto six = [](std::uint16_t field) {
    return FrameBuilder::V6().Extension(44, Be(0, 1) + Be(field, 2) + Be(0xABCD, 4));
  };
  EXPECT_EQ(Verdict(six(0x0001)), Counter::kFragment);
  EXPECT_EQ(Verdict(six(0x0008)), Counter::kFragment);
  EXPECT_EQ(Verdict(six(0xFFF9)), Counter::kFragment);
}

TEST_F(Classify, conf_L11_AnAtomicFragmentIsAWholeQuery) {
  const Seen seen = Look(FrameBuilder::V6().Extension(44, Be(0, 1) + Be(0, 2) + Be(0xABCD, 4)));
  EXPECT_EQ(seen.verdict, Counter::kQuery);
  EXPECT_EQ(seen.query.udp_at, 62);
}

TEST_F(Classify, conf_L14_Ipv4OptionsAreSkipped) {
  for (const std::size_t words : {1U, 5U, 10U}) {
    const Seen seen = Look(FrameBuilder::V4().Options(std::string(4 * words, '\1')));
    EXPECT_EQ(seen.verdict, Counter::kQuery);
    EXPECT_EQ(seen.query.udp_at, 34 + (4 * words));
  }
  // Header words that claim the message for options leave no UDP that fits.
  EXPECT_NE(Verdict(FrameBuilder::V4().HeaderWords(15)), Counter::kQuery);
}

TEST_F(Classify, conf_L14_Ipv6ExtensionHeadersAreSkippedOrRefused) {
  const std::string pad = Be(0, 1) + Be(0x0104, 2) + Be(0, 4);        // length 0, PadN of 4
  const std::string long_pad = Be(1, 1) + Be(0x010C, 2) + Be(0, 12);  // 16 octets in all
  const std::string must_know = Be(0, 1) + Be(0xC004, 2) + Be(0, 4);  // discard if unknown
  const std::string may_skip = Be(0, 1) + Be(0x1E04, 2) + Be(0, 4);   // skip if unknown
  const std::string overrun = Be(0, 1) + Be(0x0105, 2) + Be(0, 4);    // option past the header
  const std::string arrived = Be(0, 1) + Be(0x0000, 2) + Be(0, 4);    // routing, 0 segments left
  const std::string not_yet = Be(0, 1) + Be(0x0001, 2) + Be(0, 4);
  const std::string too_long = Be(200, 1) + Be(0, 6);
  EXPECT_EQ(Verdict(FrameBuilder::V6().Extension(0, pad)), Counter::kQuery);
  EXPECT_EQ(Look(FrameBuilder::V6().Extension(0, long_pad).Extension(60, pad)).query.udp_at, 78);
  EXPECT_EQ(Verdict(FrameBuilder::V6().Extension(60, may_skip)), Counter::kQuery);
  EXPECT_EQ(Verdict(FrameBuilder::V6().Extension(43, arrived)), Counter::kQuery);
  FrameBuilder four = FrameBuilder::V6();
  four.Extension(0, pad).Extension(60, pad).Extension(43, arrived).Extension(60, pad);
  EXPECT_EQ(Verdict(four), Counter::kQuery);
  EXPECT_EQ(Verdict(four.Extension(60, pad)), Counter::kIpv6Extension);
  EXPECT_EQ(Verdict(FrameBuilder::V6().Extension(60, must_know)), Counter::kIpv6Extension);
  EXPECT_EQ(Verdict(FrameBuilder::V6().Extension(60, overrun)), Counter::kIpv6Extension);
  EXPECT_EQ(Verdict(FrameBuilder::V6().Extension(43, not_yet)), Counter::kIpv6Extension);
  EXPECT_EQ(Verdict(FrameBuilder::V6().Extension(60, too_long)), Counter::kIpv6Extension);
  EXPECT_EQ(Verdict(FrameBuilder::V6().Extension(60, pad).Extension(0, pad)),
            Counter::kIpv6Extension);  // hop-by-hop comes first or not at all
}

TEST_F(Classify, conf_L14_TheOptionsOfOneHeaderAreBounded) {
  // 22 Pad1 options: more than are looked at.
  EXPECT_EQ(Verdict(FrameBuilder::V6().Extension(60, Be(2, 1) + std::string(22, '\0'))),
            Counter::kIpv6Extension);
  EXPECT_EQ(Verdict(FrameBuilder::V6().Extension(60, Be(1, 1) + std::string(14, '\0'))),
            Counter::kQuery);
}

TEST_F(Classify, conf_L15_OneOrTwoVlanTagsAreUnderstoodThreeAreNot) {
  EXPECT_EQ(Look(FrameBuilder::V4().Tag(0x8100, 0x6064)).query.l3_at, 18);
  EXPECT_EQ(Look(FrameBuilder::V6().Tag(0x88A8, 10).Tag(0x8100, 20)).query.l3_at, 22);
  EXPECT_EQ(Verdict(FrameBuilder::V4().Tag(0x8100, 1).Tag(0x8100, 2)), Counter::kQuery);
  EXPECT_EQ(Verdict(FrameBuilder::V4().Tag(0x88A8, 1).Tag(0x8100, 2).Tag(0x8100, 3)),
            Counter::kNotIp);
}

TEST_F(Classify, conf_L16_L17_WhatIsNotUdpIsLeftToTheKernelPath) {
  EXPECT_EQ(Verdict(FrameBuilder::V4().Type(0x0806)), Counter::kNotIp);
  EXPECT_EQ(Verdict(FrameBuilder::V4().Protocol(1)), Counter::kNotUdp);
  EXPECT_EQ(Verdict(FrameBuilder::V4().Protocol(6)), Counter::kNotUdp);
  EXPECT_EQ(Verdict(FrameBuilder::V6().Protocol(58)), Counter::kNotUdp);
  EXPECT_EQ(Verdict(FrameBuilder::V6().Protocol(59)), Counter::kNotUdp);
}

TEST_F(Classify, conf_L18_OtherPortsAreCountedAndDropped) {
  EXPECT_EQ(Verdict(FrameBuilder::V4().Ports(5353, 54)), Counter::kOtherPort);
  EXPECT_EQ(Verdict(FrameBuilder::V6().Ports(53, 5353)), Counter::kOtherPort);
}

TEST_F(Classify, conf_L19_MartianAndOwnSourceAddressesAreDropped) {
  for (const char* from : {"127.0.0.1",
                           "0.0.0.0",
                           "0.1.2.3",
                           "224.0.0.1",
                           "239.255.255.255",
                           "240.0.0.1",
                           "255.255.255.255",
                           "192.0.2.53",
                           "192.0.2.54"}) {
    EXPECT_EQ(Verdict(FrameBuilder::V4().From(from)), Counter::kMartian) << from;
  }
  for (const char* from : {"::", "::1", "ff02::1", "::ffff:192.0.2.1", "2001:db8::53"}) {
    EXPECT_EQ(Verdict(FrameBuilder::V6().From(from)), Counter::kMartian) << from;
  }
  for (const char* from : {"10.0.0.1", "169.254.1.1", "223.255.255.255"}) {
    EXPECT_EQ(Verdict(FrameBuilder::V4().From(from)), Counter::kQuery) << from;
  }
  for (const char* from : {"fe80::1", "fd00::1", "::2", "64:ff9b::1"}) {
    EXPECT_EQ(Verdict(FrameBuilder::V6().From(from)), Counter::kQuery) << from;
  }
}

TEST_F(Classify, conf_Q12_SourcePortZeroIsDropped) {
  EXPECT_EQ(Verdict(FrameBuilder::V4().Ports(0, 53)), Counter::kSourcePort);
}

TEST_F(Classify, conf_Q13_SourcePortsOfEchoServicesAreDropped) {
  for (const auto port : std::initializer_list<std::uint16_t>{7, 13, 17, 19, 37}) {
    EXPECT_EQ(Verdict(FrameBuilder::V4().Ports(port, 53)), Counter::kSourcePort) << port;
    EXPECT_EQ(Verdict(FrameBuilder::V6().Ports(port, 53)), Counter::kSourcePort) << port;
  }
  EXPECT_EQ(Verdict(FrameBuilder::V4().Ports(53, 53)), Counter::kQuery);
  EXPECT_EQ(Verdict(FrameBuilder::V4().Ports(8, 53)), Counter::kQuery);
}

TEST(OwnAddresses, HoldsEachOfAThousandAndNoOther) {
  std::vector<IpAddress> addresses;
  for (unsigned i = 0; i < kMaxAddresses / 2; ++i) {
    addresses.push_back(
        *ParseAddress("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256)));
    addresses.push_back(*ParseAddress("2001:db8::" + std::to_string(i)));
  }
  const OwnAddresses own = *OwnAddresses::Create(addresses);
  for (const IpAddress& address : addresses) {
    EXPECT_TRUE(address.IsV4() ? own.HasV4(&address.octets[12]) : own.HasV6(address.octets.data()));
  }
  EXPECT_FALSE(own.HasV4(ParseAddress("10.0.2.0")->octets.data() + 12));
  EXPECT_FALSE(own.HasV6(ParseAddress("2001:db8::9999")->octets.data()));
  const std::array<std::byte, 16> nothing{};
  EXPECT_FALSE(own.HasV4(nothing.data()));
  EXPECT_FALSE(own.HasV6(nothing.data()));
}

TEST(OwnAddresses, RefusesNoneAndTooMany) {
  EXPECT_EQ(OwnAddresses::Create({}).error().code, ErrorCode::kInvalid);
  const std::vector<IpAddress> many(kMaxAddresses + 1, *ParseAddress("10.0.0.1"));
  EXPECT_EQ(OwnAddresses::Create(many).error().code, ErrorCode::kExhausted);
}

TEST(ParseAddress, RefusesWhatAHostCannotOwn) {
  for (const char* text : {"",
                           "192.0.2",
                           "192.0.2.1/24",
                           "a.b.c.d",
                           "0.0.0.0",
                           "224.0.0.1",
                           "255.255.255.255",
                           "::",
                           "ff02::1",
                           "2001:db8::/64",
                           "::ffff:192.0.2.1",
                           "192.0.2.1 "}) {
    const auto address = ParseAddress(text);
    ASSERT_FALSE(address) << text;
    EXPECT_NE(address.error().message.find("'" + std::string(text) + "'"), std::string::npos);
  }
}

TEST(ParseAddress, GivesBackWhatItRead) {
  for (const char* text : {"192.0.2.1", "2001:db8::1", "fe80::1", "10.0.0.255"}) {
    EXPECT_EQ(AddressText(*ParseAddress(text)), text);
  }
}

TEST(Counters, EachHasANameOfItsOwn) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < static_cast<unsigned>(Counter::kCount); ++i) {
    names.emplace_back(CounterText(static_cast<Counter>(i)));
  }
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
  EXPECT_EQ(std::ranges::count(names, "unknown"), 0);
  EXPECT_EQ(std::string(CounterText(Counter::kCount)), "unknown");
}

// What a kernel with the same addresses is given on a port that has none below it.
class ForKernel : public Classify {
 protected:
  bool IsGiven(const FrameBuilder& frame) {
    const Octets octets = frame.Build();
    return IsForKernel(LookAt(octets).verdict, octets, own_);
  }
  const std::string all_ = std::string(6, '\xFF');
  const std::string solicited_{"\x33\x33\xFF\x00\x00\x53", 6};
};

TEST_F(ForKernel, conf_L16_ArpAndNeighbourDiscovery) {
  EXPECT_TRUE(IsGiven(FrameBuilder::V4().Type(0x0806)));
  EXPECT_TRUE(IsGiven(FrameBuilder::V4().Type(0x0806).ToMac(all_)));
  EXPECT_TRUE(IsGiven(FrameBuilder::V4().Type(0x0806).ToMac(all_).Tag(0x8100, 7)));
  const auto discovery = FrameBuilder::V6().Protocol(58).To("ff02::1:ff00:53").ToMac(solicited_);
  EXPECT_TRUE(IsGiven(discovery));
  EXPECT_TRUE(IsGiven(FrameBuilder(discovery).Extension(0, Be(0, 1) + Be(0x0502, 2) + Be(0, 4))));
  EXPECT_TRUE(IsGiven(FrameBuilder::V6().Protocol(58)));
  // OSPF over either.
  EXPECT_TRUE(IsGiven(FrameBuilder::V6().Protocol(89).To("ff02::5").ToMac(solicited_)));
  EXPECT_TRUE(IsGiven(FrameBuilder::V4()
                          .Protocol(89)
                          .To("224.0.0.5")
                          .ToMac(std::string("\x01\x00\x5E\x00\x00\x05", 6))));
}

TEST_F(ForKernel, conf_L17_conf_L18_OtherProtocolsAndPorts) {
  EXPECT_TRUE(IsGiven(FrameBuilder::V4().Protocol(1)));
  EXPECT_TRUE(IsGiven(FrameBuilder::V4().Protocol(6)));
  EXPECT_TRUE(IsGiven(FrameBuilder::V6().Protocol(6)));
  EXPECT_TRUE(IsGiven(FrameBuilder::V4().Ports(5353, 54)));
  EXPECT_TRUE(IsGiven(FrameBuilder::V4().To("192.0.2.99")));
  EXPECT_TRUE(IsGiven(FrameBuilder::V4().ToMac(all_).To("192.0.2.255").Protocol(1)));
}

TEST_F(ForKernel, conf_L10_FragmentsAreItsToReassemble) {
  EXPECT_TRUE(IsGiven(FrameBuilder::V4().Fragment(0x2000)));
  EXPECT_TRUE(IsGiven(FrameBuilder::V4().Fragment(0x0010)));
  EXPECT_TRUE(IsGiven(FrameBuilder::V6().Extension(44, Be(0, 1) + Be(1, 2) + Be(7, 4))));
}

TEST_F(ForKernel, conf_L01_NoQueryThatItsSocketsWouldAnswerThoughNobodyMay) {
  for (const std::string& group : {all_, std::string("\x01\x00\x5E\x00\x00\xFB", 6)}) {
    EXPECT_FALSE(IsGiven(FrameBuilder::V4().ToMac(group)));
    EXPECT_FALSE(IsGiven(FrameBuilder::V4().ToMac(group).To("255.255.255.255")));
    EXPECT_FALSE(IsGiven(FrameBuilder::V4().ToMac(group).Fragment(0x2000)));
    EXPECT_FALSE(IsGiven(FrameBuilder::V4().ToMac(group).Protocol(6)));  // to our own address
  }
  EXPECT_FALSE(IsGiven(FrameBuilder::V6().ToMac(solicited_).To("ff02::1")));
  EXPECT_FALSE(IsGiven(FrameBuilder::V6()
                           .ToMac(solicited_)
                           .To("ff02::1")
                           .Extension(44, Be(0, 1) + Be(0, 2) + Be(7, 4))));
  EXPECT_FALSE(IsGiven(FrameBuilder::V6()
                           .ToMac(solicited_)
                           .To("ff02::1")
                           .Extension(0, Be(0, 1) + Be(0x0104, 2) + Be(0, 4))));
  EXPECT_FALSE(IsGiven(FrameBuilder::V6()
                           .ToMac(solicited_)
                           .To("ff02::1")
                           .Extension(60, Be(0, 1) + Be(0x0104, 2) + Be(0, 4))));
  EXPECT_FALSE(IsGiven(FrameBuilder::V6().ToMac(solicited_).Protocol(58)));
}

TEST_F(ForKernel, NothingThatIsUnsoundOrForSomebodyElse) {
  EXPECT_FALSE(IsGiven(FrameBuilder::V4().ToMac("\x02\x02\x02\x02\x02\x02")));
  EXPECT_FALSE(IsGiven(FrameBuilder::V4().IpChecksum(1)));
  EXPECT_FALSE(IsGiven(FrameBuilder::V4().UdpChecksum(1)));
  EXPECT_FALSE(IsGiven(FrameBuilder::V4().UdpLength(7)));
  EXPECT_FALSE(IsGiven(FrameBuilder::V4().From("127.0.0.1")));
  EXPECT_FALSE(IsGiven(FrameBuilder::V4().Ports(0, 53)));
  const Octets whole = FrameBuilder::V6().Protocol(58).To("ff02::1").ToMac(solicited_).Build();
  for (std::size_t octets = 0; octets < 14 + 40; ++octets) {
    const Octets cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(octets));
    EXPECT_FALSE(IsForKernel(LookAt(cut).verdict, cut, own_)) << octets;
  }
}

}  // namespace
}  // namespace holdfast::io

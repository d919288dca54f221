// The frame of a reply, octet for octet: what Classify found in a query's frame is turned round and
// compared with a frame that the builder made the plain way.
#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "dataplane/io/frame.h"
#include "dataplane/wire/checksum.h"
#include "tests/dataplane/frame_builder.h"

namespace holdfast::io {
namespace {

using test::Be;
using test::FrameBuilder;

// Replaces the message of `query` by `message` and returns the reply's frame.
std::string Reply(const FrameBuilder& query, const std::string& message) {
  const OwnAddresses own = *OwnAddresses::Create(
      std::vector{*ParseAddress("192.0.2.53"), *ParseAddress("2001:db8::53")});
  MacAddress mac;
  std::memcpy(mac.data(), test::kServerMac.data(), mac.size());
  test::Octets frame = query.Build();
  QueryFrame found;
  EXPECT_EQ(Classify({.octets = frame}, mac, own, UdpChecksum::kTrust, found), Counter::kQuery);
  // Exactly what the contract asks for, so that the address sanitizer sees an octet too many.
  const std::size_t octets = found.udp_at + kUdpOctets + message.size();
  frame.resize(found.udp_at + kUdpOctets + std::max(message.size(), wire::kSumRoom));
  std::memcpy(&frame[found.udp_at + kUdpOctets], message.data(), message.size());
  const ReplyFrame reply =
      TurnIntoReply(frame.data(), found, static_cast<std::uint32_t>(message.size()));
  EXPECT_EQ(reply.start + reply.octets, octets);
  return test::TextOf(&frame[reply.start], reply.octets);
}

// The reply as it should be: no options, TTL 64, DF, identification 0, no ECN, no flow label.
std::string Wanted(bool v6, const std::string& message, const std::string& tags = "") {
  FrameBuilder builder = v6 ? FrameBuilder::V6() : FrameBuilder::V4();
  builder.ToMac(test::kClientMac)
      .FromMac(test::kServerMac)
      .Ports(53, 5353)
      .Payload(message)
      .Ttl(64);
  builder.From(v6 ? "2001:db8::53" : "192.0.2.53").To(v6 ? "2001:db8::1" : "192.0.2.1");
  std::string text = builder.Fragment(0x4000).Text();
  if (v6) {
    text.replace(14, 4, Be(0x60000000, 4));
  } else {
    text.replace(18, 2, Be(0, 2));
    text.replace(24, 2, Be(0, 2));
    text.replace(24, 2, Be(test::PlainChecksum(std::string_view(text).substr(14, 20)), 2));
  }
  return text.insert(12, tags);
}

TEST(ReplyFrame, conf_L02_L21_L22_GoesBackToWhereTheQueryCameFrom) {
  for (const std::string message :
       {"short", "a reply longer than its query was, of odd length..."}) {
    EXPECT_EQ(Reply(FrameBuilder::V4(), message), Wanted(false, message));
    EXPECT_EQ(Reply(FrameBuilder::V6(), message), Wanted(true, message));
  }
}

TEST(ReplyFrame, conf_L21_EcnAndDscpOfTheQueryAreNotEchoed) {
  EXPECT_EQ(Reply(FrameBuilder::V4().Tos(0xFF), "reply"), Wanted(false, "reply"));
  EXPECT_EQ(Reply(FrameBuilder::V6().Tos(0xFF), "reply"), Wanted(true, "reply"));
}

TEST(ReplyFrame, conf_L12_EvenTheLongestIsOnePacketWithDf) {
  const std::string message(1232, 'm');
  const std::string reply = Reply(FrameBuilder::V4(), message);
  EXPECT_EQ(reply, Wanted(false, message));
  EXPECT_EQ(test::At16(reply, 20), 0x4000);
  EXPECT_EQ(Reply(FrameBuilder::V6(), message), Wanted(true, message));
}

TEST(ReplyFrame, conf_L09_AChecksumOfZeroIsSentAsAllOnes) {
  // Two octets of the message that complete the sum: what is then computed is 0.
  for (const bool v6 : {false, true}) {
    std::string message = "xx balances the rest";
    message.replace(0, 2, Be(0, 2));
    const std::string before = Wanted(v6, message);
    const std::size_t sum_at = (v6 ? 54 : 34) + 6;
    message.replace(0, 2, before.substr(sum_at, 2));
    const std::string reply = Reply(v6 ? FrameBuilder::V6() : FrameBuilder::V4(), message);
    EXPECT_EQ(test::At16(reply, sum_at), 0xFFFF);
    EXPECT_EQ(reply, Wanted(v6, message));
    EXPECT_TRUE(test::UdpChecksumIsRight(std::string_view(reply).substr(14)));
  }
}

TEST(ReplyFrame, conf_L07_L09_AReplyHasAChecksumWhereTheQueryHadNone) {
  EXPECT_EQ(Reply(FrameBuilder::V4().UdpChecksum(0), "reply"), Wanted(false, "reply"));
  EXPECT_EQ(Reply(FrameBuilder::V4().UdpChecksum(0x1234), "reply"), Wanted(false, "reply"));
}

TEST(ReplyFrame, conf_L14_OptionsAndExtensionHeadersAreLeftOut) {
  for (const std::size_t words : {1U, 2U, 10U}) {
    EXPECT_EQ(Reply(FrameBuilder::V4().Options(std::string(4 * words, '\1')), "reply"),
              Wanted(false, "reply"))
        << words;
  }
  const std::string pad = Be(0, 1) + Be(0x0104, 2) + Be(0, 4);
  EXPECT_EQ(Reply(FrameBuilder::V6().Extension(0, pad).Extension(60, pad), "reply"),
            Wanted(true, "reply"));
}

TEST(ReplyFrame, conf_L15_GoesBackOnTheVlanItCameFrom) {
  const std::string one = Be(0x8100, 2) + Be(0x6064, 2);
  const std::string two = Be(0x88A8, 2) + Be(10, 2) + one;
  EXPECT_EQ(Reply(FrameBuilder::V4().Tag(0x8100, 0x6064), "reply"), Wanted(false, "reply", one));
  EXPECT_EQ(Reply(FrameBuilder::V6().Tag(0x88A8, 10).Tag(0x8100, 0x6064), "reply"),
            Wanted(true, "reply", two));
  EXPECT_EQ(Reply(FrameBuilder::V4().Tag(0x8100, 0x6064).Options(std::string(8, '\1')), "reply"),
            Wanted(false, "reply", one));
}

TEST(ReplyFrame, SumsRightForEveryLengthOfMessage) {
  for (std::size_t octets = 0; octets <= 130; ++octets) {
    const std::string message(octets, '\xA7');
    EXPECT_EQ(Reply(FrameBuilder::V4(), message), Wanted(false, message)) << octets;
    EXPECT_EQ(Reply(FrameBuilder::V6(), message), Wanted(true, message)) << octets;
  }
}

TEST(MessageRoom, LeavesTheHeadersTheirPlace) {
  EXPECT_EQ(MessageRoom(1500, false), 1472U);
  EXPECT_EQ(MessageRoom(1280, true), 1232U);
  EXPECT_EQ(MessageRoom(48, true), 0U);
  EXPECT_EQ(MessageRoom(10, false), 0U);
}

}  // namespace
}  // namespace holdfast::io

// What querygen says of frames that come back, over the two rings of one port; this file is the
// responder at the other end and builds its replies with code of its own. One EAL per process: a
// program of its own, which needs neither rights nor hugepages.
#include "tools/querygen/exchange.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/io/eal.h"
#include "tests/dataplane/frame_builder.h"
#include "tools/querygen/responder.h"

namespace holdfast::querygen {
namespace {

using test::FrameBuilder;
using Verdicts = std::vector<Verdict>;

constexpr unsigned kPorts = 1U << 15U;

// What lasts as long as the program: EAL, buffers, rings and their two ports.
struct Wires {
  Wires()
      : eal(io::Eal::Start(Options()).value()),
        pool(Pool::Create("exchange_test").value()),
        rings(RingPair::Create().value()),
        generator(Device::Start(rings.generator(), pool).value()),
        responder(Device::Start(rings.responder(), pool).value()) {}
  static io::EalOptions Options() {
    io::EalOptions options;
    options.file_prefix = "hf_exchange_test_" + std::to_string(getpid());
    options.cpus = {0};
    options.no_huge = true;
    options.memory_mb = 128;
    return options;
  }

  io::Eal eal;
  Pool pool;
  RingPair rings;
  Device generator;
  Device responder;
};

class ExchangeTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { wires_ = new Wires; }
  static void TearDownTestSuite() { delete wires_; }

  void SetUp() override { Begin("10.9.0.2", "10.9.0.1"); }
  // An exchange between those, of which nothing has come back yet.
  void Begin(const char* from, const char* to) {
    exchange_.reset();
    corpus_.emplace(Corpus::Create(1,
                                   GeneratedQuestion,
                                   {.from_mac = {},
                                    .to_mac = {std::byte{2}},
                                    .from = *io::ParseAddress(from),
                                    .to = *io::ParseAddress(to)})
                        .value());
    exchange_.emplace(*corpus_, wires_->generator.id(), wires_->pool.get());
  }
  void TearDown() override {
    exchange_.reset();
    EXPECT_EQ(rte_mempool_in_use_count(wires_->pool.get()), 0U);
  }

  // Queries that have come to the other end.
  static std::vector<std::string> Queries() {
    std::vector<std::string> frames;
    std::array<rte_mbuf*, Exchange::kBurst> mbufs{};
    while (const std::uint16_t count = rte_eth_rx_burst(
               wires_->responder.id(), 0, mbufs.data(), static_cast<std::uint16_t>(mbufs.size()))) {
      for (std::uint16_t i = 0; i < count; ++i) {
        frames.push_back(
            test::TextOf(rte_pktmbuf_mtod(mbufs[i], const std::byte*), mbufs[i]->data_len));
        rte_pktmbuf_free(mbufs[i]);
      }
    }
    return frames;
  }
  static std::size_t UdpAt(const std::string& frame) {
    return test::At16(frame, 12) == 0x0800 ? 34 : 54;
  }
  static std::uint16_t PortOf(const std::string& query) { return test::At16(query, UdpAt(query)); }
  // The right reply to that query, but for what a test changes of it.
  static FrameBuilder ReplyTo(const std::string& query) {
    std::string message = query.substr(UdpAt(query) + 8);
    message[2] |= static_cast<char>(0x80);
    message[7] = 1;  // one answer
    message += std::string("\xC0\x0C\0\1\0\1\0\0\0\x3C\0\4", 12) + test::Ip("10.0.0.0");
    FrameBuilder reply = UdpAt(query) == 34 ? FrameBuilder::V4() : FrameBuilder::V6();
    if (UdpAt(query) == 34) {
      reply.From("10.9.0.1").To("10.9.0.2");
    } else {
      reply.From("fd09::1").To("fd09::2");
    }
    return reply.Ports(53, PortOf(query)).Payload(message);
  }
  static void Send(const FrameBuilder& reply) {
    const std::string frame = reply.Text();
    rte_mbuf* mbuf = rte_pktmbuf_alloc(wires_->pool.get());
    std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())),
                frame.data(),
                frame.size());
    ASSERT_EQ(rte_eth_tx_burst(wires_->responder.id(), 0, &mbuf, 1), 1);
  }
  // What the generator says of all that has come.
  Verdicts Seen() {
    Verdicts verdicts;
    while (exchange_->Receive([&](const Reply& reply) { verdicts.push_back(reply.verdict); }) !=
           0) {
    }
    return verdicts;
  }

  using Change = FrameBuilder& (*)(FrameBuilder&);
  // Sends as many replies as two are verified of, each changed in the same way. @return how many
  // are found wrong.
  std::ptrdiff_t FoundOf(Change change) {
    Verdicts verdicts;
    for (unsigned sent = 0; sent < 2 * Exchange::kVerifyOneIn; sent += Exchange::kBurst) {
      EXPECT_EQ(exchange_->Send(Exchange::kBurst, 1), Exchange::kBurst);
      for (const std::string& query : Queries()) {
        FrameBuilder reply = ReplyTo(query);
        Send(change(reply));
      }
      const Verdicts some = Seen();
      verdicts.insert(verdicts.end(), some.begin(), some.end());
    }
    const auto wrong = std::ranges::count(verdicts, Verdict::kWrongChecksum);
    EXPECT_EQ(std::ranges::count(verdicts, Verdict::kRight) + wrong, 2 * Exchange::kVerifyOneIn);
    return wrong;
  }

  static Wires* wires_;
  std::optional<Corpus> corpus_;
  std::optional<Exchange> exchange_;
};

Wires* ExchangeTest::wires_ = nullptr;

TEST_F(ExchangeTest, AReplyIsRightOnceAndThenRepeated) {
  ASSERT_EQ(exchange_->Send(1, 1000), 1U);
  const std::string query = Queries().at(0);
  EXPECT_EQ(exchange_->under_way(), 1U);
  Send(ReplyTo(query));
  Send(ReplyTo(query));
  EXPECT_EQ(Seen(), (Verdicts{Verdict::kRight, Verdict::kRepeated}));
  EXPECT_EQ(exchange_->under_way(), 0U);
}

TEST_F(ExchangeTest, AReplyToAPortThatIsNotOursIsNotTakenForOneOfOurs) {
  // No query has had the last slot yet, which says so with the number of port 1,023 and id 65,535.
  ASSERT_EQ(exchange_->Send(1, 1000), 1U);
  const std::string query = Queries().at(0);
  std::string last = query;
  last.replace(UdpAt(query) + 8, 2, "\xFF\xFF");
  Send(ReplyTo(last).Ports(53, Exchange::kFirstPort - 1));
  EXPECT_EQ(Seen(), Verdicts{Verdict::kUnexpected});
  EXPECT_EQ(exchange_->under_way(), 1U);
  // Once it is settled a slot has the number that the first port behind ours would have.
  Send(ReplyTo(query));
  Send(ReplyTo(query).Ports(53, static_cast<std::uint16_t>(PortOf(query) + kPorts)));
  EXPECT_EQ(Seen(), (Verdicts{Verdict::kRight, Verdict::kUnexpected}));
  EXPECT_EQ(exchange_->under_way(), 0U);
}

TEST_F(ExchangeTest, AReplyIsStampedAsItsQueryWas) {
  const std::vector<std::uint64_t> due{100, 200, 300};
  ASSERT_EQ(exchange_->Send(due, 1000), 3U);
  ASSERT_EQ(exchange_->Send(1, 1001), 1U);
  for (const std::string& query : Queries()) {
    Send(ReplyTo(query));
  }
  std::vector<std::uint64_t> stamps;
  exchange_->Receive([&](const Reply& reply) { stamps.push_back(reply.asked_tsc); });
  EXPECT_EQ(stamps, (std::vector<std::uint64_t>{100, 200, 300, 1001}));
}

TEST_F(ExchangeTest, WhatWasDueLongAgoIsGivenUpByWhenItWasSent) {
  const std::vector<std::uint64_t> due(Exchange::kBurst, 100);
  ASSERT_EQ(exchange_->Send(due, 1000), Exchange::kBurst);
  ASSERT_EQ(exchange_->Send(due, 2000), Exchange::kBurst);
  EXPECT_EQ(exchange_->GiveUp(1000), 0U);
  EXPECT_EQ(exchange_->GiveUp(1001), Exchange::kBurst);
  EXPECT_EQ(exchange_->GiveUp(2001), Exchange::kBurst);
  EXPECT_EQ(exchange_->lost(), 2U * Exchange::kBurst);
  EXPECT_EQ(exchange_->under_way(), 0U);
  Send(ReplyTo(Queries().at(0)));
  EXPECT_EQ(Seen(), Verdicts{Verdict::kRepeated});  // it came too late
}

TEST_F(ExchangeTest, WhatThePortDidNotTakeIsSentAgainWithItsNewStamp) {
  while (exchange_->Send(Exchange::kBurst, 1) == Exchange::kBurst) {
  }
  const std::uint64_t sent = exchange_->sent();
  EXPECT_EQ(exchange_->under_way(), sent);
  EXPECT_EQ(Queries().size(), sent);
  ASSERT_EQ(exchange_->Send(std::vector<std::uint64_t>{77}, 2), 1U);
  Send(ReplyTo(Queries().at(0)));
  exchange_->Receive([](const Reply& reply) { EXPECT_EQ(reply.asked_tsc, 77U); });
  EXPECT_EQ(exchange_->under_way(), sent);
}

constexpr std::ptrdiff_t kAllVerified = 2;

TEST_F(ExchangeTest, WhatIsRightOrHasNoUdpChecksumOverIpv4Passes) {
  EXPECT_EQ(FoundOf([](FrameBuilder& reply) -> FrameBuilder& { return reply; }), 0);
  EXPECT_EQ(FoundOf([](FrameBuilder& reply) -> FrameBuilder& { return reply.UdpChecksum(0); }), 0);
  EXPECT_EQ(FoundOf([](FrameBuilder& reply) -> FrameBuilder& {
              return reply.Trailer("padding behind the packet");
            }),
            0);
}

TEST_F(ExchangeTest, OneReplyInSixtyFourIsVerifiedOverIpv4) {
  const std::vector<Change> changes{
      [](FrameBuilder& reply) -> FrameBuilder& { return reply.UdpChecksum(0x1234); },
      [](FrameBuilder& reply) -> FrameBuilder& { return reply.IpChecksum(0x1234); },
      [](FrameBuilder& reply) -> FrameBuilder& { return reply.IpLength(60); },
      [](FrameBuilder& reply) -> FrameBuilder& { return reply.UdpLength(60); },
      [](FrameBuilder& reply) -> FrameBuilder& { return reply.UdpLength(19); },
      [](FrameBuilder& reply) -> FrameBuilder& { return reply.UdpLength(1000).IpLength(1020); },
      [](FrameBuilder& reply) -> FrameBuilder& { return reply.HeaderWords(6); }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(FoundOf(changes[i]), kAllVerified) << i;
  }
}

TEST_F(ExchangeTest, OneReplyInSixtyFourIsVerifiedOverIpv6) {
  Begin("fd09::2", "fd09::1");
  EXPECT_EQ(FoundOf([](FrameBuilder& reply) -> FrameBuilder& { return reply; }), 0);
  const std::vector<Change> changes{
      [](FrameBuilder& reply) -> FrameBuilder& { return reply.UdpChecksum(0x1234); },
      [](FrameBuilder& reply) -> FrameBuilder& { return reply.UdpChecksum(0); },
      [](FrameBuilder& reply) -> FrameBuilder& { return reply.IpLength(60); },
      [](FrameBuilder& reply) -> FrameBuilder& { return reply.UdpLength(60); }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(FoundOf(changes[i]), kAllVerified) << i;
  }
}

TEST_F(ExchangeTest, AReflectorsChecksumsAddUp) {
  for (const bool v6 : {false, true}) {
    Begin(v6 ? "fd09::2" : "10.9.0.2", v6 ? "fd09::1" : "10.9.0.1");
    ASSERT_EQ(exchange_->Send(Exchange::kBurst, 1), Exchange::kBurst);
    std::atomic<bool> stop = false;
    std::thread reflector([&] { Reflect(wires_->responder.id(), stop); });
    unsigned came = 0;
    while (came < Exchange::kBurst) {
      came += exchange_->Receive([&](const Reply& reply) {
        EXPECT_TRUE(test::UdpChecksumIsRight(
            test::TextOf(reply.frame + io::kEthernetOctets, reply.octets - io::kEthernetOctets)));
      });
    }
    stop = true;
    reflector.join();
  }
}

}  // namespace
}  // namespace holdfast::querygen

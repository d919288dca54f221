// The real lcore loop over a DPDK ring port, with real tables: frames go in at one ring, replies
// come out of the other and are compared octet for octet with what code of the test's own builds.
// One EAL per process: this file is a program of its own, and needs neither rights nor hugepages.
#include <atomic>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/io/dataplane.h"
#include "dataplane/io/exception_path.h"
#include "tests/dataplane/frame_builder.h"
#include "tests/dataplane/packet_builder.h"
#include "tests/dataplane/reply_reader.h"
#include "tests/dataplane/small_tables.h"

namespace holdfast::io {
namespace {

using test::Be;
using test::FrameBuilder;
using test::PacketBuilder;
using wire::Type;

constexpr unsigned kRing = 512;
constexpr unsigned kSmallRing = 16;  // takes 15

std::string Query(const std::string& name, Type type) {
  return PacketBuilder().Question(name, type).Build();
}
std::string EdnsQuery(const std::string& name, Type type) {
  return PacketBuilder().Question(name, type).Edns().Build();
}

class RingTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    EalOptions options;
    options.file_prefix = "hf_ring_test_" + std::to_string(getpid());
    options.cpus = {0};
    options.no_huge = true;
    options.memory_mb = 128;
    eal_ = new Result<Eal>(Eal::Start(options));
    ASSERT_TRUE(*eal_) << eal_->error().message;
    char folder[] = "/dev/shm/holdfast-ring-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    publisher_ = test::PublishSmallTables(folder_).value().release();
    source_ = rte_pktmbuf_pool_create("hf_source", 2047, 0, 0, RTE_PKTMBUF_HEADROOM + 2048, 0);
    ASSERT_NE(source_, nullptr);
    MakePort();
  }
  static void TearDownTestSuite() {
    delete port_;
    delete publisher_;
    std::filesystem::remove_all(folder_);
    const std::string runtime = rte_eal_get_runtime_dir();
    EXPECT_TRUE(std::filesystem::exists(runtime));
    delete eal_;
    EXPECT_FALSE(std::filesystem::exists(runtime)) << "left behind: " << runtime;
  }
  static PortOptions Options(const std::vector<std::string>& addresses = {"192.0.2.53",
                                                                          "2001:db8::53"}) {
    PortOptions options;
    for (const std::string& address : addresses) {
      options.addresses.push_back(*ParseAddress(address));
    }
    return options;
  }
  static void MakePort() {
    in_ = rte_ring_create("hf_in", kRing, 0, 0);
    out_ = rte_ring_create("hf_out", kRing, 0, 0);
    const int id = rte_eth_from_rings("hf_ring", &in_, 1, &out_, 1, 0);
    ASSERT_GE(id, 0);
    auto port = Port::Configure(static_cast<std::uint16_t>(id), Options());
    ASSERT_TRUE(port) << port.error().message;
    port_ = new Port(std::move(*port));
    lane_ = port_->lanes()[0];
  }

  void SetUp() override {
    tables_ = table::Attachment::Open(folder_, "dataplane", 1).value();
    scratch_ = answer::MakeScratch({}, tables_->Counters(0));
    lane_ = port_->lanes()[0];
  }
  void TearDown() override {
    // Every buffer came back: none is lost on any path.
    EXPECT_EQ(rte_mempool_in_use_count(source_), 0U);
  }

  static rte_mbuf* Put(const std::string& frame) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(source_);
    std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())),
                frame.data(),
                frame.size());
    return mbuf;
  }
  static void Send(const FrameBuilder& frame, std::uint64_t flags = 0) {
    FrameBuilder to_port = frame;
    to_port.ToMac(test::TextOf(lane_.mac.data(), 6));
    SendRaw(to_port.Text(), flags);
  }
  static void SendRaw(const std::string& frame, std::uint64_t flags = 0) {
    rte_mbuf* mbuf = Put(frame);
    mbuf->ol_flags = flags;
    ASSERT_EQ(rte_ring_enqueue(in_, mbuf), 0);
  }
  // Runs the loop until the queue is empty.
  void Run() { Run(lane_); }
  void Run(const Lane& lane, std::uint16_t burst = kMaxPollBurst) {
    const std::atomic<bool> stop{true};
    RunLcore({{&lane, 1}, tables_.get(), scratch_.get(), 0, burst, &wall_seconds_}, stop);
  }
  static std::vector<std::string> Replies(rte_ring* ring = out_) {
    std::vector<std::string> frames;
    void* next = nullptr;
    while (rte_ring_dequeue(ring, &next) == 0) {
      auto* mbuf = static_cast<rte_mbuf*>(next);
      EXPECT_EQ(mbuf->pkt_len, mbuf->data_len);
      EXPECT_EQ(mbuf->ol_flags, 0U);
      frames.push_back(test::TextOf(rte_pktmbuf_mtod(mbuf, const std::byte*), mbuf->data_len));
      rte_pktmbuf_free(mbuf);
    }
    return frames;
  }
  static std::uint64_t Beats() { return table::ListReaders(folder_).at(0).beats.at(0); }
  std::uint64_t Count(Counter counter) { return tables_->Counters(0)[CounterAt(counter)]; }

  // The frame that a reply with this message must be.
  static std::string Wanted(bool v6, const std::string& message, const std::string& tags = "") {
    FrameBuilder builder = v6 ? FrameBuilder::V6() : FrameBuilder::V4();
    builder.ToMac(test::kClientMac).FromMac(test::TextOf(lane_.mac.data(), 6)).Ports(53, 5353);
    builder.From(v6 ? "2001:db8::53" : "192.0.2.53").To(v6 ? "2001:db8::1" : "192.0.2.1");
    std::string text = builder.Payload(message).Ttl(64).Fragment(0x4000).Text();
    if (v6) {
      text.replace(14, 4, Be(0x60000000, 4));
    } else {
      text.replace(18, 2, Be(0, 2));
      text.replace(24, 2, Be(0, 2));
      text.replace(24, 2, Be(test::PlainChecksum(std::string_view(text).substr(14, 20)), 2));
    }
    return text.insert(12, tags);
  }
  // The message of a reply whose frame is right in every octet around it.
  static std::string MessageOf(const std::string& frame, bool v6, const std::string& tags = "") {
    const std::size_t at = 14 + tags.size() + (v6 ? 40 : 20) + 8;
    EXPECT_GT(frame.size(), at);
    const std::string message = frame.substr(std::min(at, frame.size()));
    EXPECT_EQ(frame, Wanted(v6, message, tags));
    return message;
  }
  static test::ReadReply Read(const std::string& message) {
    auto reply = test::ReadMessage(message);
    EXPECT_TRUE(reply.has_value());
    return reply.value_or(test::ReadReply{});
  }

  static inline Result<Eal>* eal_ = nullptr;
  static inline control::Publisher* publisher_ = nullptr;
  static inline Port* port_ = nullptr;
  static inline rte_mempool* source_ = nullptr;
  static inline rte_ring* in_ = nullptr;
  static inline rte_ring* out_ = nullptr;
  static inline Lane lane_;
  static inline std::string folder_;
  std::unique_ptr<table::Attachment> tables_;
  answer::ScratchPtr scratch_;
  std::atomic<std::uint32_t> wall_seconds_{1'700'000'000};
};

TEST_F(RingTest, AnswersOverIpv4AndIpv6WithRightFrames) {
  Send(FrameBuilder::V4().Payload(Query("a.test.", Type::kA)));
  Send(FrameBuilder::V6().Payload(EdnsQuery("a.test.", Type::kAaaa)));
  Run();
  const auto frames = Replies();
  ASSERT_EQ(frames.size(), 2U);
  const auto a = Read(MessageOf(frames[0], false));
  ASSERT_EQ(a.answer.size(), 1U);
  EXPECT_EQ(a.answer[0].rdata, test::Ip("192.0.2.101"));
  const auto aaaa = Read(MessageOf(frames[1], true));
  ASSERT_EQ(aaaa.answer.size(), 1U);
  EXPECT_EQ(aaaa.answer[0].rdata, test::Ip("2001:db8::101"));
  EXPECT_TRUE(aaaa.has_opt);
}

TEST_F(RingTest, AnswersThroughTagsOptionsAndExtensionHeaders) {
  const std::string tags = Be(0x88A8, 2) + Be(7, 2) + Be(0x8100, 2) + Be(0x6009, 2);
  const std::string pad = Be(0, 1) + Be(0x0104, 2) + Be(0, 4);
  const std::string query = Query("www.test.", Type::kA);
  Send(FrameBuilder::V4().Payload(query).Tag(0x88A8, 7).Tag(0x8100, 0x6009));
  Send(FrameBuilder::V4().Payload(query).Options(std::string(40, '\1')));
  Send(FrameBuilder::V6().Payload(query).Extension(0, pad));
  Send(FrameBuilder::V4().Payload(query).Trailer(std::string(9, '\0')));
  Run();
  const auto frames = Replies();
  ASSERT_EQ(frames.size(), 4U);
  for (const std::string& message : {MessageOf(frames[0], false, tags),
                                     MessageOf(frames[1], false),
                                     MessageOf(frames[2], true),
                                     MessageOf(frames[3], false)}) {
    EXPECT_EQ(Read(message).answer.size(), 2U);  // the alias and its target
  }
}

TEST_F(RingTest, SaysTruncatedWhenTheLinkHasNoRoom) {
  Send(FrameBuilder::V4().Payload(EdnsQuery("big.test.", Type::kTxt)));
  Run();
  const auto frames = Replies();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_LE(frames[0].size(), 14U + 1260U);
  EXPECT_NE(Read(MessageOf(frames[0], false)).flags & 0x0200U, 0U);
}

TEST_F(RingTest, EachFrameIsCountedOnceWithItsReason) {
  const std::string query = Query("a.test.", Type::kA);
  const std::string response = PacketBuilder().Flags(0x8000).Question("a.test.", Type::kA).Build();
  Send(FrameBuilder::V4().Payload(query));
  Send(FrameBuilder::V4().Payload(query).From("127.0.0.1"));
  Send(FrameBuilder::V4().Payload(query).Ports(5353, 54));
  Send(FrameBuilder::V4().Payload(query).UdpChecksum(1));
  Send(FrameBuilder::V4().Payload(response));
  Send(FrameBuilder::V6().Payload(query).UdpChecksum(0));
  Send(FrameBuilder::V4().Type(0x0806));
  SendRaw("short");
  Run();
  EXPECT_EQ(Replies().size(), 1U);
  EXPECT_EQ(Count(Counter::kFrames), 8U);
  EXPECT_EQ(Count(Counter::kQuery), 2U);
  EXPECT_EQ(Count(Counter::kSent), 1U);
  for (const Counter counter : {Counter::kNoReply,
                                Counter::kMartian,
                                Counter::kOtherPort,
                                Counter::kUdpChecksum,
                                Counter::kNoUdpChecksum,
                                Counter::kNotIp,
                                Counter::kShortFrame}) {
    EXPECT_EQ(Count(counter), 1U) << CounterText(counter);
  }
  std::uint64_t ends = 0;
  for (auto i = static_cast<unsigned>(Counter::kSent); i < static_cast<unsigned>(Counter::kCount);
       ++i) {
    ends += Count(static_cast<Counter>(i));
  }
  EXPECT_EQ(ends, 8U);
  EXPECT_EQ(tables_->Counters(0)[static_cast<std::size_t>(answer::Counter::kQueries)], 2U);
  EXPECT_EQ(tables_->Counters(0)[static_cast<std::size_t>(answer::Counter::kDroppedResponse)], 1U);
}

// The rings of an exception path, whose other end is the test.
struct Exceptions {
  explicit Exceptions(const Lane& of) : lane(of) {
    rings.to_kernel = rte_ring_create("hf_to", kSmallRing, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
    rings.from_kernel = rte_ring_create("hf_from", kSmallRing, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
    lane.exception = &rings;
  }
  ~Exceptions() {
    rte_ring_free(rings.to_kernel);
    rte_ring_free(rings.from_kernel);
  }
  Exceptions(const Exceptions&) = delete;
  Exceptions& operator=(const Exceptions&) = delete;

  ExceptionRings rings;
  Lane lane;
};

TEST_F(RingTest, conf_L17_WhatIsNoQueryGoesToTheKernelAsItCame) {
  Exceptions kernel(lane_);
  const FrameBuilder ping =
      FrameBuilder::V4().Protocol(1).ToMac(test::TextOf(lane_.mac.data(), 6)).Tag(0x8100, 7);
  SendRaw(ping.Text());
  Send(FrameBuilder::V4().Payload(Query("a.test.", Type::kA)));
  Send(FrameBuilder::V4().IpChecksum(1));
  Run(kernel.lane);
  EXPECT_EQ(Replies().size(), 1U);
  EXPECT_EQ(Replies(kernel.rings.to_kernel), std::vector<std::string>{ping.Text()});
  EXPECT_EQ(Count(Counter::kNotUdp), 1U);  // still the reason why it had no answer from here
  EXPECT_EQ(Count(Counter::kToKernel), 1U);
  EXPECT_EQ(Count(Counter::kExceptionFull), 0U);
}

TEST_F(RingTest, WhatTheKernelSendsLeavesThroughThePort) {
  Exceptions kernel(lane_);
  const std::string frame = FrameBuilder::V4().Protocol(6).Text();
  ASSERT_EQ(rte_ring_enqueue(kernel.rings.from_kernel, Put(frame)), 0);
  Run(kernel.lane);
  EXPECT_EQ(Replies(), std::vector<std::string>{frame});
  EXPECT_EQ(Count(Counter::kFromKernel), 1U);
  EXPECT_EQ(Count(Counter::kSent), 0U);
}

TEST_F(RingTest, conf_C08_AFloodFillsTheRingAndQueriesAreAnsweredAsBefore) {
  Exceptions kernel(lane_);
  for (unsigned i = 0; i < 2 * kSmallRing; ++i) {
    Send(FrameBuilder::V4().Protocol(6));
  }
  Send(FrameBuilder::V4().Payload(Query("a.test.", Type::kA)));
  kernel.rings.dropped = 3;  // by the other end
  Run(kernel.lane);
  EXPECT_EQ(Replies().size(), 1U);
  EXPECT_EQ(Replies(kernel.rings.to_kernel).size(), kSmallRing - 1);
  EXPECT_EQ(Count(Counter::kToKernel), kSmallRing - 1);
  EXPECT_EQ(Count(Counter::kExceptionFull), kSmallRing + 1 + 3);
  EXPECT_EQ(kernel.rings.dropped, 0U);
}

TEST_F(RingTest, AFrameInSeveralBuffersIsDropped) {
  rte_mbuf* head = Put(FrameBuilder::V4().Payload(Query("a.test.", Type::kA)).Text());
  ASSERT_EQ(rte_pktmbuf_chain(head, Put("the rest of it")), 0);
  ASSERT_EQ(rte_ring_enqueue(in_, head), 0);
  Run();
  EXPECT_TRUE(Replies().empty());
  EXPECT_EQ(Count(Counter::kMultiSegment), 1U);
}

TEST_F(RingTest, AMessageThatNoReplyCouldCarryIsDropped) {
  Lane small = lane_;
  small.mtu = 1280;
  Send(FrameBuilder::V4().Payload(Query("a.test.", Type::kA) + std::string(1300, 'x')));
  Run(small);
  EXPECT_TRUE(Replies().empty());
  EXPECT_EQ(Count(Counter::kOverMtu), 1U);
}

// Destination options may be as long as the frame: a reply is not begun where its buffer ends.
TEST_F(RingTest, DropsAQueryThatLeavesNoRoomForAReply) {
  const auto padded = [](std::size_t octets) {
    std::string body(1, static_cast<char>((octets / 8) - 1));
    for (std::size_t left = octets - 2; left != 0;) {
      const std::size_t option = std::min<std::size_t>(left, 200);
      body += std::string("\1", 1) + static_cast<char>(option - 2) + std::string(option - 2, '\0');
      left -= option;
    }
    return FrameBuilder::V6().Extension(60, body);
  };
  const std::string query = Query("a.test.", Type::kA);
  Send(padded(1400).Payload(query));
  Run();
  EXPECT_EQ(Replies().size(), 1U);
  Send(padded(1480).Payload(query));
  Run();
  EXPECT_EQ(Replies().size(), 0U);
  EXPECT_EQ(Count(Counter::kOverMtu), 1U);
}

TEST_F(RingTest, conf_L06_TheNicsWordOnAChecksumCountsOnlyWhenItSaysGood) {
  const FrameBuilder right = FrameBuilder::V4().Payload(Query("a.test.", Type::kA));
  const FrameBuilder wrong = FrameBuilder(right).UdpChecksum(0x1234);
  Lane lane = lane_;
  lane.nic_checks = true;
  Send(wrong, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
  Send(right, RTE_MBUF_F_RX_L4_CKSUM_BAD);
  Send(wrong, RTE_MBUF_F_RX_L4_CKSUM_BAD);
  Send(wrong);
  Run(lane);
  EXPECT_EQ(Replies().size(), 2U);
  EXPECT_EQ(Count(Counter::kUdpChecksum), 2U);
  // A port that does not check never set the mark: it is not believed.
  Send(wrong, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
  Run();
  EXPECT_TRUE(Replies().empty());
  lane.check = UdpChecksum::kTrust;
  Send(wrong);
  Run(lane);
  EXPECT_EQ(Replies().size(), 1U);
}

TEST_F(RingTest, RepliesThatTheTransmitQueueDoesNotTakeAreCountedAndFreed) {
  rte_ring* narrow = rte_ring_create("hf_narrow", kSmallRing, 0, 0);
  const int id = rte_eth_from_rings("hf_narrow_port", &in_, 1, &narrow, 1, 0);
  ASSERT_GE(id, 0);
  {
    auto port = Port::Configure(static_cast<std::uint16_t>(id), Options());
    ASSERT_TRUE(port) << port.error().message;
    for (unsigned i = 0; i < kMaxPollBurst; ++i) {
      FrameBuilder frame = FrameBuilder::V4().Payload(Query("a.test.", Type::kA));
      frame.ToMac(test::TextOf(port->lanes()[0].mac.data(), 6));
      SendRaw(frame.Text());
    }
    Run(port->lanes()[0]);
  }
  EXPECT_EQ(Replies(narrow).size(), kSmallRing - 1);
  EXPECT_EQ(Count(Counter::kSent), kSmallRing - 1);
  EXPECT_EQ(Count(Counter::kTransmitFull), kMaxPollBurst - (kSmallRing - 1));
  rte_ring_free(narrow);
}

TEST_F(RingTest, EachPortAnswersForItsOwnAddressesAlone) {
  rte_ring* replies = rte_ring_create("hf_other", kRing, 0, 0);
  const int id = rte_eth_from_rings("hf_other_port", &in_, 1, &replies, 1, 0);
  ASSERT_GE(id, 0);
  {
    auto port = Port::Configure(static_cast<std::uint16_t>(id), Options({"192.0.2.54"}));
    ASSERT_TRUE(port) << port.error().message;
    for (const Lane& lane : {lane_, port->lanes()[0]}) {
      for (const char* address : {"192.0.2.53", "192.0.2.54"}) {
        FrameBuilder frame = FrameBuilder::V4().Payload(Query("a.test.", Type::kA));
        SendRaw(frame.To(address).ToMac(test::TextOf(lane.mac.data(), 6)).Text());
      }
      Run(lane);
    }
  }
  EXPECT_EQ(Replies().size(), 1U);
  const auto others = Replies(replies);
  ASSERT_EQ(others.size(), 1U);
  EXPECT_EQ(others[0].substr(26, 4), Be(0xC0000236, 4));  // from 192.0.2.54
  EXPECT_EQ(Count(Counter::kOtherAddress), 2U);
  rte_ring_free(replies);
}

TEST_F(RingTest, TakesNoMoreThanItsBurstInOneCall) {
  for (const std::uint16_t burst : {kMinPollBurst, kMaxPollBurst}) {
    for (unsigned i = 0; i < 3U * burst; ++i) {
      Send(FrameBuilder::V4().Payload(Query("a.test.", Type::kA)));
    }
    const std::uint64_t beats = Beats();
    Run(lane_, burst);
    EXPECT_EQ(Replies().size(), 3U * burst);
    EXPECT_EQ(Beats() - beats, 4U);  // three full rounds, and the empty one that ends it
  }
}

TEST_F(RingTest, CountsTheTimeOfPollsThatGaveFramesAndOfNoOthers) {
  Run();
  EXPECT_EQ(Count(Counter::kBusyCycles), 0U);
  const std::uint64_t before = Tsc();
  Send(FrameBuilder::V4().Payload(Query("a.test.", Type::kA)));
  Run();
  const std::uint64_t counted = Count(Counter::kBusyCycles);
  EXPECT_GT(counted, 0U);
  EXPECT_LT(counted, Tsc() - before);
  Run();
  EXPECT_EQ(Count(Counter::kBusyCycles), counted);
  EXPECT_EQ(Replies().size(), 1U);
}

TEST_F(RingTest, AnswersWhatTheQueueHoldsWhenItIsAskedToStop) {
  for (unsigned i = 0; i < 300; ++i) {
    Send(FrameBuilder::V4().Payload(Query(i % 2 == 0 ? "a.test." : "b.test.", Type::kA)));
  }
  Run();
  const auto frames = Replies();
  EXPECT_EQ(frames.size(), 300U);
  for (const std::string& frame : frames) {
    EXPECT_EQ(Read(MessageOf(frame, false)).answer.size(), 1U);
  }
}

TEST_F(RingTest, TheSlotBeatsAndPassesGenerationsWhileItPolls) {
  std::atomic<bool> stop{false};
  const LcoreWork work{
      {&lane_, 1}, tables_.get(), scratch_.get(), 0, kMaxPollBurst, &wall_seconds_};
  std::thread lcore([&] { RunLcore(work, stop); });
  const Generation before = publisher_->generation();
  EXPECT_TRUE(publisher_->PutZone(
      control::Compile({{control::kit::ZoneText("other.").zone}, {}}, {}, 0)->zones[0]));
  const auto committed = publisher_->Commit();
  ASSERT_TRUE(committed);
  EXPECT_GT(committed->generation, before);
  for (int i = 0; i < 5000 && !publisher_->Passed(committed->generation); ++i) {
    std::this_thread::yield();
    usleep(1000);
  }
  EXPECT_TRUE(publisher_->Passed(committed->generation));
  Send(FrameBuilder::V4().Payload(Query("nowhere.other.", Type::kA)));
  for (int i = 0; i < 5000 && rte_ring_count(out_) == 0; ++i) {
    usleep(1000);
  }
  stop.store(true);
  lcore.join();
  const auto frames = Replies();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(Read(MessageOf(frames[0], false)).flags & 0x000FU, 3U);  // NXDOMAIN from the new zone
  const auto readers = table::ListReaders(folder_);
  ASSERT_EQ(readers.size(), 1U);
  EXPECT_EQ(readers[0].role, "dataplane");
  EXPECT_GT(readers[0].beats[0], 0U);
  EXPECT_EQ(readers[0].passed[0], table::kOffline);
}

}  // namespace
}  // namespace holdfast::io

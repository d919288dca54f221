// The XDP program itself, run by the kernel on frames that the test makes (BPF_PROG_RUN): what it
// would hand over, what it passes, and that each frame counts once. Needs the right to load BPF
// programs and is skipped without it; touches no interface.
#include "dataplane/steer/steer.h"

#include <cerrno>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "tests/dataplane/frame_builder.h"

namespace holdfast::steer {
namespace {

using test::Be;
using test::FrameBuilder;

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};

class SteerProgram : public testing::Test {
 protected:
  void SetUp() override {
    auto file = ObjectFile::Create();
    ASSERT_TRUE(file) << file.error().message;
    libbpf_set_print(nullptr);
    object_.reset(bpf_object__open_file(file->Path().c_str(), nullptr));
    ASSERT_NE(object_, nullptr) << std::strerror(errno);
    if (const int error = bpf_object__load(object_.get()); error != 0) {
      if (error == -EPERM) {
        GTEST_SKIP() << "no right to load BPF programs";
      }
      FAIL() << std::strerror(-error);
    }
    program_ = bpf_program__fd(bpf_object__find_program_by_name(object_.get(), HF_STEER_PROGRAM));
    ASSERT_GE(program_, 0);
    const std::uint32_t present = 1;
    for (const char* text : {"192.0.2.53", "2001:db8::53"}) {
      const std::string octets = test::Ip(text);
      AddressKey key{};
      if (octets.size() == 4) {
        key[10] = key[11] = std::byte{0xFF};
      }
      std::memcpy(&key[16 - octets.size()], octets.data(), octets.size());
      ASSERT_EQ(bpf_map_update_elem(Map(HF_STEER_ADDRESSES), &key, &present, BPF_ANY), 0);
    }
  }
  int Map(const char* name) { return bpf_object__find_map_fd_by_name(object_.get(), name); }

  // The counter that one frame moved. There is no socket, so what is for us shows as
  // kSteerNoSocket.
  SteerCounter Run(const FrameBuilder& frame) { return Run(frame.Text()); }
  SteerCounter Run(const std::string& frame) {
    const Counters before = Read();
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.repeat = 1;
    EXPECT_EQ(bpf_prog_test_run_opts(program_, &options), 0) << std::strerror(errno);
    EXPECT_EQ(options.retval, static_cast<std::uint32_t>(XDP_PASS));
    const Counters after = Read();
    int moved = kSteerCounterCount;
    std::uint64_t sum = 0;
    for (int i = 0; i < kSteerCounterCount; ++i) {
      if (after[i] != before[i]) {
        moved = i;
      }
      sum += after[i] - before[i];
    }
    EXPECT_EQ(sum, 1U);
    return static_cast<SteerCounter>(moved);
  }
  Counters Read() {
    std::vector<std::uint64_t> each(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    Counters sums{};
    for (std::uint32_t i = 0; i < kSteerCounterCount; ++i) {
      EXPECT_EQ(bpf_map_lookup_elem(Map(HF_STEER_COUNTERS), &i, each.data()), 0);
      for (const std::uint64_t count : each) {
        sums[i] += count;
      }
    }
    return sums;
  }

  std::unique_ptr<bpf_object, CloseObject> object_;
  int program_ = -1;
};

TEST_F(SteerProgram, HasTheMapThatTheDriverLooksFor) {
  EXPECT_GE(Map("xsks_map"), 0);
}

TEST_F(SteerProgram, TakesDnsOfOurAddressesThroughTagsAndOptions) {
  EXPECT_EQ(Run(FrameBuilder::V4()), kSteerNoSocket);
  EXPECT_EQ(Run(FrameBuilder::V6()), kSteerNoSocket);
  EXPECT_EQ(Run(FrameBuilder::V4().Tag(0x8100, 7)), kSteerNoSocket);
  EXPECT_EQ(Run(FrameBuilder::V6().Tag(0x88A8, 7).Tag(0x8100, 8)), kSteerNoSocket);
  EXPECT_EQ(Run(FrameBuilder::V4().Options(std::string(4, '\1'))), kSteerNoSocket);
  EXPECT_EQ(Run(FrameBuilder::V4().Options(std::string(40, '\1'))), kSteerNoSocket);
  EXPECT_EQ(Run(FrameBuilder::V4().Fragment(0x4000)), kSteerNoSocket);  // DF
}

TEST_F(SteerProgram, LeavesTheRestToTheKernelEachWithItsReason) {
  EXPECT_EQ(Run(FrameBuilder::V4().Type(0x0806)), kSteerNotIp);
  EXPECT_EQ(Run(FrameBuilder::V4().Tag(0x88A8, 1).Tag(0x8100, 2).Tag(0x8100, 3)), kSteerNotIp);
  EXPECT_EQ(Run(FrameBuilder::V4().Protocol(6)), kSteerNotUdp);
  EXPECT_EQ(Run(FrameBuilder::V6().Protocol(58)), kSteerNotUdp);
  EXPECT_EQ(Run(FrameBuilder::V6().Extension(60, Be(0, 1) + Be(0x0104, 2) + Be(0, 4))),
            kSteerNotUdp);
  EXPECT_EQ(Run(FrameBuilder::V4().Fragment(0x2000)), kSteerFragment);
  EXPECT_EQ(Run(FrameBuilder::V4().Fragment(0x0001)), kSteerFragment);
  EXPECT_EQ(Run(FrameBuilder::V4().Ports(53, 5353)), kSteerOtherPort);
  EXPECT_EQ(Run(FrameBuilder::V4().To("192.0.2.54")), kSteerOtherAddress);
  EXPECT_EQ(Run(FrameBuilder::V6().To("2001:db8::54")), kSteerOtherAddress);
}

TEST_F(SteerProgram, ShorterThanItsHeadersIsMalformed) {
  EXPECT_EQ(Run(FrameBuilder::V4().HeaderWords(4)), kSteerMalformed);
  for (FrameBuilder frame : {FrameBuilder::V4(),
                             FrameBuilder::V6(),
                             FrameBuilder::V4().Tag(0x8100, 7),
                             FrameBuilder::V4().Options(std::string(40, '\1'))}) {
    const std::string whole = frame.Payload("").Text();
    for (std::size_t octets = 15; octets < whole.size(); ++octets) {
      EXPECT_EQ(Run(whole.substr(0, octets)), kSteerMalformed) << octets;
    }
  }
}

TEST(Claim, IsHeldByOneAtATime) {
  {
    const auto first = Claim::Take("hf-test0");
    ASSERT_TRUE(first) << first.error().message;
    const auto second = Claim::Take("hf-test0");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
    EXPECT_TRUE(Claim::Take("hf-test1"));
  }
  EXPECT_TRUE(Claim::Take("hf-test0"));
}

TEST(Steering, NeedsAnInterfaceThatIsThere) {
  EXPECT_EQ(Steering::Find("hf-nowhere0").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(DetachStale("hf-nowhere0").error().code, ErrorCode::kNotFound);
}

TEST(SteerCounters, EachHasAName) {
  for (int i = 0; i < kSteerCounterCount; ++i) {
    EXPECT_STRNE(CounterText(static_cast<SteerCounter>(i)), "unknown") << i;
  }
}

}  // namespace
}  // namespace holdfast::steer

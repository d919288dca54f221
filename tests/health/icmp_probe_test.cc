// The ICMP probe in a network namespace of its own, where the right to ping is the test's to give.
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include <linux/capability.h>

#include "dataplane/base/bytes.h"
#include "health/probe/icmp_message.h"
#include "health/probe/probe.h"
#include "tests/health/probe_run.h"

namespace holdfast::health {
namespace {

using namespace testing;

enum class Right { kPingSocket, kRawSocket, kNone };

bool BringUpLoopback() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP;
  const bool up = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  close(fd);
  return up;
}

// Of the calling thread alone.
bool DropNetRaw() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2] = {};
  if (syscall(SYS_capget, &header, sets) != 0) {
    return false;
  }
  sets[0].effective &= ~(1U << CAP_NET_RAW);
  return syscall(SYS_capset, &header, sets) == 0;
}

void Write(const char* path, const char* text) {
  std::ofstream(path) << text;
}

// A thread in a namespace of its own with a loopback device and that right.
bool InNamespace(Right right, const std::function<void()>& run) {
  bool ran = false;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0 || !BringUpLoopback()) {
      return;
    }
    if (right == Right::kPingSocket) {
      Write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
    }
    if (right != Right::kRawSocket && !DropNetRaw()) {
      return;
    }
    ran = true;
    run();
  }).join();
  return ran;
}

CheckConfig IcmpCheck(std::uint32_t count = 1) {
  CheckConfig check = LoopbackCheck(CheckType::kIcmp, 0);
  check.native = IcmpSettings{.count = count};
  return check;
}

TEST(IcmpProbe, PassesWithEitherRightOnEitherFamily) {
  for (const Right right : {Right::kPingSocket, Right::kRawSocket}) {
    const bool ran = InNamespace(right, [] {
      Observation seen = ProbeOnce(IcmpCheck());
      EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
      EXPECT_EQ(seen.reason, "Success: 1 echo reply");
      EXPECT_GT(seen.phases.first_byte.count(), 0);
      EXPECT_EQ(ProbeOnce(IcmpCheck(10)).reason, "Success: 10 echo replies");
      CheckConfig check = IcmpCheck(2);
      check.ip_address = "::1";
      seen = ProbeOnce(check);
      EXPECT_EQ(seen.reason, "Success: 2 echo replies");
    });
    if (!ran) {
      GTEST_SKIP() << "needs the right to make a network namespace";
    }
  }
}

TEST(IcmpProbe, LearnsNothingWithoutARightAndSaysWhichIsLacking) {
  const bool ran = InNamespace(Right::kNone, [] {
    const Observation seen = ProbeOnce(IcmpCheck());
    EXPECT_EQ(seen.outcome, Outcome::kUnknown);
    EXPECT_EQ(seen.reason,
              "Unknown: The health checker may not send ICMP echoes: its group is not in "
              "net.ipv4.ping_group_range and it lacks CAP_NET_RAW.");
  });
  if (!ran) {
    GTEST_SKIP() << "needs the right to make a network namespace";
  }
}

TEST(IcmpProbe, FailsWhereNobodyRepliesAndWhereNoWayLeads) {
  for (const Right right : {Right::kPingSocket, Right::kRawSocket}) {
    const bool ran = InNamespace(right, [] {
      Write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1");
      CheckConfig check = IcmpCheck();
      check.response_timeout = Milliseconds(500);
      Observation seen = ProbeOnce(check);
      EXPECT_EQ(seen.outcome, Outcome::kFail);
      EXPECT_EQ(
          seen.reason,
          "Failure: The health checker did not receive all echo replies within the timeout limit.");
      EXPECT_GE(seen.rtt, std::chrono::milliseconds(500));
      EXPECT_LT(seen.rtt, std::chrono::milliseconds(3000));
      EXPECT_EQ(ProbeAndAbandon(check, std::chrono::milliseconds(20)), 0);
      check.ip_address = "192.0.2.1";
      seen = ProbeOnce(check);
      EXPECT_EQ(seen.outcome, Outcome::kFail);
      EXPECT_EQ(
          seen.reason,
          "Failure: The health checker could not establish a connection: Network is unreachable.");
    });
    if (!ran) {
      GTEST_SKIP() << "needs the right to make a network namespace";
    }
  }
}

TEST(IcmpProbe, BlamesNobodyForOurDescriptors) {
  EXPECT_EQ(ProbeWithoutDescriptors(IcmpCheck()).outcome, Outcome::kUnknown);
}

constexpr EchoToken kToken = 0x0123456789ABCDEF;

TEST(IcmpMessage, IsKnownByItsToken) {
  for (const bool v6 : {false, true}) {
    const std::string request = EchoRequest(v6, 7, 3, kToken);
    const auto sequence = [v6](const std::string& message, bool ip, EchoToken token = kToken) {
      return EchoReplySequence(std::as_bytes(std::span(message)), v6, ip, token);
    };
    EXPECT_EQ(sequence(request, false), std::nullopt) << "our own request";
    std::string reply = request;
    reply[0] = static_cast<char>(v6 ? 129 : 0);
    EXPECT_EQ(sequence(reply, false), 3);
    EXPECT_EQ(sequence(reply, false, kToken + 1), std::nullopt);
    for (std::size_t octets = 0; octets < reply.size(); ++octets) {
      EXPECT_EQ(sequence(reply.substr(0, octets), false), std::nullopt);
    }
    // Behind IPv4 headers without and with options, and ones that lie about their length.
    for (const std::size_t words : {5U, 6U, 15U}) {
      std::string header(words * 4, '\0');
      header[0] = static_cast<char>(0x40U | words);
      EXPECT_EQ(sequence(header + reply, true), 3);
      header[0] = static_cast<char>(0x40U | (words - 1));
      EXPECT_EQ(sequence(header + reply, true), std::nullopt);
      EXPECT_EQ(sequence(header.substr(0, 1), true), std::nullopt);
    }
    EXPECT_EQ(sequence("", true), std::nullopt);
  }
  // One's complement of the sum: added to it, all bits are set (RFC 1071).
  const std::string request = EchoRequest(false, 7, 3, kToken);
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < request.size(); at += 2) {
    sum += LoadBe16(request.data() + at);
  }
  EXPECT_EQ((sum & 0xFFFFU) + (sum >> 16U), 0xFFFFU);
}

}  // namespace
}  // namespace holdfast::health

// From where probes go: a source address, an interface, another network namespace; and that
// whatever of these is not there says nothing of the endpoint. Namespaces are made in a mount
// namespace of the test's own, so that the machine sees none of them.
#include <arpa/inet.h>
#include <array>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <thread>
#include <unistd.h>

#include <linux/capability.h>

#include "health/probe/descriptor.h"
#include "health/probe/endpoint_probe.h"
#include "health/probe/origin.h"
#include "tests/health/probe_run.h"
#include "tests/health/scripted_server.h"

namespace holdfast::health {
namespace {

using namespace testing;

constexpr const char* kOwn = "/proc/thread-self/ns/net";

CheckConfig CheckFrom(CheckType type, std::uint16_t port, Origin origin) {
  CheckConfig check = LoopbackCheck(type, port);
  check.origin = std::move(origin);
  return check;
}

/// Answers one datagram with the address that it came from.
class AddressTeller {
 public:
  AddressTeller() : way_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t octets = sizeof(here);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(way_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    EXPECT_EQ(bind(way_.fd(), reinterpret_cast<sockaddr*>(&here), sizeof(here)), 0);
    EXPECT_EQ(getsockname(way_.fd(), reinterpret_cast<sockaddr*>(&here), &octets), 0);
    port_ = ntohs(here.sin_port);
    thread_ = std::thread([this] { TellOnce(); });
  }
  ~AddressTeller() { thread_.join(); }
  AddressTeller(const AddressTeller&) = delete;
  AddressTeller& operator=(const AddressTeller&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void TellOnce() const {
    std::array<char, 100> room{};
    sockaddr_in peer{};
    socklen_t octets = sizeof(peer);
    if (recvfrom(
            way_.fd(), room.data(), room.size(), 0, reinterpret_cast<sockaddr*>(&peer), &octets) >=
        0) {
      const std::string text =
          "from " + std::string(inet_ntop(AF_INET, &peer.sin_addr, room.data(), room.size()));
      sendto(way_.fd(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&peer), octets);
    }
  }

  Descriptor way_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(ProbeOrigin, IsTheSourceAddressThatTheServerSees) {
  for (const char* source : {"127.0.0.1", "127.0.0.2"}) {
    ScriptedServer server([&server](Peer& peer) {
      server.Note(peer.address());
      peer.ReadRequest();
      peer.Send(Response(200));
    });
    const Observation seen =
        ProbeOnce(CheckFrom(CheckType::kHttp, server.port(), {.source_address = source}));
    EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
    EXPECT_EQ(server.notes(), std::vector<std::string>{source});
  }
  const AddressTeller teller;
  CheckConfig udp = CheckFrom(CheckType::kUdp, teller.port(), {.source_address = "127.0.0.3"});
  udp.native = UdpSettings{.payload = "?", .expect = "from 127.0.0.3"};
  const Observation seen = ProbeOnce(udp);
  EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
}

// The second connection of a TLS probe, without the name that the certificate does not cover.
TEST(ProbeOrigin, IsKeptByTheSecondConnectionOfAProbe) {
  ScriptedServer server(TlsSetup{.name = "other.test"}, [&server](Peer& peer) {
    server.Note(peer.address());
    if (!peer.ReadRequest().empty()) {
      peer.Send(Response(200));
    }
  });
  CheckConfig check = CheckFrom(CheckType::kHttps, server.port(), {.source_address = "127.0.0.2"});
  check.fqdn = "www.example.test";
  const Observation seen = ProbeOnce(check);
  EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
  EXPECT_EQ(server.connections(), 2);
  EXPECT_EQ(server.notes(), (std::vector<std::string>{"127.0.0.2", "127.0.0.2"}));
}

// Each port of the source address serves many targets: it is not drawn before the target is known.
TEST(ProbeOrigin, DrawsThePortOfATcpConnectionWithItsTarget) {
  const OriginSocket opened = OpenFrom({.source_address = "127.0.0.2"}, [] {
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  });
  const Descriptor made(opened.fd);
  ASSERT_TRUE(made.is_open()) << opened.problem;
  sockaddr_in here{};
  socklen_t octets = sizeof(here);
  ASSERT_EQ(getsockname(made.fd(), reinterpret_cast<sockaddr*>(&here), &octets), 0);
  EXPECT_EQ(here.sin_addr.s_addr, htonl(0x7F000002));
  EXPECT_EQ(here.sin_port, 0);
}

TEST(ProbeOrigin, IsUnknownAndSaidWhenItIsNotThere) {
  ScriptedServer server(Answer(Response(200)));
  const struct {
    Origin origin;
    const char* reason;
  } cases[] = {
      {{.source_address = "192.0.2.77"},
       "Unknown: The source address \"192.0.2.77\" cannot be bound: Cannot assign requested "
       "address."},
      {{.interface = "hf-none"},
       "Unknown: The interface \"hf-none\" cannot be used: No such device."},
      {{.source_address = "127.0.0.1", .interface = "hf-none"},
       "Unknown: The interface \"hf-none\" cannot be used: No such device."},
      {{.network_namespace = "hf-none"},
       "Unknown: The network namespace \"hf-none\" cannot be entered: No such file or directory."},
  };
  for (const auto& c : cases) {
    for (const CheckType type : {CheckType::kHttp, CheckType::kTcp, CheckType::kUdp}) {
      CheckConfig check = CheckFrom(type, server.port(), c.origin);
      if (type == CheckType::kUdp) {
        check.native = UdpSettings{};
      }
      const Observation seen = ProbeOnce(check);
      EXPECT_EQ(seen.outcome, Outcome::kUnknown);
      EXPECT_EQ(seen.reason, c.reason);
    }
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST(ProbeOrigin, LeavesTheTargetRulesAsTheyAre) {
  const Observation seen =
      ProbeOnce(CheckFrom(CheckType::kTcp, 1, {.network_namespace = "hf-none"}), {.targets = {}});
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_NE(seen.reason.find("may not be probed"), std::string::npos) << seen.reason;
}

bool SetLoopback(short flags) {
  const Descriptor way(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = flags;
  return ioctl(way.fd(), SIOCSIFFLAGS, &request) == 0;
}

bool DropSysAdmin() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2] = {};
  if (syscall(SYS_capget, &header, sets) != 0) {
    return false;
  }
  sets[0].effective &= ~(1U << CAP_SYS_ADMIN);
  return syscall(SYS_capset, &header, sets) == 0;
}

std::string OwnNamespace() {
  return std::filesystem::read_symlink(kOwn).string();
}

/// Runs on a thread whose /run/netns holds "blue", with a loopback device that is up. `server` was
/// made in there. False: this process may not make such things.
bool WithBlue(const std::function<void(ScriptedServer& server)>& run) {
  bool ran = false;
  std::thread([&] {
    const Descriptor own(open(kOwn, O_RDONLY | O_CLOEXEC));
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", "/run", "tmpfs", 0, nullptr) != 0) {
      return;
    }
    std::filesystem::create_directory("/run/netns");
    std::ofstream("/run/netns/blue") << "";
    if (unshare(CLONE_NEWNET) != 0 || !SetLoopback(IFF_UP) ||
        mount(kOwn, "/run/netns/blue", nullptr, MS_BIND, nullptr) != 0) {
      return;
    }
    ScriptedServer server(Answer(Response(200)));
    ran = setns(own.fd(), CLONE_NEWNET) == 0;
    if (ran) {
      run(server);
    }
  }).join();
  return ran;
}

TEST(ProbeOrigin, IsANamespaceThatIsLeftAgain) {
  const bool ran = WithBlue([](ScriptedServer& server) {
    const std::string own = OwnNamespace();
    EXPECT_EQ(ProbeOnce(LoopbackCheck(CheckType::kHttp, server.port())).outcome, Outcome::kFail);
    for (const Origin& origin :
         {Origin{.network_namespace = "blue"},
          Origin{.interface = "lo", .network_namespace = "blue"},
          Origin{.source_address = "127.0.0.2", .interface = "lo", .network_namespace = "blue"}}) {
      const Observation seen = ProbeOnce(CheckFrom(CheckType::kHttp, server.port(), origin));
      EXPECT_EQ(seen.outcome, Outcome::kPass) << seen.reason;
      EXPECT_EQ(OwnNamespace(), own);
    }
    // Also when no socket was to be had in there.
    const OriginSocket none = OpenFrom({.network_namespace = "blue"}, [&own] {
      EXPECT_NE(OwnNamespace(), own);
      errno = ENOBUFS;
      return -1;
    });
    EXPECT_EQ(OwnNamespace(), own);
    EXPECT_EQ(none.fd, -1);
    EXPECT_EQ(none.error, ENOBUFS);
    EXPECT_EQ(none.problem, "");
  });
  if (!ran) {
    GTEST_SKIP() << "needs the right to make namespaces";
  }
}

TEST(ProbeOrigin, IsOpenedForEachProbe) {
  const bool ran = WithBlue([](ScriptedServer& server) {
    const std::string own = OwnNamespace();
    const CheckConfig check =
        CheckFrom(CheckType::kTcp, server.port(), {.network_namespace = "blue"});
    EXPECT_EQ(ProbeOnce(check).outcome, Outcome::kPass);
    ASSERT_EQ(umount2("/run/netns/blue", MNT_DETACH), 0);
    Observation seen = ProbeOnce(check);
    EXPECT_EQ(seen.outcome, Outcome::kUnknown);
    EXPECT_EQ(seen.reason,
              "Unknown: The network namespace \"blue\" cannot be entered: Invalid argument.");
    std::filesystem::remove("/run/netns/blue");
    seen = ProbeOnce(check);
    EXPECT_EQ(
        seen.reason,
        "Unknown: The network namespace \"blue\" cannot be entered: No such file or directory.");
    EXPECT_EQ(OwnNamespace(), own);
  });
  if (!ran) {
    GTEST_SKIP() << "needs the right to make namespaces";
  }
}

TEST(ProbeOrigin, IsUnknownWithoutTheRightToEnter) {
  const bool ran = WithBlue([](ScriptedServer& server) {
    ASSERT_TRUE(DropSysAdmin());
    const Observation seen =
        ProbeOnce(CheckFrom(CheckType::kTcp, server.port(), {.network_namespace = "blue"}));
    EXPECT_EQ(seen.outcome, Outcome::kUnknown);
    EXPECT_EQ(
        seen.reason,
        "Unknown: The network namespace \"blue\" cannot be entered: Operation not permitted.");
  });
  if (!ran) {
    GTEST_SKIP() << "needs the right to make namespaces";
  }
}

TEST(ProbeOrigin, IsUnknownWhileTheInterfaceIsDown) {
  bool ran = false;
  std::thread([&ran] {
    if (unshare(CLONE_NEWNET) != 0) {
      return;
    }
    ran = true;
    const CheckConfig check = CheckFrom(CheckType::kTcp, 1, {.interface = "lo"});
    Observation seen = ProbeOnce(check);
    EXPECT_EQ(seen.outcome, Outcome::kUnknown);
    EXPECT_EQ(seen.reason, "Unknown: The interface \"lo\" cannot be used: Network is down.");
    ASSERT_TRUE(SetLoopback(IFF_UP));
    seen = ProbeOnce(check);
    EXPECT_EQ(seen.outcome, Outcome::kFail);  // nobody listens
  }).join();
  if (!ran) {
    GTEST_SKIP() << "needs the right to make namespaces";
  }
}

// With one port to draw and the target's own address, a connection can only be to itself.
TEST(ProbeOrigin, HidesNoConnectionThatMetItself) {
  bool ran = false;
  std::thread([&ran] {
    if (unshare(CLONE_NEWNET) != 0 || !SetLoopback(IFF_UP)) {
      return;
    }
    std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << "40000 40000";
    ran = true;
    for (const Origin& origin : {Origin{},
                                 Origin{.source_address = "127.0.0.1"},
                                 Origin{.source_address = "127.0.0.1", .interface = "lo"}}) {
      const Observation seen = ProbeOnce(CheckFrom(CheckType::kTcp, 40'000, origin));
      EXPECT_EQ(seen.outcome, Outcome::kFail);
      EXPECT_EQ(seen.reason,
                "Failure: The health checker could not establish a connection: Connection "
                "refused.");
    }
  }).join();
  if (!ran) {
    GTEST_SKIP() << "needs the right to make namespaces";
  }
}

// A link-local address comes back from the kernel with a scope, which the target's has not.
TEST(ProbeOrigin, KnowsAConnectionThatMetItselfWhateverItsScope) {
  const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  socklen_t octets = sizeof(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    close(fd);
    GTEST_SKIP() << "needs IPv6";
  }
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &octets), 0);
  SocketAddress there = MakeAddress(IpAddress::FromText("::1").value(), ntohs(address.sin6_port));
  EXPECT_TRUE(MetItself(fd, there));
  std::memcpy(&address, &there.storage, sizeof(address));
  address.sin6_scope_id = 7;
  std::memcpy(&there.storage, &address, sizeof(address));
  EXPECT_TRUE(MetItself(fd, there));
  EXPECT_FALSE(MetItself(fd, MakeAddress(IpAddress::FromText("::1").value(), 1)));
  EXPECT_FALSE(MetItself(fd, MakeAddress(IpAddress::FromText("127.0.0.1").value(), 1)));
  close(fd);
}

}  // namespace
}  // namespace holdfast::health

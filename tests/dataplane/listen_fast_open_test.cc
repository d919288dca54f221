// TCP Fast Open, in a network namespace of the test's own, since the kernel's switch belongs to
// that.
#include <fstream>
#include <functional>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sstream>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/dataplane/listen_live.h"

namespace holdfast::listen {
namespace {

// What net.ipv4.tcp_fastopen holds: nothing but a client's side is what kernels begin with.
constexpr const char* kClientsAlone = "1";
constexpr const char* kClientsAndServers = "3";

bool RaiseLoopback() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::snprintf(request.ifr_name, sizeof(request.ifr_name), "lo");
  request.ifr_flags = IFF_UP;
  const bool raised = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  close(fd);
  return raised;
}

// Connections of this thread's namespace that began with data.
std::uint64_t Opened() {
  std::ifstream file("/proc/thread-self/net/netstat");
  std::string names;
  std::string values;
  while (std::getline(file, names) && std::getline(file, values)) {
    std::istringstream name_of(names);
    std::istringstream value_of(values);
    std::string name;
    std::string value;
    while (name_of >> name && value_of >> value) {
      if (name == "TCPFastOpenPassive") {
        return std::stoull(value);
      }
    }
  }
  return 0;
}

class ListenFastOpen : public ListenLive {
 protected:
  // Runs it in a namespace of its own, with a server that listens in there.
  void InNamespace(const char* setting, const std::function<void()>& run) {
    bool ran = false;
    std::thread([&] {
      if (unshare(CLONE_NEWNET) != 0 || !RaiseLoopback()) {
        return;
      }
      std::ofstream("/proc/sys/net/ipv4/tcp_fastopen") << setting << std::flush;
      ran = true;
      to_.push_back(sockets_.Add(SOCK_STREAM, "127.0.0.1"));
      to_.push_back(sockets_.Add(SOCK_STREAM, "::1"));
      ASSERT_NO_FATAL_FAILURE(Start());
      run();
    }).join();
    if (!ran) {
      GTEST_SKIP() << "needs the right to make namespaces";
    }
  }
  // Sends a query with the SYN, waits for its reply. @return whether the SYN's data was taken.
  bool Asks(const Address& to, std::uint16_t id) {
    const int fd = socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const std::string query = Framed(Query(id, "www"));
    EXPECT_EQ(sendto(fd,
                     query.data(),
                     query.size(),
                     MSG_FASTOPEN,
                     reinterpret_cast<const sockaddr*>(&to.storage),
                     to.octets),
              static_cast<ssize_t>(query.size()));
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    std::string reply(512, '\0');
    const ssize_t got = recv(fd, reply.data(), reply.size(), 0);
    EXPECT_GT(got, 2);
    EXPECT_TRUE(
        IsAddress(reply.substr(2, static_cast<std::size_t>(std::max(got, ssize_t{2})) - 2), id));
    tcp_info info{};
    socklen_t octets = sizeof(info);
    EXPECT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &octets), 0);
    close(fd);
    return (info.tcpi_options & TCPI_OPT_SYN_DATA) != 0;
  }

  std::vector<Address> to_;
};

TEST_F(ListenFastOpen, conf_C13_TakesWhatComesWithASynWhereTheKernelLetsIt) {
  InNamespace(kClientsAndServers, [this] {
    for (const Address& to : to_) {
      const std::uint64_t before = Opened();
      EXPECT_FALSE(Asks(to, 1)) << to.Text();  // gets the cookie
      EXPECT_EQ(Opened(), before);
      for (std::uint16_t id = 2; id < 6; ++id) {
        EXPECT_TRUE(Asks(to, id)) << to.Text();
      }
      EXPECT_EQ(Opened(), before + 4) << to.Text();
    }
    EXPECT_TRUE(Settles(Counter::kTcpMessages, 10));
  });
}

TEST_F(ListenFastOpen, conf_C13_AnswersTheOrdinaryWayWhereTheKernelDoesNot) {
  InNamespace(kClientsAlone, [this] {
    for (const Address& to : to_) {
      for (std::uint16_t id = 1; id < 4; ++id) {
        EXPECT_FALSE(Asks(to, id)) << to.Text();
      }
    }
    EXPECT_EQ(Opened(), 0U);
    EXPECT_TRUE(Settles(Counter::kTcpMessages, 6));
  });
}

TEST_F(ListenFastOpen, IsBounded) {
  sockets_.Add(SOCK_STREAM, "127.0.0.1");
  int most = 0;
  socklen_t octets = sizeof(most);
  ASSERT_EQ(getsockopt(sockets_.listeners()[0].fd, IPPROTO_TCP, TCP_FASTOPEN, &most, &octets), 0);
  EXPECT_EQ(most, kFastOpenConnections);
}

}  // namespace
}  // namespace holdfast::listen

#include "bench/e2e/health_bare.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/base/clock.h"

namespace holdfast::bench {
namespace {

constexpr int kConnectsInFlight = 64;   // more are slower: their sockets leave the caches
constexpr int kRequestsInFlight = 512;  // so that none waits for the endpoints' core
constexpr int kEvents = 256;
constexpr int kPatienceMs = 2000;
constexpr std::string_view kRequest =
    "GET / HTTP/1.1\r\nHost: 10.10.0.1:8000\r\n"
    "User-Agent: Holdfast-Health-Check/0.1.0 (check c1)\r\nAccept: */*\r\n"
    "Connection: keep-alive\r\n\r\n";

[[noreturn]] void Give(const char* why) {
  std::perror(why);
  std::exit(1);
}

/// Descriptors that wait for one thing each.
class Set {
 public:
  Set() = default;
  ~Set() { close(set_); }
  Set(const Set&) = delete;
  Set& operator=(const Set&) = delete;
  void Change(int operation, int fd, std::uint32_t what) const {
    epoll_event event{.events = what, .data = {.fd = fd}};
    if (epoll_ctl(set_, operation, fd, &event) != 0) {
      Give("health bench: cannot watch a connection");
    }
  }
  /// Calls `ready(fd)` for each that is.
  void Wait(auto ready) const {
    std::array<epoll_event, kEvents> events{};
    const int count = epoll_wait(set_, events.data(), kEvents, kPatienceMs);
    if (count <= 0) {
      Give("health bench: no endpoint answers");
    }
    for (int n = 0; n < count; ++n) {
      ready(events[static_cast<std::size_t>(n)].data.fd);
    }
  }

 private:
  int set_ = epoll_create1(EPOLL_CLOEXEC);
};

int Connect(const sockaddr_in& endpoint) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&endpoint), sizeof(endpoint)) != 0 &&
      errno != EINPROGRESS) {
    Give("health bench: cannot connect");
  }
  return fd;
}

bool Stands(int fd) {
  int error = 0;
  socklen_t octets = sizeof(error);
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &octets) == 0 && error == 0;
}

double SecondsSince(std::uint64_t from_ns) {
  return static_cast<double>(MonotonicNs() - from_ns) / 1e9;
}

}  // namespace

BareResult BareConnects(const std::vector<sockaddr_in>& endpoints, double seconds) {
  const Set set;
  BareResult result;
  std::size_t next = 0;
  int in_flight = 0;
  const std::uint64_t from_ns = MonotonicNs();
  while (result.seconds < seconds) {
    for (; in_flight < kConnectsInFlight; ++in_flight) {
      set.Change(EPOLL_CTL_ADD, Connect(endpoints[next++ % endpoints.size()]), EPOLLOUT);
    }
    set.Wait([&](int fd) {
      result.passed += Stands(fd) ? 1 : 0;
      close(fd);
      --in_flight;
    });
    result.seconds = SecondsSince(from_ns);
  }
  return result;
}

BareResult BareRequests(const std::vector<sockaddr_in>& endpoints, double seconds) {
  const Set set;
  std::vector<int> connections;
  for (const sockaddr_in& endpoint : endpoints) {
    const int fd = Connect(endpoint);
    set.Change(EPOLL_CTL_ADD, fd, EPOLLOUT);
    set.Wait([&set](int ready) {
      if (!Stands(ready)) {
        Give("health bench: cannot connect");
      }
      set.Change(EPOLL_CTL_MOD, ready, EPOLLIN);
    });
    connections.push_back(fd);
  }
  BareResult result;
  std::size_t next = 0;
  int in_flight = 0;
  const std::uint64_t from_ns = MonotonicNs();
  while (result.seconds < seconds) {
    for (; in_flight < kRequestsInFlight; ++in_flight) {
      const int fd = connections[next++ % connections.size()];
      if (send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) {
        Give("health bench: cannot ask");
      }
    }
    set.Wait([&](int fd) {
      std::array<char, 2048> buffer;
      if (recv(fd, buffer.data(), buffer.size(), 0) <= 0) {
        Give("health bench: no reply");
      }
      ++result.passed;
      --in_flight;
    });
    result.seconds = SecondsSince(from_ns);
  }
  for (const int fd : connections) {
    close(fd);
  }
  return result;
}

}  // namespace holdfast::bench

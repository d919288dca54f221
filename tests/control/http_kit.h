// Small HTTP partners for tests of control's own: a client that sends what it is told, octet by
// octet, and a server that does what a script says. Real sockets on loopback.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace holdfast::control::testing {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

inline sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

/// A listening socket on a port of its own.
inline std::pair<int, std::uint16_t> Listening() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at = Loopback(0);
  socklen_t octets = sizeof(at);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&at), octets), 0);
  EXPECT_EQ(listen(fd, 64), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&at), &octets), 0);
  return {fd, ntohs(at.sin_port)};
}

inline std::uint16_t FreePort() {
  const auto [fd, port] = Listening();
  close(fd);
  return port;
}

template <class Condition>
bool Within(milliseconds patience, Condition holds) {
  const auto until = Clock::now() + patience;
  while (!holds()) {
    if (Clock::now() > until) {
      return false;
    }
    usleep(2000);
  }
  return true;
}

/// One connection to a server of ours.
class Caller {
 public:
  explicit Caller(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in at = Loopback(port);
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0;
  }
  ~Caller() { close(fd_); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  bool Send(const std::string& octets) {
    return send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(octets.size());
  }
  /// What comes until the other side closes, nothing comes for `patience`, or `until` is there.
  std::string Read(milliseconds patience, const std::string& until = "") {
    std::string got;
    char part[4096];
    pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
    while ((until.empty() || got.find(until) == std::string::npos) &&
           poll(&wait, 1, static_cast<int>(patience.count())) == 1) {
      const ssize_t octets = recv(fd_, part, sizeof(part), 0);
      closed_ = octets <= 0;
      if (closed_) {
        break;
      }
      got.append(part, static_cast<std::size_t>(octets));
    }
    return got;
  }
  /// Of the last Read.
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  int fd_;
  bool connected_ = false;
  bool closed_ = false;
};

/// A server, one connection after the other: reads a request with its body and sends what `reply`
/// gives; nothing at all, for as long as it runs, when that is empty.
class ScriptedTarget {
 public:
  using Script = std::function<std::string(const std::string& request)>;

  explicit ScriptedTarget(Script reply) : reply_(std::move(reply)) {
    std::tie(fd_, port_) = Listening();
    thread_ = std::thread([this] { Serve(); });
  }
  ~ScriptedTarget() {
    ending_ = true;
    thread_.join();
    for (const int held : held_) {
      close(held);
    }
    close(fd_);
  }
  ScriptedTarget(const ScriptedTarget&) = delete;
  ScriptedTarget& operator=(const ScriptedTarget&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  static std::string Reply(int status, const std::string& body = "") {
    return "HTTP/1.1 " + std::to_string(status) +
           " Scripted\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }

 private:
  void Serve() {
    while (!ending_) {
      pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
      if (poll(&wait, 1, 5) != 1) {
        continue;
      }
      const int way = accept(fd_, nullptr, nullptr);
      const std::string request = Request(way);
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      const std::string said = reply_(request);
      if (said.empty()) {
        held_.push_back(way);
        continue;
      }
      (void)send(way, said.data(), said.size(), MSG_NOSIGNAL);
      close(way);
    }
  }
  std::string Request(int way) {
    std::string got;
    char part[4096];
    while (!ending_) {
      const std::size_t head = got.find("\r\n\r\n");
      const std::size_t length = got.find("Content-Length: ");
      if (head != std::string::npos &&
          (length == std::string::npos ||
           got.size() >= head + 4 + std::stoul(got.substr(length + 16)))) {
        break;
      }
      pollfd wait{.fd = way, .events = POLLIN, .revents = 0};
      if (poll(&wait, 1, 5) != 1) {
        continue;
      }
      const ssize_t octets = recv(way, part, sizeof(part), 0);
      if (octets <= 0) {
        break;
      }
      got.append(part, static_cast<std::size_t>(octets));
    }
    return got;
  }

  Script reply_;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_ = false;
  std::vector<int> held_;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace holdfast::control::testing

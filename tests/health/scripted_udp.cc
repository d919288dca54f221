#include "tests/health/scripted_udp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "dataplane/base/check.h"

namespace holdfast::health::testing {

ScriptedUdp::ScriptedUdp(Script script) : script_(std::move(script)) {
  fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t octets = sizeof(address);
  HF_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  HF_CHECK(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &octets) == 0);
  port_ = ntohs(address.sin_port);
  HF_CHECK(pipe(stop_) == 0);
  thread_ = std::thread([this] { Serve(); });
}

ScriptedUdp::~ScriptedUdp() {
  HF_CHECK(write(stop_[1], "x", 1) == 1);
  thread_.join();
  close(fd_);
  close(stop_[0]);
  close(stop_[1]);
}

void ScriptedUdp::Serve() {
  std::string datagram(65'536, '\0');
  for (;;) {
    pollfd wait[2] = {{.fd = fd_, .events = POLLIN, .revents = 0},
                      {.fd = stop_[0], .events = POLLIN, .revents = 0}};
    if (poll(wait, 2, -1) < 0 || wait[1].revents != 0) {
      return;
    }
    sockaddr_in from{};
    socklen_t octets = sizeof(from);
    const ssize_t count = recvfrom(
        fd_, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&from), &octets);
    if (count < 0) {
      continue;
    }
    ++datagrams_;
    for (const std::string& reply : script_(datagram.substr(0, static_cast<std::size_t>(count)))) {
      sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), octets);
    }
  }
}

}  // namespace holdfast::health::testing

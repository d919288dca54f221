// socket, bind, listen; see listeners.h.
#include "tools/supervise/listeners.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace holdfast::tools {

namespace {

// The kernel cuts it to net.core.somaxconn.
constexpr int kBacklog = 4096;

struct Address {
  sockaddr_storage storage{};
  socklen_t octets = 0;
};

Result<Address> AddressOf(const control::ListenConfig& listen) {
  Address address;
  if (listen.ipv6) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(listen.port);
    address.octets = sizeof(v6);
    if (inet_pton(AF_INET6, listen.address.c_str(), &v6.sin6_addr) == 1) {
      return address;
    }
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(listen.port);
    address.octets = sizeof(v4);
    if (inet_pton(AF_INET, listen.address.c_str(), &v4.sin_addr) == 1) {
      return address;
    }
  }
  return Fail(ErrorCode::kInvalid, "'" + listen.address + "' is no address; expected a literal");
}

std::unexpected<Error> Complain(const control::ListenConfig& listen, bool tcp, int why) {
  const std::string port = std::to_string(listen.port);
  const std::string what =
      "cannot listen on " + listen.address + " port " + port + (tcp ? " (TCP): " : " (UDP): ");
  switch (why) {
    case EADDRINUSE:
      return Fail(ErrorCode::kConflict,
                  what + "in use; `ss -" + (tcp ? "ltnp" : "lunp") + " 'sport = :" + port +
                      "'` shows by whom");
    case EADDRNOTAVAIL:
      return Fail(ErrorCode::kNotFound,
                  what + "this address is not on this machine; `ip address` shows those that are");
    case EACCES:
    case EPERM:
      return Fail(ErrorCode::kIo,
                  what +
                      "not permitted; start as root, with CAP_NET_BIND_SERVICE, or with a port "
                      "of 1024 or more");
    default:
      return Fail(ErrorCode::kIo, what + std::strerror(why));
  }
}

// A burst, or a restart of holdfast-sockets, waits here. What the kernel does not give is no reason
// not to answer.
void WidenReceiveBuffer(int fd) {
  const int octets = kReceiveBufferOctets;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets)) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
  }
}

Result<int> Bind(const control::ListenConfig& listen, bool tcp) {
  const auto address = AddressOf(listen);
  if (!address) {
    return std::unexpected(address.error());
  }
  const int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const int fd = socket(address->storage.ss_family, type, 0);
  if (fd < 0) {
    return Complain(listen, tcp, errno);
  }
  const int yes = 1;
  // For TCP: connections of the last run that linger do not hold the port. On a UDP socket the same
  // option would let a second server take half of the queries.
  const bool ready =
      (!tcp || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0) &&
      (!listen.ipv6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) == 0) &&
      bind(fd, reinterpret_cast<const sockaddr*>(&address->storage), address->octets) == 0 &&
      (!tcp || ::listen(fd, kBacklog) == 0);
  if (!ready) {
    const int why = errno;
    close(fd);
    return Complain(listen, tcp, why);
  }
  if (!tcp) {
    WidenReceiveBuffer(fd);
  }
  return fd;
}

// A colon separates names in LISTEN_FDNAMES.
std::string NameOf(const control::ListenConfig& listen, bool tcp) {
  std::string name =
      std::string(tcp ? "tcp" : "udp") + "-" + listen.address + "-" + std::to_string(listen.port);
  for (char& c : name) {
    c = c == ':' ? '.' : c;
  }
  return name;
}

}  // namespace

Result<std::vector<NamedFd>> BindListeners(std::span<const control::ListenConfig> listen,
                                           bool udp) {
  std::vector<NamedFd> bound;
  for (const control::ListenConfig& one : listen) {
    for (const bool tcp : {true, false}) {
      if (!tcp && !udp) {
        continue;
      }
      const auto fd = Bind(one, tcp);
      if (!fd) {
        for (const NamedFd& earlier : bound) {
          close(earlier.fd);
        }
        return std::unexpected(fd.error());
      }
      bound.push_back(NamedFd{.fd = *fd, .name = NameOf(one, tcp)});
    }
  }
  return bound;
}

}  // namespace holdfast::tools

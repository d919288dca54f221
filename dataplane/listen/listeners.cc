// Finds out what the passed descriptors are; see listeners.h.
#include "dataplane/listen/listeners.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace holdfast::listen {

namespace {

constexpr int kMaxPassed = 1024;
// Twice that is what the kernel holds of one connection's replies, its own part included. By itself
// it grows to net.ipv4.tcp_wmem, 4 MB, and one turn of a connection to the time that filling it
// takes: a hundred slow readers then hold up UDP and others for half a second.
constexpr int kTcpSendOctets = 128 << 10;

Result<int> Number(const char* variable, const char* text, int least, int most) {
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, value);
  if (error != std::errc{} || at != end || value < least || value > most) {
    return Fail(ErrorCode::kInvalid,
                std::string(variable) + " is \"" + text + "\", expected a number from " +
                    std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

Result<int> Option(const Listener& listener, int option) {
  int value = 0;
  socklen_t octets = sizeof(value);
  if (getsockopt(listener.fd, SOL_SOCKET, option, &value, &octets) != 0) {
    return Fail(ErrorCode::kInvalid,
                listener.name + ": descriptor " + std::to_string(listener.fd) +
                    " is no socket: " + std::strerror(errno));
  }
  return value;
}

Status Set(const Listener& listener, int level, int option, const char* text, int value) {
  if (setsockopt(listener.fd, level, option, &value, sizeof(value)) != 0) {
    return Fail(ErrorCode::kIo,
                listener.name + ": cannot set " + text + ": " + std::strerror(errno));
  }
  return {};
}

Status PrepareUdp(const Listener& listener) {
  sockaddr_storage bound{};
  socklen_t octets = sizeof(bound);
  if (getsockname(listener.fd, reinterpret_cast<sockaddr*>(&bound), &octets) != 0) {
    return Fail(ErrorCode::kIo,
                listener.name + ": cannot read its address: " + std::strerror(errno));
  }
  // sin_port and sin6_port stand at the same place.
  if (reinterpret_cast<const sockaddr_in&>(bound).sin_port == 0) {
    return Fail(ErrorCode::kInvalid,
                listener.name + ": the UDP socket is not bound; expected one bound to a port");
  }
  if (listener.is_v6) {
    HF_TRY(Set(listener, IPPROTO_IPV6, IPV6_RECVPKTINFO, "IPV6_RECVPKTINFO", 1));
    HF_TRY(
        Set(listener, IPPROTO_IPV6, IPV6_MTU_DISCOVER, "IPV6_MTU_DISCOVER", IPV6_PMTUDISC_PROBE));
  } else {
    HF_TRY(Set(listener, IPPROTO_IP, IP_PKTINFO, "IP_PKTINFO", 1));
  }
  // Of IPv4, which an IPv6 socket may speak too.
  return Set(listener, IPPROTO_IP, IP_MTU_DISCOVER, "IP_MTU_DISCOVER", IP_PMTUDISC_PROBE);
}

Status PrepareTcp(const Listener& listener) {
  const auto listening = Option(listener, SO_ACCEPTCONN);
  if (!listening) {
    return std::unexpected(listening.error());
  }
  if (*listening == 0) {
    return Fail(ErrorCode::kInvalid,
                listener.name + ": the TCP socket does not listen; expected one after listen(2)");
  }
  // What comes in a SYN with a cookie of the kernel's (RFC 7413; RFC 7766 10) is read at once where
  // net.ipv4.tcp_fastopen lets servers. A kernel without it serves as before.
  setsockopt(
      listener.fd, IPPROTO_TCP, TCP_FASTOPEN, &kFastOpenConnections, sizeof(kFastOpenConnections));
  // Connections inherit both: a reply burst leaves at once, and the kernel does not let the send
  // buffer grow to megabytes for a client that reads slowly.
  HF_TRY(Set(listener, SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF", kTcpSendOctets));
  return Set(listener, IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY", 1);
}

}  // namespace

Result<PassedFds> ParseListenFds(const char* listen_pid,
                                 const char* listen_fds,
                                 const char* listen_fdnames,
                                 int pid) {
  if (listen_fds == nullptr) {
    return Fail(ErrorCode::kInvalid,
                "LISTEN_FDS is not set: no listening sockets were passed; start this through "
                "`holdfast run` or socket units of the service manager");
  }
  if (listen_pid != nullptr) {
    const auto meant = Number("LISTEN_PID", listen_pid, 1, 1 << 30);
    if (!meant) {
      return std::unexpected(meant.error());
    }
    if (*meant != pid) {
      return Fail(ErrorCode::kInvalid,
                  "LISTEN_PID is " + std::string(listen_pid) + ", expected this process, " +
                      std::to_string(pid) + ": the sockets were passed to another one");
    }
  }
  const auto count = Number("LISTEN_FDS", listen_fds, 1, kMaxPassed);
  if (!count) {
    return std::unexpected(count.error());
  }
  PassedFds passed{.count = *count, .names = {}};
  if (listen_fdnames == nullptr) {
    for (int i = 0; i < passed.count; ++i) {
      passed.names.push_back("fd " + std::to_string(kFirstListenFd + i));
    }
    return passed;
  }
  std::string name;
  for (const char* at = listen_fdnames;; ++at) {
    if (*at != ':' && *at != '\0') {
      name += *at;
      continue;
    }
    passed.names.push_back(name);
    name.clear();
    if (*at == '\0') {
      break;
    }
  }
  if (std::cmp_not_equal(passed.names.size(), passed.count)) {
    return Fail(ErrorCode::kInvalid,
                "LISTEN_FDNAMES has " + std::to_string(passed.names.size()) +
                    " names, expected as many as LISTEN_FDS, " + std::to_string(passed.count));
  }
  return passed;
}

Result<Listener> PrepareListener(int fd, std::string name) {
  Listener listener{.fd = fd, .name = std::move(name)};
  const auto domain = Option(listener, SO_DOMAIN);
  const auto type = Option(listener, SO_TYPE);
  if (!domain || !type) {
    return std::unexpected(domain ? type.error() : domain.error());
  }
  if ((*domain != AF_INET && *domain != AF_INET6) ||
      (*type != SOCK_DGRAM && *type != SOCK_STREAM)) {
    return Fail(ErrorCode::kInvalid,
                listener.name + ": descriptor " + std::to_string(fd) +
                    " is a socket of another kind; expected UDP or TCP over IPv4 or IPv6");
  }
  listener.is_v6 = *domain == AF_INET6;
  listener.kind = *type == SOCK_DGRAM ? ListenerKind::kUdp : ListenerKind::kTcp;
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return Fail(ErrorCode::kIo, listener.name + ": cannot set its flags: " + std::strerror(errno));
  }
  HF_TRY(listener.kind == ListenerKind::kUdp ? PrepareUdp(listener) : PrepareTcp(listener));
  return listener;
}

Result<Inherited> Inherit() {
  const auto passed = ParseListenFds(std::getenv("LISTEN_PID"),
                                     std::getenv("LISTEN_FDS"),
                                     std::getenv("LISTEN_FDNAMES"),
                                     static_cast<int>(getpid()));
  if (!passed) {
    return std::unexpected(passed.error());
  }
  Inherited inherited;
  for (int i = 0; i < passed->count; ++i) {
    const int fd = kFirstListenFd + i;
    const std::string& name = passed->names[static_cast<std::size_t>(i)];
    if (name == kReaderPageName || name == kReaderLockName) {
      fcntl(fd, F_SETFD, FD_CLOEXEC);
      (name == kReaderPageName ? inherited.reader.page : inherited.reader.lock) = fd;
      continue;
    }
    auto listener = PrepareListener(fd, name);
    if (!listener) {
      return std::unexpected(listener.error());
    }
    inherited.listeners.push_back(std::move(*listener));
  }
  if (inherited.listeners.empty()) {
    return Fail(ErrorCode::kInvalid, "no listening socket among what was passed");
  }
  if ((inherited.reader.page < 0) != (inherited.reader.lock < 0)) {
    return Fail(ErrorCode::kInvalid,
                std::string("expected ") + kReaderPageName + " and " + kReaderLockName +
                    " among what was passed, or neither");
  }
  return inherited;
}

}  // namespace holdfast::listen

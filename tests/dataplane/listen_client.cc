// The client of the listener tests; see listen_client.h.
#include "tests/dataplane/listen_client.h"

#include <arpa/inet.h>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "dataplane/base/check.h"
#include "tests/dataplane/listen_tables.h"

namespace holdfast::listen {

namespace {

constexpr int kPatienceMs = 5'000;

unsigned Octet(const std::string& message, std::size_t at) {
  return static_cast<unsigned char>(message.at(at));
}

}  // namespace

std::string Query(std::uint16_t id, const std::string& label, std::uint16_t type) {
  std::string message;
  const auto put16 = [&message](unsigned value) {
    message += static_cast<char>(value >> 8U);
    message += static_cast<char>(value & 0xFFU);
  };
  for (const unsigned value : {unsigned{id}, 0x0100U, 1U, 0U, 0U, 0U}) {
    put16(value);
  }
  std::string rest = label + "." + kTestOrigin + ".";
  for (std::size_t dot = rest.find('.'); dot != std::string::npos; dot = rest.find('.')) {
    message += static_cast<char>(dot) + rest.substr(0, dot);
    rest.erase(0, dot + 1);
  }
  message += '\0';
  put16(type);
  put16(1);
  return message;
}

std::string Framed(const std::string& message) {
  std::string framed;
  framed += static_cast<char>(message.size() >> 8U);
  framed += static_cast<char>(message.size() & 0xFFU);
  return framed + message;
}

std::uint16_t IdOf(const std::string& message) {
  return static_cast<std::uint16_t>((Octet(message, 0) << 8U) | Octet(message, 1));
}

unsigned RcodeOf(const std::string& message) {
  return Octet(message, 3) & 0xFU;
}

unsigned AnswersOf(const std::string& message) {
  return (Octet(message, 6) << 8U) | Octet(message, 7);
}

bool Truncated(const std::string& message) {
  return (Octet(message, 2) & 2U) != 0;
}

Address Address::Of(const std::string& text, std::uint16_t port) {
  Address address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    address.octets = sizeof(v4);
  } else {
    HF_CHECK(inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1);
    v6.sin6_family = AF_INET6;
    address.octets = sizeof(v6);
  }
  v4.sin_port = htons(port);
  return address;
}

std::string Address::Text() const {
  char text[INET6_ADDRSTRLEN] = "";
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  const void* octets_at = &v6.sin6_addr;
  if (storage.ss_family == AF_INET) {
    octets_at = &v4.sin_addr;
  }
  inet_ntop(storage.ss_family, octets_at, text, sizeof(text));
  return text;
}

std::uint16_t Address::port() const {
  return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

int BindListener(int type, const std::string& address, std::uint16_t port) {
  const Address to = Address::Of(address, port);
  const int fd = socket(to.storage.ss_family, type | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  HF_CHECK(fd >= 0);
  HF_CHECK(bind(fd, reinterpret_cast<const sockaddr*>(&to.storage), to.octets) == 0);
  HF_CHECK(type != SOCK_STREAM || ::listen(fd, 256) == 0);
  return fd;
}

Address AddressOf(int fd) {
  Address address;
  address.octets = sizeof(address.storage);
  HF_CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.octets) == 0);
  return address;
}

Client::Client(int type, const Address& to, const std::string& from, bool connected)
    : fd_(socket(to.storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), to_(to) {
  HF_CHECK(fd_ >= 0);
  if (!from.empty()) {
    const Address source = Address::Of(from, 0);
    HF_CHECK(bind(fd_, reinterpret_cast<const sockaddr*>(&source.storage), source.octets) == 0);
  }
  if (!connected) {
    return;
  }
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&to.storage), to.octets) == 0) {
    return;
  }
  int error = 0;
  socklen_t octets = sizeof(error);
  if (errno != EINPROGRESS || !WaitFor(POLLOUT) ||
      getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &octets) != 0 || error != 0) {
    close(fd_);
    fd_ = -1;
  }
}

Client::~Client() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

bool Client::WaitFor(short events) const {
  pollfd wait{.fd = fd_, .events = events, .revents = 0};
  return poll(&wait, 1, kPatienceMs) == 1;
}

bool Client::Send(const std::string& octets) {
  for (std::size_t at = 0; at < octets.size();) {
    const ssize_t sent = sendto(fd_,
                                octets.data() + at,
                                octets.size() - at,
                                MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&to_.storage),
                                to_.octets);
    if (sent >= 0) {
      at += static_cast<std::size_t>(sent);
    } else if (errno != EAGAIN || !WaitFor(POLLOUT)) {
      return false;
    }
  }
  return true;
}

std::size_t Client::SendSome(const std::string& octets) {
  const ssize_t sent = send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

void Client::FinishSending() {
  shutdown(fd_, SHUT_WR);
}

void Client::Reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(std::exchange(fd_, -1));
}

std::string Client::ReceiveDatagram(std::string* from) {
  if (!WaitFor(POLLIN)) {
    return {};
  }
  std::string datagram(65'535, '\0');
  Address source;
  source.octets = sizeof(source.storage);
  const ssize_t got = recvfrom(fd_,
                               datagram.data(),
                               datagram.size(),
                               0,
                               reinterpret_cast<sockaddr*>(&source.storage),
                               &source.octets);
  if (got < 0) {
    return {};
  }
  datagram.resize(static_cast<std::size_t>(got));
  if (from != nullptr) {
    *from = source.Text();
  }
  return datagram;
}

// Reads until `octets` came or the connection ended.
std::size_t Client::Read(char* to, std::size_t octets) {
  std::size_t at = 0;
  while (at < octets) {
    const ssize_t got = recv(fd_, to + at, octets - at, 0);
    if (got > 0) {
      at += static_cast<std::size_t>(got);
    } else if (got == 0 || errno != EAGAIN || !WaitFor(POLLIN)) {
      break;
    }
  }
  return at;
}

std::string Client::ReceiveMessage() {
  char length[2];
  if (Read(length, sizeof(length)) != sizeof(length)) {
    return {};
  }
  std::string message((static_cast<std::size_t>(static_cast<unsigned char>(length[0])) << 8U) |
                          static_cast<unsigned char>(length[1]),
                      '\0');
  if (Read(message.data(), message.size()) != message.size()) {
    return {};
  }
  return message;
}

bool Client::SeesEnd() {
  char octet = 0;
  if (!WaitFor(POLLIN)) {
    return false;
  }
  return recv(fd_, &octet, 1, 0) <= 0;
}

}  // namespace holdfast::listen

// A DNS client on loopback for tests of the listeners: sockets that never wait longer than a few
// seconds, messages made and read octet by octet.
#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <string>

#include "dataplane/listen/listeners.h"

namespace holdfast::listen {

inline constexpr std::uint16_t kTypeA = 1;
inline constexpr std::uint16_t kTypeTxt = 16;

/// A query without EDNS for NAME.listen.test.
std::string Query(std::uint16_t id, const std::string& label, std::uint16_t type = kTypeA);
/// The message behind its length, as it goes over TCP.
std::string Framed(const std::string& message);

std::uint16_t IdOf(const std::string& message);
unsigned RcodeOf(const std::string& message);
unsigned AnswersOf(const std::string& message);
bool Truncated(const std::string& message);

/// An IPv4 or IPv6 address with a port, as sockets want it.
struct Address {
  sockaddr_storage storage{};
  socklen_t octets = 0;
  static Address Of(const std::string& text, std::uint16_t port);
  [[nodiscard]] std::string Text() const;
  [[nodiscard]] std::uint16_t port() const;
};

/// A bound (UDP) or listening (TCP) socket, not yet prepared. @param port 0: any.
int BindListener(int type, const std::string& address, std::uint16_t port = 0);
Address AddressOf(int fd);

/// A client socket, closed at the end.
class Client {
 public:
  /// Connects (TCP) or fixes the peer when `connected` (UDP). @param from  address to come from.
  Client(int type, const Address& to, const std::string& from = "", bool connected = true);
  ~Client();
  Client(Client&& other) noexcept : fd_(std::exchange(other.fd_, -1)), to_(other.to_) {}
  Client& operator=(Client&&) = delete;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool ok() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int fd() const noexcept { return fd_; }

  /// Sends all of it; false when the connection is gone or it takes longer than seconds.
  bool Send(const std::string& octets);
  /// Sends what goes without waiting. @return octets that went.
  std::size_t SendSome(const std::string& octets);
  void FinishSending();
  /// Closes with a reset.
  void Reset();

  /// One datagram; `from` is whom it came from. None within a few seconds: empty.
  std::string ReceiveDatagram(std::string* from = nullptr);
  /// One message of a TCP connection; empty at its end.
  std::string ReceiveMessage();
  /// Whether the other side closed (or reset) without sending anything more.
  bool SeesEnd();

 private:
  bool WaitFor(short events) const;
  std::size_t Read(char* to, std::size_t octets);

  int fd_ = -1;
  Address to_;
};

}  // namespace holdfast::listen

// DNS over TCP (RFC 7766, RFC 9210): the connections of one listener thread. Called by its loop
// with what epoll reported and the time; never waits. May allocate per connection; answering a
// message does not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/base/clock.h"
#include "dataplane/listen/connection.h"
#include "dataplane/listen/connection_limits.h"
#include "dataplane/listen/responder.h"

namespace holdfast::listen {

struct TcpOptions {
  std::uint32_t max_connections = 10'000;  // of the process, 1..1,000,000
  std::uint32_t max_per_client = 100;      // of one IPv4 address or IPv6 /64, 1..1,000,000
  std::uint32_t idle_ms = 10'000;   // since the last whole query or sent backlog, 10..3,600,000
  std::uint32_t total_ms = 60'000;  // since it was accepted, 10..86,400,000
  std::uint64_t held_octets = 64U << 20U;  // of a thread, in what is not complete; >= 1 MiB
  std::uint32_t protect_ms = 250;  // since its last query a connection gives way to none, 0..
};

class TcpServer {
 public:
  /// @param limits     shared by all threads; outlives this, as `responder` does.
  /// @param epoll_fd   of the thread; connections add themselves with their Source as data.
  TcpServer(const TcpOptions& options,
            ConnectionLimits& limits,
            Responder& responder,
            int epoll_fd);
  ~TcpServer();
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;

  /// Takes waiting connections, a bounded number. At the total limit the connection that has gone
  /// longest without a query gives way, if that is a while (protect_ms); a client at its own
  /// limit is refused.
  /// @return false when descriptors ran out: accepting is to be left for a while.
  bool Accept(int listener_fd, std::uint64_t now_ns);

  /// Reads, answers, writes as far as it goes without waiting.
  /// @param events  of epoll.
  void OnEvent(Connection& connection, std::uint32_t events, std::uint64_t now_ns);

  /// Closes what is past a deadline.
  /// @return nanoseconds until the next deadline; ~0 when there is none.
  std::uint64_t Expire(std::uint64_t now_ns);

  /// At the end of a round of the loop: frees the closed connections, which events of the same
  /// round may still have led to.
  void Sweep() noexcept { closed_.clear(); }

  /// The end: answers what came whole, closes what has nothing left to send. Call Expire and
  /// OnEvent on until open() is 0 or patience ends; the rest is closed on destruction.
  void Stop(std::uint64_t now_ns);

  [[nodiscard]] std::size_t open() const noexcept { return open_; }

 private:
  // Octets of one read; also the most that is kept unread while output is pending.
  static constexpr std::size_t kInputOctets = 16'384;

  enum class Progress : std::uint8_t { kGoOn, kBlocked, kClosed };

  void Open(int fd,
            const ClientAddress& client,
            ConnectionLimits::Ticket ticket,
            std::uint64_t now_ns);
  bool MakeRoom(std::uint64_t now_ns);
  void Serve(Connection& connection, std::uint64_t now_ns);
  Progress Receive(Connection& connection, ByteSpan& stream);
  Progress AnswerStream(Connection& connection, ByteSpan stream, std::uint64_t now_ns);
  [[nodiscard]] std::uint16_t KeepaliveOf(const Connection& connection,
                                          std::uint64_t now_ns) const noexcept;
  unsigned Gather(Connection& connection, std::uint16_t keepalive, ByteSpan& stream, bool& bad);
  Progress SendReplies(Connection& connection, unsigned jobs);
  Progress Flush(Connection& connection, std::uint64_t now_ns);
  [[nodiscard]] Connection& LongestHolding(Connection& at_hand) const noexcept;
  void Settle(Connection& connection);
  void Close(Connection& connection, Counter why, bool abort);

  TcpOptions options_;
  ConnectionLimits* limits_;
  Responder* responder_;
  int epoll_fd_;
  bool stopping_ = false;
  std::size_t open_ = 0;
  std::size_t held_octets_ = 0;
  DeadlineList idle_{Deadline::kIdle};
  DeadlineList total_{Deadline::kTotal};
  std::vector<std::unique_ptr<Connection>> closed_;
  std::unique_ptr<std::byte[]> input_;
};

}  // namespace holdfast::listen

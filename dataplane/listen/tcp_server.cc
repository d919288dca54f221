// Accepting, deadlines and the closing of connections; see tcp_server.h. What happens on one
// connection is in tcp_stream.cc.
#include "dataplane/listen/tcp_server.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace holdfast::listen {

namespace {

constexpr unsigned kAcceptsPerEvent = 32;
constexpr std::uint64_t kNsPerMs = 1'000'000;

// The other side gets a reset and the kernel forgets what was not sent: nothing lingers of a
// connection that was refused or does not read.
void CloseAbortively(int fd) noexcept {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(fd);
}

}  // namespace

TcpServer::TcpServer(const TcpOptions& options,
                     ConnectionLimits& limits,
                     Responder& responder,
                     int epoll_fd)
    : options_(options),
      limits_(&limits),
      responder_(&responder),
      epoll_fd_(epoll_fd),
      input_(std::make_unique_for_overwrite<std::byte[]>(kInputOctets)) {}

TcpServer::~TcpServer() {
  while (total_.Oldest() != nullptr) {
    Close(*total_.Oldest(), Counter::kTcpClosedStop, !total_.Oldest()->output.empty());
  }
}

bool TcpServer::Accept(int listener_fd, std::uint64_t now_ns) {
  for (unsigned i = 0; i < kAcceptsPerEvent; ++i) {
    sockaddr_in6 from{};
    socklen_t octets = sizeof(from);
    const int fd = accept4(
        listener_fd, reinterpret_cast<sockaddr*>(&from), &octets, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN) {
        return true;
      }
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        responder_->Count(Counter::kTcpAcceptFailed);
        return MakeRoom(now_ns);
      }
      if (errno != EINTR && errno != ECONNABORTED) {
        responder_->Count(Counter::kTcpAcceptFailed);
      }
      continue;
    }
    const ClientAddress client = ClientOf(from);
    if (responder_->Drops(client)) {
      responder_->Count(Counter::kTcpRefusedDenied);
      CloseAbortively(fd);
      continue;
    }
    ConnectionLimits::Ticket ticket;
    auto verdict = limits_->Take(client, ticket);
    if (verdict == ConnectionLimits::Verdict::kFull && MakeRoom(now_ns)) {
      verdict = limits_->Take(client, ticket);
    }
    if (verdict != ConnectionLimits::Verdict::kTaken) {
      responder_->Count(verdict == ConnectionLimits::Verdict::kFull ? Counter::kTcpRefusedTotal
                                                                    : Counter::kTcpRefusedClient);
      CloseAbortively(fd);
      continue;
    }
    Open(fd, client, ticket, now_ns);
  }
  return true;
}

void TcpServer::Open(int fd,
                     const ClientAddress& client,
                     ConnectionLimits::Ticket ticket,
                     std::uint64_t now_ns) {
  auto connection = std::make_unique<Connection>();
  connection->fd = fd;
  connection->kind = SourceKind::kConnection;
  connection->client = client;
  connection->ticket = ticket;
  epoll_event event{.events = EPOLLIN, .data = {.ptr = static_cast<Source*>(connection.get())}};
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
    responder_->Count(Counter::kTcpAcceptFailed);
    limits_->Release(ticket);
    CloseAbortively(fd);
    return;
  }
  ++open_;
  responder_->Count(Counter::kTcpAccepted);
  responder_->SetLevel(Counter::kTcpOpen, open_);
  idle_.Start(*connection, now_ns);
  // Owned by the lists from here on, until Close.
  total_.Start(*connection.release(), now_ns);
}

bool TcpServer::MakeRoom(std::uint64_t now_ns) {
  Connection* oldest = idle_.Oldest();
  if (oldest == nullptr || now_ns - idle_.SinceNs(*oldest) < options_.protect_ms * kNsPerMs) {
    return false;
  }
  Close(*oldest, Counter::kTcpClosedLimit, true);
  return true;
}

std::uint64_t TcpServer::Expire(std::uint64_t now_ns) {
  std::uint64_t next = std::numeric_limits<std::uint64_t>::max();
  const auto expire = [&](const DeadlineList& list, std::uint64_t span_ms, Counter why) {
    const std::uint64_t span = span_ms * kNsPerMs;
    for (Connection* at = list.Oldest(); at != nullptr; at = list.Oldest()) {
      const std::uint64_t age = now_ns - list.SinceNs(*at);
      if (age < span) {
        next = std::min(next, span - age);
        return;
      }
      if (why == Counter::kTcpClosedTotal && at->output.empty()) {
        Serve(*at, now_ns);  // what came whole is answered before the connection of a busy client
      }  // ends
      if (at->fd >= 0) {
        Close(*at, why, !at->output.empty());
      }
    }
  };
  expire(idle_, options_.idle_ms, Counter::kTcpClosedIdle);
  expire(total_, options_.total_ms, Counter::kTcpClosedTotal);
  return next;
}

void TcpServer::Stop(std::uint64_t now_ns) {
  stopping_ = true;
  // Serving one may close others (held memory); closed ones stay in memory until Sweep.
  std::vector<Connection*> all;
  for (Connection* at = total_.Oldest(); at != nullptr; at = total_.After(*at)) {
    all.push_back(at);
  }
  for (Connection* at : all) {
    if (at->fd >= 0 && at->output.empty()) {
      Serve(*at, now_ns);
    }
  }
}

void TcpServer::Close(Connection& connection, Counter why, bool abort) {
  responder_->Count(why);
  idle_.Remove(connection);
  total_.Remove(connection);
  limits_->Release(connection.ticket);
  held_octets_ -= connection.counted_octets;
  --open_;
  responder_->SetLevel(Counter::kTcpOpen, open_);
  responder_->SetLevel(Counter::kTcpHeldOctets, held_octets_);
  if (abort) {
    CloseAbortively(connection.fd);
  } else {
    close(connection.fd);
  }
  connection.fd = -1;
  closed_.emplace_back(&connection);
}

}  // namespace holdfast::listen

// What happens on one TCP connection: read, cut into messages, answer in order, write. While a
// reply waits for room in the send buffer nothing is read, so what a client can make us hold is
// bounded by one read and one burst of replies; see tcp_server.h.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "dataplane/listen/tcp_server.h"

namespace holdfast::listen {

namespace {

// Messages answered and sent together. Bounds what a client that does not read makes us hold to
// that many replies, however many queries one read brought.
constexpr unsigned kTcpBurst = 16;
// Reads of one connection in one event; then it is the others' turn.
constexpr unsigned kReadsPerEvent = 4;
constexpr unsigned kHoldersLookedAt = 64;

}  // namespace

void TcpServer::OnEvent(Connection& connection, std::uint32_t events, std::uint64_t now_ns) {
  if (connection.fd < 0) {
    return;  // closed earlier in this round
  }
  if ((events & EPOLLERR) != 0) {
    Close(connection, Counter::kTcpClosedByClient, true);
    return;
  }
  Serve(connection, now_ns);
}

void TcpServer::Serve(Connection& connection, std::uint64_t now_ns) {
  Progress progress = Flush(connection, now_ns);
  for (unsigned i = 0; i < kReadsPerEvent && progress == Progress::kGoOn; ++i) {
    ByteSpan stream;
    progress = Receive(connection, stream);
    if (progress == Progress::kGoOn) {
      progress = AnswerStream(connection, stream, now_ns);
    }
  }
  if (progress != Progress::kClosed) {
    Settle(connection);
  }
}

// Octets to look at: those left over from before, or new ones. kBlocked: none now.
TcpServer::Progress TcpServer::Receive(Connection& connection, ByteSpan& stream) {
  if (!connection.unread.empty()) {
    std::memcpy(input_.get(), connection.unread.data(), connection.unread.size());
    stream = {input_.get(), connection.unread.size()};
    std::vector<std::byte>().swap(connection.unread);
    return Progress::kGoOn;
  }
  const ssize_t got = recv(connection.fd, input_.get(), kInputOctets, 0);
  if (got > 0) {
    stream = {input_.get(), static_cast<std::size_t>(got)};
    return Progress::kGoOn;
  }
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) {
      return Progress::kBlocked;
    }
    Close(connection, Counter::kTcpClosedByClient, true);
    return Progress::kClosed;
  }
  // The client is done sending (it may still read). All that came whole was answered already, and
  // sent, as nothing is read while output is pending.
  Close(connection, Counter::kTcpClosedByClient, false);
  return Progress::kClosed;
}

TcpServer::Progress TcpServer::AnswerStream(Connection& connection,
                                            ByteSpan stream,
                                            std::uint64_t now_ns) {
  const std::uint16_t keepalive = KeepaliveOf(connection, now_ns);
  while (!stream.empty()) {
    bool bad = false;
    const unsigned jobs = Gather(connection, keepalive, stream, bad);
    if (jobs != 0) {
      responder_->Count(Counter::kTcpMessages, jobs);
      responder_->Answer(jobs);
      idle_.Start(connection, now_ns);
      if (SendReplies(connection, jobs) == Progress::kClosed) {
        return Progress::kClosed;
      }
    }
    if (bad) {
      // The queries before it are answered; what follows cannot be understood.
      connection.last = true;
      stream = {};
    }
    if (!connection.output.empty()) {
      connection.unread.assign(stream.begin(), stream.end());
      return Progress::kBlocked;
    }
    if (bad) {
      Close(connection, Counter::kTcpBadLength, false);
      return Progress::kClosed;
    }
  }
  return Progress::kGoOn;
}

// What a client is told when it asks how long the connection may be idle (RFC 7828 3.3.2), in 100
// ms: until the nearer of its deadlines, and 0 ("close it") while new ones would not be let in.
std::uint16_t TcpServer::KeepaliveOf(const Connection& connection,
                                     std::uint64_t now_ns) const noexcept {
  constexpr std::uint64_t kNsPerMs = 1'000'000;
  constexpr std::uint64_t kMsPerUnit = 100;
  const std::uint64_t age_ms = (now_ns - total_.SinceNs(connection)) / kNsPerMs;
  if (stopping_ || limits_->full() || age_ms >= options_.total_ms) {
    return 0;
  }
  const std::uint64_t left_ms =
      std::min<std::uint64_t>(options_.idle_ms, options_.total_ms - age_ms);
  return static_cast<std::uint16_t>(std::min<std::uint64_t>(left_ms / kMsPerUnit, 0xFFFF));
}

// Moves up to kTcpBurst messages from the stream into buffers.
unsigned TcpServer::Gather(Connection& connection,
                           std::uint16_t keepalive,
                           ByteSpan& stream,
                           bool& bad) {
  unsigned jobs = 0;
  while (jobs < kTcpBurst) {
    ByteSpan message;
    const auto step = connection.frames.Next(stream, message);
    if (step != FrameReader::Step::kMessage) {
      bad = step == FrameReader::Step::kBadLength;
      break;
    }
    std::byte* buffer = responder_->Buffer(jobs);
    std::memcpy(buffer, message.data(), message.size());
    responder_->JobAt(jobs) = {.message = buffer,
                               .query_octets = static_cast<std::uint32_t>(message.size()),
                               .room_octets = Responder::kBufferOctets,
                               .transport = answer::Transport::kTcp,
                               .keepalive = keepalive,
                               .client_is_v6 = connection.client.is_v6,
                               .client = connection.client.octets};
    ++jobs;
  }
  return jobs;
}

// One write for the burst; each length goes with its message (RFC 7766 8). What the kernel does not
// take becomes the connection's output.
TcpServer::Progress TcpServer::SendReplies(Connection& connection, unsigned jobs) {
  std::array<iovec, kTcpBurst> piece{};
  unsigned pieces = 0;
  std::size_t octets = 0;
  for (unsigned i = 0; i < jobs; ++i) {
    const answer::Job& job = responder_->JobAt(i);
    if (job.outcome == answer::Outcome::kHangUp) {
      Close(connection, Counter::kTcpClosedDenied, true);
      return Progress::kClosed;
    }
    if (job.outcome != answer::Outcome::kReply) {
      continue;
    }
    std::byte* start = job.message - kPrefixOctets;
    StoreBe16(start, static_cast<std::uint16_t>(job.reply_octets));
    piece[pieces] = {.iov_base = start, .iov_len = kPrefixOctets + job.reply_octets};
    octets += piece[pieces].iov_len;
    ++pieces;
  }
  if (pieces == 0) {
    return Progress::kGoOn;
  }
  msghdr message{};
  message.msg_iov = piece.data();
  message.msg_iovlen = pieces;
  ssize_t sent = sendmsg(connection.fd, &message, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) {
      Close(connection, Counter::kTcpClosedByClient, true);
      return Progress::kClosed;
    }
    sent = 0;
  }
  auto skip = static_cast<std::size_t>(sent);
  if (skip == octets) {
    return Progress::kGoOn;
  }
  responder_->Count(Counter::kTcpPartialWrites);
  connection.output.reserve(octets - skip);
  for (unsigned i = 0; i < pieces; ++i) {
    const auto* start = static_cast<const std::byte*>(piece[i].iov_base);
    const std::size_t gone = std::min(skip, piece[i].iov_len);
    connection.output.insert(connection.output.end(), start + gone, start + piece[i].iov_len);
    skip -= gone;
  }
  connection.output_sent = 0;
  return Progress::kBlocked;
}

// Sends what is pending. kGoOn: nothing is pending any more.
TcpServer::Progress TcpServer::Flush(Connection& connection, std::uint64_t now_ns) {
  if (connection.output.empty()) {
    return Progress::kGoOn;
  }
  const ByteSpan rest = ByteSpan(connection.output).subspan(connection.output_sent);
  const ssize_t sent = send(connection.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno == EAGAIN || errno == EINTR) {
      return Progress::kBlocked;
    }
    Close(connection, Counter::kTcpClosedByClient, true);
    return Progress::kClosed;
  }
  connection.output_sent += static_cast<std::size_t>(sent);
  if (connection.output_sent != connection.output.size()) {
    return Progress::kBlocked;
  }
  std::vector<std::byte>().swap(connection.output);
  idle_.Start(connection, now_ns);
  if (connection.last) {
    Close(connection, Counter::kTcpBadLength, false);
    return Progress::kClosed;
  }
  return Progress::kGoOn;
}

// Whose memory is given up when there is too much: of the connections that hold some, the one that
// has gone longest without a query, looked for among the first few; else the one at hand.
Connection& TcpServer::LongestHolding(Connection& at_hand) const noexcept {
  Connection* at = idle_.Oldest();
  for (unsigned i = 0; i < kHoldersLookedAt && at != nullptr; ++i, at = idle_.After(*at)) {
    if (at->counted_octets != 0) {
      return *at;
    }
  }
  return at_hand;
}

// After each event: accounts for held memory, waits for what is needed next.
void TcpServer::Settle(Connection& connection) {
  const std::size_t held = connection.HeldOctets();
  held_octets_ += held - connection.counted_octets;
  connection.counted_octets = held;
  if (held_octets_ > options_.held_octets && held != 0) {
    Connection& gives_way = LongestHolding(connection);
    Close(gives_way, Counter::kTcpClosedMemory, true);
    if (&gives_way == &connection) {
      return;
    }
  }
  responder_->SetLevel(Counter::kTcpHeldOctets, held_octets_);
  const bool pending = !connection.output.empty();
  if (stopping_ && !pending) {
    Close(connection, Counter::kTcpClosedStop, false);
    return;
  }
  if (pending != connection.wants_write) {
    connection.wants_write = pending;
    epoll_event event{.events = pending ? EPOLLOUT : EPOLLIN,
                      .data = {.ptr = static_cast<Source*>(&connection)}};
    epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, connection.fd, &event);
  }
}

}  // namespace holdfast::listen

#include "health/probe/stream_probe.h"

#include <cerrno>
#include <optional>
#include <sys/socket.h>
#include <utility>

namespace holdfast::health {

int StreamProbe::OpenSocket(int family) noexcept {
  return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// One on which something has arrived since is of no use: the endpoint has closed it, or says what
// nobody asked for.
bool StreamProbe::TakeConnection() {
  is_kept_ = false;
  std::optional<KeptConnection> last;
  if (reuse() != nullptr) {
    last = std::exchange(reuse()->connection, std::nullopt);
  }
  if (!last) {
    return false;
  }
  KeptConnection& kept = *last;
  char octet = 0;
  if (recv(kept.descriptor.fd(), &octet, 1, MSG_PEEK) >= 0 || errno != EAGAIN) {
    return false;
  }
  Adopt(std::move(kept.descriptor));
  tls_ = std::move(kept.tls);
  is_kept_ = true;
  SetLeaning(true);
  return true;
}

void StreamProbe::KeepConnection() {
  const auto& most = loop().most_kept;
  if (most.use_count() > static_cast<long>(*most)) {
    return;
  }
  reuse()->connection.emplace(TakeDescriptor(), std::move(tls_), most);
}

void StreamProbe::OnConnected() {
  if (!is_kept_) {
    phases().connect = ProbeClock::now() - connect_began();
  }
  OnStream();
}

void StreamProbe::OnSocketReady() {
  if (in_handshake_) {
    Handshake();
  } else {
    OnStreamReady();
  }
}

void StreamProbe::BeginTls(const TlsOptions& options) {
  tls_ = TlsSession::Open(loop().tls, fd(), options);
  if (tls_ == nullptr) {
    Finish(Outcome::kUnknown, "Unknown: the health checker has no memory for a TLS session.");
    return;
  }
  in_handshake_ = true;
  handshake_began_ = ProbeClock::now();
  Handshake();
}

void StreamProbe::Handshake() {
  const IoStep step = tls_->Handshake();
  if (Await(step)) {
    return;
  }
  in_handshake_ = false;
  if (step == IoStep::kDone) {
    phases().tls_handshake = ProbeClock::now() - handshake_began_;
  }
  OnHandshake(step == IoStep::kDone);
}

void StreamProbe::OnHandshake(bool done) {
  if (done) {
    OnStreamReady();
  } else {
    FailTransport("complete the TLS handshake");
  }
}

bool StreamProbe::SendAll(std::string_view& unsent) {
  while (!unsent.empty()) {
    std::size_t moved = 0;
    const IoStep step = Write(std::as_bytes(std::span(unsent)), moved);
    if (Await(step)) {
      return false;
    }
    if (step != IoStep::kDone) {
      FailTransport("send the request");
      return false;
    }
    unsent.remove_prefix(moved);
    sent_ = ProbeClock::now();
  }
  return true;
}

bool StreamProbe::Await(IoStep step) {
  if (step == IoStep::kWantRead) {
    AwaitReadable();
  } else if (step == IoStep::kWantWrite) {
    AwaitWritable();
  } else {
    return false;
  }
  return true;
}

void StreamProbe::FailTransport(const char* doing) {
  if (tls_ != nullptr) {
    Finish(Outcome::kFail, "Failure: " + tls_->problem());
  } else {
    FinishSystemError(doing, error_);
  }
}

IoStep StreamProbe::Write(std::span<const std::byte> octets, std::size_t& moved) {
  if (tls_ != nullptr) {
    return tls_->Write(octets, moved);
  }
  const ssize_t sent = send(fd(), octets.data(), octets.size(), MSG_NOSIGNAL);
  if (sent >= 0) {
    moved = static_cast<std::size_t>(sent);
    return IoStep::kDone;
  }
  error_ = errno;
  return error_ == EAGAIN || error_ == EINTR ? IoStep::kWantWrite : IoStep::kFailed;
}

IoStep StreamProbe::Read(std::span<std::byte> room, std::size_t& moved) {
  IoStep step = IoStep::kFailed;
  if (tls_ != nullptr) {
    step = tls_->Read(room, moved);
  } else if (const ssize_t received = recv(fd(), room.data(), room.size(), 0); received > 0) {
    moved = static_cast<std::size_t>(received);
    step = IoStep::kDone;
  } else if (received == 0) {
    step = IoStep::kEnd;
  } else {
    error_ = errno;
    step = error_ == EAGAIN || error_ == EINTR ? IoStep::kWantRead : IoStep::kFailed;
  }
  if (step == IoStep::kDone && phases().first_byte.count() == 0) {
    phases().first_byte = ProbeClock::now() - sent_;
  }
  return step;
}

void StreamProbe::OnClose() noexcept {
  in_handshake_ = false;
  if (tls_ != nullptr) {
    tls_->Close();
    tls_.reset();
  }
}

}  // namespace holdfast::health

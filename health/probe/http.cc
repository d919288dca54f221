// The HTTP(S) probe: after the connection, an optional handshake, the request, and the response
// until its reader has seen enough. One deadline from the connection to the end of the header,
// another for the body.
#include <cerrno>
#include <string_view>
#include <sys/socket.h>
#include <utility>

#include "health/probe/probe.h"
#include "health/probe/response_reader.h"

namespace holdfast::health {

namespace {

constexpr const char* kNoResponse =
    "The health checker received no complete response within the timeout limit.";
constexpr const char* kNoBody =
    "The health checker did not receive the search string within the timeout limit.";
// Reads per turn: an endpoint that sends without end must not hold the loop.
constexpr int kReadsPerTurn = 8;

class HttpProbe final : public Probe {
 public:
  HttpProbe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done)
      : Probe(loop, std::move(task), std::move(done)),
        reader_(this->task().pattern),
        unsent_(this->task().request) {}

 private:
  enum class Step : std::uint8_t { kHandshake, kSend, kReceive };

  void OnConnected() override;
  void OnReady() override;
  void OnClose() noexcept override;

  void Handshake();
  void Send();
  void Receive();
  bool Await(IoStep step);
  void FailTransport(const char* doing);
  IoStep Write(std::span<const std::byte> octets, std::size_t& moved);
  IoStep Read(std::span<std::byte> room, std::size_t& moved);

  Step step_ = Step::kSend;
  bool with_sni_ = false;
  bool retried_ = false;
  int error_ = 0;
  std::unique_ptr<TlsSession> tls_;
  ResponseReader reader_;
  std::string_view unsent_;
};

void HttpProbe::OnConnected() {
  if (!retried_) {
    BeginPhase(task().check.response_timeout, kNoResponse);
  }
  if (!UsesTls(task().check.type)) {
    Send();
    return;
  }
  with_sni_ = !retried_ && !task().sni.empty();
  tls_ = TlsSession::Open(loop().tls, fd(), with_sni_ ? task().sni : std::string());
  if (tls_ == nullptr) {
    Finish(Outcome::kUnknown, "Unknown: the health checker has no memory for a TLS session.");
    return;
  }
  step_ = Step::kHandshake;
  Handshake();
}

void HttpProbe::OnReady() {
  switch (step_) {
    case Step::kHandshake:
      return Handshake();
    case Step::kSend:
      return Send();
    case Step::kReceive:
      return Receive();
  }
}

void HttpProbe::Handshake() {
  const IoStep step = tls_->Handshake();
  if (Await(step)) {
    return;
  }
  const bool done = step == IoStep::kDone;
  if (with_sni_ && (done ? !tls_->CertificateCovers(task().sni) : tls_->name_refused())) {
    retried_ = true;
    Reconnect();
    return;
  }
  if (!done) {
    FailTransport("complete the TLS handshake");
    return;
  }
  Send();
}

void HttpProbe::Send() {
  step_ = Step::kSend;
  while (!unsent_.empty()) {
    std::size_t moved = 0;
    const IoStep step = Write(std::as_bytes(std::span(unsent_)), moved);
    if (Await(step)) {
      return;
    }
    if (step != IoStep::kDone) {
      FailTransport("send the request");
      return;
    }
    unsent_.remove_prefix(moved);
  }
  step_ = Step::kReceive;
  Receive();
}

void HttpProbe::Receive() {
  for (int turn = 0; turn < kReadsPerTurn; ++turn) {
    std::size_t moved = 0;
    const IoStep step = Read(loop().buffer, moved);
    if (Await(step)) {
      return;
    }
    const auto before = reader_.progress();
    if (step == IoStep::kDone) {
      reader_.Feed(std::span(loop().buffer).first(moved));
    } else if (step == IoStep::kEnd) {
      reader_.Finish();
    } else {
      FailTransport("receive the response");
      return;
    }
    if (reader_.progress() == ResponseReader::Progress::kDone) {
      Finish(reader_.outcome(), reader_.reason());
      return;
    }
    if (reader_.progress() != before) {
      BeginPhase(task().check.body_timeout, kNoBody);
    }
  }
  // More lies ready perhaps, inside OpenSSL too where no event would tell: come back by way of the
  // loop, a writable socket is always ready.
  AwaitWritable();
}

bool HttpProbe::Await(IoStep step) {
  if (step == IoStep::kWantRead) {
    AwaitReadable();
  } else if (step == IoStep::kWantWrite) {
    AwaitWritable();
  } else {
    return false;
  }
  return true;
}

void HttpProbe::FailTransport(const char* doing) {
  if (tls_ != nullptr) {
    Finish(Outcome::kFail, "Failure: " + tls_->problem());
  } else {
    FinishSystemError(doing, error_);
  }
}

IoStep HttpProbe::Write(std::span<const std::byte> octets, std::size_t& moved) {
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

IoStep HttpProbe::Read(std::span<std::byte> room, std::size_t& moved) {
  if (tls_ != nullptr) {
    return tls_->Read(room, moved);
  }
  const ssize_t received = recv(fd(), room.data(), room.size(), 0);
  if (received > 0) {
    moved = static_cast<std::size_t>(received);
    return IoStep::kDone;
  }
  if (received == 0) {
    return IoStep::kEnd;
  }
  error_ = errno;
  return error_ == EAGAIN || error_ == EINTR ? IoStep::kWantRead : IoStep::kFailed;
}

void HttpProbe::OnClose() noexcept {
  if (tls_ != nullptr) {
    tls_->Close();
    tls_.reset();
  }
}

}  // namespace

std::shared_ptr<Probe> MakeHttpProbe(ProbeLoop& loop,
                                     std::shared_ptr<const ProbeTask> task,
                                     Probe::Done done) {
  return std::make_shared<HttpProbe>(loop, std::move(task), std::move(done));
}

}  // namespace holdfast::health

// The HTTP(S) probe: after the connection, an optional handshake, the request, and the response
// until its reader has seen enough. One deadline from the connection to the end of the header,
// another for the body.
#include <string_view>
#include <utility>

#include "health/probe/response_reader.h"
#include "health/probe/stream_probe.h"

namespace holdfast::health {

namespace {

constexpr const char* kNoResponse =
    "The health checker received no complete response within the timeout limit.";
constexpr const char* kNoBody =
    "The health checker did not receive the search string within the timeout limit.";
// Reads per turn: an endpoint that sends without end must not hold the loop.
constexpr int kReadsPerTurn = 8;

class HttpProbe final : public StreamProbe {
 public:
  HttpProbe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done)
      : StreamProbe(loop, std::move(task), std::move(done)),
        reader_(this->task().pattern),
        unsent_(this->task().request) {}

 private:
  void OnStream() override;
  void OnHandshake(bool done) override;
  void OnStreamReady() override;
  void Receive();

  bool with_sni_ = false;
  bool retried_ = false;
  ResponseReader reader_;
  std::string_view unsent_;
};

void HttpProbe::OnStream() {
  if (!retried_) {
    BeginPhase(check().response_timeout, kNoResponse);
  }
  if (!UsesTls(check().type)) {
    OnStreamReady();
    return;
  }
  with_sni_ = !retried_ && !task().sni.empty();
  BeginTls({.sni = with_sni_ ? task().sni : std::string()});
}

void HttpProbe::OnHandshake(bool done) {
  if (with_sni_ && (done ? !tls().CertificateCovers(task().sni) : tls().name_refused())) {
    retried_ = true;
    Reconnect();
    return;
  }
  StreamProbe::OnHandshake(done);
}

void HttpProbe::OnStreamReady() {
  if (SendAll(unsent_)) {
    Receive();
  }
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
      BeginPhase(check().body_timeout, kNoBody);
    }
  }
  // More lies ready perhaps, inside OpenSSL too where no event would tell: come back by way of the
  // loop, a writable socket is always ready.
  AwaitWritable();
}

}  // namespace

std::shared_ptr<Probe> MakeHttpProbe(ProbeLoop& loop,
                                     std::shared_ptr<const ProbeTask> task,
                                     Probe::Done done) {
  return std::make_shared<HttpProbe>(loop, std::move(task), std::move(done));
}

}  // namespace holdfast::health

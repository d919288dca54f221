// The HTTP(S) probe: after the connection, an optional handshake, the request, and the response
// until its reader has seen enough. One deadline from the connection to the end of the header,
// another for the body. Where the check allows it, connection and TLS session are left to the next
// probe; what fails on either is tried once more without (Probe::BeginAnew).
#include <optional>
#include <string_view>
#include <utility>

#include "dataplane/base/check.h"
#include "health/probe/certificate.h"
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
      : StreamProbe(loop, std::move(task), std::move(done)) {}

 private:
  void OnStream() override;
  void OnHandshake(bool done) override;
  void OnStreamReady() override;
  void OnTooSlow() override;
  void Receive();
  void End();
  std::string CertificateProblem();
  ResponseReader& reader() {
    HF_CHECK(reader_.has_value());
    return *reader_;
  }

  bool retried_ = false;
  std::optional<ResponseReader> reader_;  // from the connection on, with its TLS
  std::string sni_;                       // that the handshake names; empty: none
  std::string request_;
  std::string_view unsent_;
};

void HttpProbe::OnStream() {
  if (!retried_) {
    BeginPhase(check().response_timeout, kNoResponse);
  }
  reader_.reset();
  if (!UsesTls(check().type) || has_tls()) {
    OnStreamReady();
    return;
  }
  sni_ = retried_ ? std::string() : ServerName(task());
  const auto& settings = *task().settings;
  TlsOptions options{.sni = sni_,
                     .roots = settings.roots,
                     .subject = settings.roots != nullptr ? CertificateSubject(task()) : "",
                     .client = settings.client};
  // Not without the name that is usually sent: who gets that far makes two handshakes each time.
  // Nor where the certificate is judged: a session that goes on shows none.
  if (reuse() != nullptr && check().tls_resume && !retried_ && !JudgesCertificate(*check().https)) {
    options.keep_session = true;
    options.session = reuse()->session;
    SetLeaning(!options.session.empty());
  }
  BeginTls(options);
}

void HttpProbe::OnHandshake(bool done) {
  const bool resumed = done && tls().resumed();
  // One that must be verified is for the name or it is not.
  if (!sni_.empty() && !resumed && !check().https->verify &&
      (done ? !tls().CertificateCovers(sni_) : tls().name_refused())) {
    SetLeaning(false);
    retried_ = true;
    Reconnect();
    return;
  }
  if (done && !resumed) {
    SetLeaning(false);
  }
  StreamProbe::OnHandshake(done);
}

void HttpProbe::OnStreamReady() {
  if (!reader_) {
    if (const std::string problem = CertificateProblem(); !problem.empty()) {
      Finish(Outcome::kFail, "Failure: " + problem);
      return;
    }
    const HttpSettings& http = *check().http;
    reader_.emplace(task().settings->pattern,
                    check().keep_alive,
                    ExpectedResponse{.status = http.expected_status,
                                     .to_head = http.method == HttpMethod::kHead});
    request_ = RequestOf(task());
    unsent_ = request_;
  }
  const bool sends = !unsent_.empty();
  if (!SendAll(unsent_)) {
    return;
  }
  if (sends && !has_tls()) {
    AwaitReadable();  // nobody answers that fast
  } else {
    Receive();
  }
}

// On a connection that was kept too: its certificate grows older.
std::string HttpProbe::CertificateProblem() {
  return has_tls() && check().https ? ProblemOf(tls(), *check().https) : std::string();
}

void HttpProbe::Receive() {
  for (int turn = 0; turn < kReadsPerTurn; ++turn) {
    std::size_t moved = 0;
    const IoStep step = Read(loop().buffer, moved);
    if (Await(step)) {
      return;
    }
    ResponseReader& response = reader();
    const auto before = response.progress();
    if (step == IoStep::kDone) {
      response.Feed(std::span(loop().buffer).first(moved));
    } else if (step == IoStep::kEnd || before == ResponseReader::Progress::kRest) {
      response.Finish();
    } else {
      FailTransport("receive the response");
      return;
    }
    const auto now = response.progress();
    if (now == ResponseReader::Progress::kDone) {
      End();
      return;
    }
    if (now != before && now == ResponseReader::Progress::kBody) {
      BeginPhase(check().body_timeout, kNoBody);
    }
  }
  // More lies ready perhaps, inside OpenSSL too where no event would tell: come back by way of the
  // loop, a writable socket is always ready.
  AwaitWritable();
}

// What was still read only for the next probe's sake decides nothing.
void HttpProbe::OnTooSlow() {
  if (reader_ && reader_->progress() == ResponseReader::Progress::kRest) {
    reader_->Finish();
    End();
  } else {
    StreamProbe::OnTooSlow();
  }
}

void HttpProbe::End() {
  const ResponseReader& response = reader();
  const std::string reason = response.reason();
  if (response.outcome() == Outcome::kPass && reuse() != nullptr) {
    if (has_tls() && !retried_) {
      if (std::string session = tls().TakeSession(); !session.empty()) {
        reuse()->session = std::move(session);
      }
    }
    if (response.reusable()) {
      KeepConnection();
    }
  }
  Finish(response.outcome(), reason);
}

}  // namespace

std::shared_ptr<Probe> MakeHttpProbe(ProbeLoop& loop,
                                     std::shared_ptr<const ProbeTask> task,
                                     Probe::Done done) {
  return std::make_shared<HttpProbe>(loop, std::move(task), std::move(done));
}

}  // namespace holdfast::health

// The TLS probe: a handshake, then a look at the certificate that the endpoint showed: how long it
// is valid, and, where asked, whether its chain leads to a known root and names the endpoint.
#include <utility>

#include "health/probe/certificate.h"
#include "health/probe/stream_probe.h"

namespace holdfast::health {

namespace {

constexpr const char* kNoHandshake =
    "The health checker could not complete the TLS handshake within the timeout limit.";

class TlsProbe final : public StreamProbe {
 public:
  TlsProbe(ProbeLoop& loop, std::shared_ptr<const ProbeTask> task, Done done)
      : StreamProbe(loop, std::move(task), std::move(done)) {}

 private:
  void OnStream() override;
  void OnStreamReady() override;
};

void TlsProbe::OnStream() {
  BeginPhase(check().response_timeout, kNoHandshake);
  BeginTls({.sni = ServerName(task()),
            .roots = task().settings->roots,
            .subject = CertificateSubject(task()),
            .client = task().settings->client});
}

// After the handshake.
void TlsProbe::OnStreamReady() {
  const auto& settings = std::get<TlsSettings>(check().native);
  if (const std::string problem = ProblemOf(tls(), settings); !problem.empty()) {
    Finish(Outcome::kFail, "Failure: " + problem);
    return;
  }
  const auto validity = tls().CertificateValidity();
  Finish(Outcome::kPass,
         "Success: " +
             (validity ? "the certificate is valid for " + DaysText(validity->left)
                       : std::string("the endpoint showed no certificate with readable times")) +
             (settings.verify ? " and verified" : ""));
}

}  // namespace

std::shared_ptr<Probe> MakeTlsProbe(ProbeLoop& loop,
                                    std::shared_ptr<const ProbeTask> task,
                                    Probe::Done done) {
  return std::make_shared<TlsProbe>(loop, std::move(task), std::move(done));
}

}  // namespace holdfast::health

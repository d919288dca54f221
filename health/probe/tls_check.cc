// The TLS probe: a handshake, then a look at the certificate that the endpoint showed: how long it
// is valid, and, where asked, whether its chain leads to a known root and names the endpoint.
#include <utility>

#include "health/probe/stream_probe.h"

namespace holdfast::health {

namespace {

constexpr const char* kNoHandshake =
    "The health checker could not complete the TLS handshake within the timeout limit.";

using std::chrono::days;

// Whole days of a span of either sign, without the sign.
std::string DaysText(std::chrono::seconds span) {
  const auto whole = std::chrono::abs(std::chrono::duration_cast<days>(span)).count();
  return std::to_string(whole) + (whole == 1 ? " day" : " days");
}

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
  std::string subject =
      task().fqdn.empty() && task().address ? task().address->Text() : task().fqdn;
  if (subject.ends_with('.')) {
    subject.pop_back();
  }
  BeginTls(
      {.sni = ServerName(task()), .roots = task().settings->roots, .subject = std::move(subject)});
}

// After the handshake.
void TlsProbe::OnStreamReady() {
  const auto validity = tls().CertificateValidity();
  const auto& settings = std::get<TlsSettings>(check().native);
  const auto fail = [this](const std::string& why) { Finish(Outcome::kFail, "Failure: " + why); };
  if (!validity) {
    fail("the endpoint showed no certificate with readable times");
  } else if (validity->left.count() < 0) {
    fail("the certificate expired " + DaysText(validity->left) + " ago");
  } else if (validity->since.count() < 0) {
    fail("the certificate becomes valid in " + DaysText(validity->since));
  } else if (validity->left < days(settings.min_days_valid)) {
    fail("the certificate is valid for " + DaysText(validity->left) + ", expected at least " +
         std::to_string(settings.min_days_valid));
  } else if (const std::string problem = settings.verify ? tls().VerifyProblem() : "";
             !problem.empty()) {
    fail("the certificate cannot be verified: " + problem);
  } else {
    Finish(Outcome::kPass,
           "Success: the certificate is valid for " + DaysText(validity->left) +
               (settings.verify ? " and verified" : ""));
  }
}

}  // namespace

std::shared_ptr<Probe> MakeTlsProbe(ProbeLoop& loop,
                                    std::shared_ptr<const ProbeTask> task,
                                    Probe::Done done) {
  return std::make_shared<TlsProbe>(loop, std::move(task), std::move(done));
}

}  // namespace holdfast::health

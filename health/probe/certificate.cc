#include "health/probe/certificate.h"

namespace holdfast::health {

using std::chrono::days;

namespace {

std::string ProblemOfTimes(const TlsSession& session, std::uint32_t min_days) {
  const auto validity = session.CertificateValidity();
  if (!validity) {
    return "the endpoint showed no certificate with readable times";
  }
  if (validity->left.count() < 0) {
    return "the certificate expired " + DaysText(validity->left) + " ago";
  }
  if (validity->since.count() < 0) {
    return "the certificate becomes valid in " + DaysText(validity->since);
  }
  if (validity->left < days(min_days)) {
    return "the certificate is valid for " + DaysText(validity->left) + ", expected at least " +
           std::to_string(min_days);
  }
  return {};
}

}  // namespace

std::string DaysText(std::chrono::seconds span) {
  const auto whole = std::chrono::abs(std::chrono::duration_cast<days>(span)).count();
  return std::to_string(whole) + (whole == 1 ? " day" : " days");
}

// Times first: "expired 3 days ago" says more than OpenSSL's "certificate has expired". A chain
// that was verified when a connection began may have expired since, so times are looked at then
// too.
std::string ProblemOf(const TlsSession& session, const TlsSettings& settings) {
  if (JudgesCertificate(settings)) {
    if (std::string problem = ProblemOfTimes(session, settings.min_days_valid.value_or(0));
        !problem.empty()) {
      return problem;
    }
  }
  const std::string problem = settings.verify ? session.VerifyProblem() : "";
  return problem.empty() ? problem : "the certificate cannot be verified: " + problem;
}

}  // namespace holdfast::health

// The node's own settings of checks that come from elsewhere; see ApplyOverlays in checks.h.
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "control/config/checks.h"
#include "control/config/tls_keys.h"

namespace holdfast::control {
namespace {

using health::CheckConfig;
using health::CheckType;
using health::Milliseconds;

// One [check."ID"] laid over its check.
class Overlayer {
 public:
  Overlayer(const CheckOverlay& overlay, CheckConfig& check, Findings& findings)
      : overlay_(overlay), check_(check), findings_(findings) {}

  void Apply() {
    RefuseUseless();
    ApplyVerdictKeys(overlay_.verdict, check_);
    if (IsDerived(check_.type)) {
      return;
    }
    Set(overlay_.interval_ms, check_.interval);
    Set(overlay_.connect_timeout_ms, check_.connect_timeout);
    Set(overlay_.response_timeout_ms, check_.response_timeout);
    Set(overlay_.body_timeout_ms, check_.body_timeout);
    check_.healthy_threshold = overlay_.healthy_threshold.value_or(check_.healthy_threshold);
    check_.unhealthy_threshold = overlay_.unhealthy_threshold.value_or(check_.unhealthy_threshold);
    check_.jitter_percent = overlay_.jitter_percent.value_or(check_.jitter_percent);
    check_.keep_alive = overlay_.keep_alive.value_or(check_.keep_alive);
    check_.tls_resume = overlay_.tls_resume.value_or(check_.tls_resume);
    check_.address_family = overlay_.address_family.value_or(check_.address_family);
    ApplyProbeOriginKeys(overlay_.origin, check_, [this](auto key, const auto& what) {
      Refuse("key '" + std::string(key) + "' " + what);
    });
    TakeSettings();
    CheckTimeout("connect_timeout_ms", overlay_.connect_timeout_ms, check_.connect_timeout);
    if (check_.type != CheckType::kTcp) {
      CheckTimeout("response_timeout_ms", overlay_.response_timeout_ms, check_.response_timeout);
    }
    if (ReadsBody(check_)) {
      CheckTimeout("body_timeout_ms", overlay_.body_timeout_ms, check_.body_timeout);
    }
  }

 private:
  static void Set(const std::optional<std::uint32_t>& from, Milliseconds& to) {
    if (from) {
      to = Milliseconds(*from);
    }
  }
  void Refuse(const std::string& what) {
    findings_.AddError(overlay_.place, "check '" + overlay_.id + "': " + what);
  }
  [[nodiscard]] bool SetsWhatIsOfProbes() const {
    return overlay_.interval_ms || overlay_.connect_timeout_ms || overlay_.response_timeout_ms ||
           overlay_.body_timeout_ms || overlay_.healthy_threshold || overlay_.unhealthy_threshold ||
           overlay_.jitter_percent || overlay_.keep_alive || overlay_.tls_resume ||
           overlay_.address_family || overlay_.http || overlay_.https ||
           overlay_.origin.SetsAny() || overlay_.verdict.quorum_percent ||
           overlay_.verdict.min_reporters || overlay_.verdict.report_ttl_ms ||
           overlay_.verdict.on_stale;
  }
  void RefuseUseless() {
    if (IsDerived(check_.type) && SetsWhatIsOfProbes()) {
      Refuse(std::string("is ") + CheckTypeText(check_.type) +
             ", which nothing is probed for; expected no key but 'label' and those of damping");
    }
    if (overlay_.response_timeout_ms && check_.type == CheckType::kTcp) {
      Refuse("key 'response_timeout_ms' is given; expected none for type TCP");
    }
    if (overlay_.address_family && !check_.ip_address.empty()) {
      Refuse("key 'address_family' is given; expected none for a check that has an IPAddress");
    }
    if (overlay_.body_timeout_ms && !MatchesString(check_.type) && !HasRegex()) {
      Refuse(
          "key 'body_timeout_ms' is given; expected none unless the type ends in _STR_MATCH or "
          "body_regex is given");
    }
    if (overlay_.http && !UsesHttp(check_.type)) {
      Refuse(
          "has one of the keys expected_status, method, headers and body_regex; expected none "
          "unless "
          "the type is of HTTP or HTTPS");
    }
    if (overlay_.https && !UsesTls(check_.type)) {
      Refuse(
          "has one of the keys verify, ca_bundle, client_cert, client_key and min_days_valid; "
          "expected none unless the type is of HTTPS");
    }
    if (HasRegex() && MatchesString(check_.type)) {
      Refuse("key 'body_regex' is given; expected none beside the SearchString of its type");
    }
    if (overlay_.keep_alive && !UsesHttp(check_.type)) {
      Refuse("key 'keep_alive' is given; expected none unless the type is of HTTP or HTTPS");
    } else if (overlay_.keep_alive.value_or(false) && check_.ip_address.empty()) {
      Refuse(
          "key 'keep_alive' is true; expected false without IPAddress, since the name is resolved "
          "for each probe");
    }
    if (overlay_.tls_resume && !UsesTls(check_.type)) {
      Refuse("key 'tls_resume' is given; expected none unless the type is of HTTPS");
    }
  }
  [[nodiscard]] bool HasRegex() const {
    return overlay_.http && !overlay_.http->body_regex.empty();
  }
  // What of HTTP and TLS is refused by its values alone is said by ValidateCheck.
  void TakeSettings() {
    if (overlay_.http && UsesHttp(check_.type) && !(HasRegex() && MatchesString(check_.type))) {
      check_.http = *overlay_.http;
    }
    if (overlay_.https && UsesTls(check_.type)) {
      health::TlsSettings tls = *overlay_.https;
      if (const std::string wrong = LookAtTlsFiles(tls); !wrong.empty()) {
        Refuse(wrong);
      }
      check_.https = std::move(tls);
    }
    if (const auto valid = overlay_.http ? ValidateCheck(check_) : Status{}; !valid) {
      findings_.AddError(overlay_.place, valid.error().message);
    }
  }
  // Route 53's own timing is as it is, also where its timeout is as long as the threshold takes.
  void CheckTimeout(const char* key,
                    const std::optional<std::uint32_t>& given,
                    Milliseconds timeout) {
    const Milliseconds limit = check_.interval * check_.unhealthy_threshold;
    if (timeout >= limit && (given || overlay_.interval_ms || overlay_.unhealthy_threshold)) {
      Refuse("key '" + std::string(key) + "' is " + std::to_string(timeout.count()) +
             (given ? "" : ", its default") +
             "; expected less than interval_ms x unhealthy_threshold, which is " +
             std::to_string(limit.count()));
    }
  }

  const CheckOverlay& overlay_;
  CheckConfig& check_;
  Findings& findings_;
};

}  // namespace

void ApplyOverlays(const std::vector<CheckOverlay>& overlays,
                   std::vector<CheckConfig>& checks,
                   Findings& findings) {
  std::unordered_map<std::string_view, CheckConfig*> by_id;
  for (CheckConfig& check : checks) {
    by_id.emplace(check.id, &check);
  }
  for (const CheckOverlay& overlay : overlays) {
    const auto found = by_id.find(overlay.id);
    if (found == by_id.end()) {
      findings.AddError(overlay.place,
                        "check '" + overlay.id +
                            "' names no health check; expected the id of one, or a key 'type'");
    } else {
      Overlayer(overlay, *found->second, findings).Apply();
    }
  }
}

}  // namespace holdfast::control

#include "control/admin/check_settings.h"

namespace holdfast::control {
namespace {

using health::CheckConfig;
using health::CheckType;

const char* OnStaleText(health::OnStale wish) noexcept {
  switch (wish) {
    case health::OnStale::kKeep:
      return "keep";
    case health::OnStale::kHealthy:
      return "healthy";
    case health::OnStale::kUnhealthy:
      return "unhealthy";
  }
  return "?";
}

void AddTiming(const CheckConfig& check, Json& to) {
  const bool probed = !health::IsDerived(check.type);
  to["interval_ms"] = check.interval.count();
  to["healthy_threshold"] = check.healthy_threshold;
  to["unhealthy_threshold"] = check.unhealthy_threshold;
  if (!probed) {
    return;
  }
  to["jitter_percent"] = check.jitter_percent;
  to["fixed_rate"] = check.fixed_rate;
  if (check.type != CheckType::kExec) {
    to["connect_timeout_ms"] = check.connect_timeout.count();
    to["measure_latency"] = check.measure_latency;
  }
  if (check.type != CheckType::kTcp) {
    to["response_timeout_ms"] = check.response_timeout.count();
  }
  if (health::ReadsBody(check)) {
    to["body_timeout_ms"] = check.body_timeout.count();
  }
  if (health::HasEndpoint(check.type) && check.ip_address.empty()) {
    to["address_family"] = health::AddressFamilyText(check.address_family);
  }
  if (health::UsesHttp(check.type)) {
    to["keep_alive"] = check.keep_alive;
  }
  if (health::UsesTls(check.type)) {
    to["tls_resume"] = check.tls_resume;
  }
}

// What is not set is up to the checker's host.
void AddOrigin(const CheckConfig& check, Json& to) {
  const auto text_or_none = [](const std::string& text) {
    return text.empty() ? Json() : Json(text);
  };
  to["source_address"] = text_or_none(check.origin->source_address);
  to["interface"] = text_or_none(check.origin->interface);
  to["namespace"] = text_or_none(check.origin->network_namespace);
}

void AddQuorum(const CheckConfig& check, Json& to) {
  to["quorum_percent"] = check.quorum.percent;
  to["min_reporters"] = check.quorum.min_reporters;
  to["report_ttl_ms"] = health::ReportTtl(check).count();
  to["on_stale"] = OnStaleText(check.quorum.on_stale);
  to["regions"] = check.regions;
}

void AddTls(const health::TlsSettings& tls, Json& to) {
  to["min_days_valid"] = tls.min_days_valid ? Json(*tls.min_days_valid) : Json();
  to["verify"] = tls.verify;
  to["ca_bundle"] = tls.ca_bundle;
  to["client_cert"] = tls.client_cert;
}

// Values of headers may be secrets: their names alone are shown.
void AddHttp(const health::HttpSettings& http, Json& to) {
  to["method"] = health::HttpMethodText(http.method);
  to["expected_status"] = Json::array();
  for (const health::StatusRange range : http.expected_status) {
    to["expected_status"].push_back(health::StatusText(range));
  }
  if (http.expected_status.empty()) {
    to["expected_status"].push_back(health::StatusText({}));
  }
  to["headers"] = Json::array();
  for (const std::string& header : http.headers) {
    to["headers"].push_back(health::HeaderName(header));
  }
  to["body_regex"] = http.body_regex;
}

// Of a native type; its target has the rest.
struct Native {
  Json& to;
  void operator()(const std::monostate&) const {}
  void operator()(const health::UdpSettings& udp) const {
    to["payload_octets"] = udp.payload.size();
    to["expect_octets"] = udp.expect.size();
  }
  void operator()(const health::DnsSettings& dns) const {
    to["expected_rcodes"] = Json::array();
    for (unsigned rcode = 0; rcode < 16; ++rcode) {
      if ((dns.rcodes >> rcode & 1U) != 0) {
        to["expected_rcodes"].push_back(health::RcodeText(rcode));
      }
    }
    to["recursion_desired"] = dns.recursion_desired;
  }
  void operator()(const health::TlsSettings& tls) const { AddTls(tls, to); }
  void operator()(const health::GrpcSettings& grpc) const {
    to["service"] = grpc.service;
    to["tls"] = grpc.tls;
  }
  void operator()(const health::IcmpSettings& icmp) const { to["count"] = icmp.count; }
  void operator()(const health::ExecSettings& exec) const { to["user"] = exec.user; }
};

}  // namespace

Json SettingsJson(const CheckConfig& check) {
  Json settings = Json::object();
  const bool probed = !health::IsDerived(check.type);
  if (probed || check.type == CheckType::kPush) {
    AddTiming(check, settings);
  }
  if (probed) {
    AddQuorum(check, settings);
    if (health::HasEndpoint(check.type)) {
      AddOrigin(check, settings);
    }
    std::visit(Native{settings}, check.native);
    if (health::UsesHttp(check.type)) {
      AddHttp(*check.http, settings);
    }
    if (health::UsesTls(check.type)) {
      AddTls(*check.https, settings);
    }
  }
  const health::DampingRule& damping = check.damping;
  settings["hold_down_ms"] = damping.hold_down.count();
  settings["max_flaps_per_hour"] =
      damping.max_flaps_per_hour == 0 ? Json() : Json(damping.max_flaps_per_hour);
  settings["manual_failback"] = damping.manual_failback;
  return settings;
}

}  // namespace holdfast::control

// The rules for types that are Holdfast's own, and for TLS. See rules.h.
#include <algorithm>

#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"
#include "health/rules/rules.h"

namespace holdfast::health {

namespace {

constexpr std::size_t kMaxPayloadOctets = 1400;
constexpr std::uint32_t kMaxDaysValid = 3650;
constexpr std::uint32_t kMaxEchoes = 10;
constexpr std::size_t kMaxArguments = 64;
constexpr std::size_t kMaxArgumentOctets = 4096;
constexpr std::size_t kMaxUserOctets = 32;

// One overload for each alternative of NativeSettings.
Status ValidateSettings(const std::monostate&, const Refusal&) {
  return {};
}

Status ValidateSettings(const UdpSettings& udp, const Refusal& refuse) {
  if (udp.payload.size() > kMaxPayloadOctets) {
    return refuse("payload", std::to_string(udp.payload.size()) + " octets", "0 to 1400");
  }
  if (udp.expect.size() > kMaxTextOctets) {
    return refuse("expect", std::to_string(udp.expect.size()) + " octets", "0 to 255");
  }
  return {};
}

Status ValidateSettings(const DnsSettings& dns, const Refusal& refuse) {
  if (!wire::IsWellFormed(dns.question)) {
    return refuse("question", Shown(dns.question), "a domain name in wire form");
  }
  if (dns.rcodes == 0 || dns.rcodes > 0xFFFF) {
    return refuse("expected_rcodes", std::to_string(dns.rcodes), "at least one RCODE of 0 to 15");
  }
  if (dns.rdata.size() > wire::kMaxMessageOctets) {
    return refuse("expected_answer", std::to_string(dns.rdata.size()) + " octets", "0 to 65535");
  }
  return {};
}

Status ValidateSettings(const TlsSettings& tls, const Refusal& refuse) {
  if (const auto days = tls.min_days_valid.value_or(0); days > kMaxDaysValid) {
    return refuse("min_days_valid", std::to_string(days), "0 to 3650");
  }
  if (!tls.verify && !tls.ca_bundle.empty()) {
    return refuse("ca_bundle", Shown(tls.ca_bundle), "none unless verify is true");
  }
  if (tls.client_cert.empty() != tls.client_key.empty()) {
    return refuse("client_cert", Shown(tls.client_cert), "one together with client_key");
  }
  return {};
}

Status ValidateSettings(const GrpcSettings& grpc, const Refusal& refuse) {
  if (grpc.service.size() > kMaxTextOctets) {
    return refuse("service", Shown(grpc.service), "0 to 255 octets");
  }
  return {};
}

Status ValidateSettings(const IcmpSettings& icmp, const Refusal& refuse) {
  if (icmp.count < 1 || icmp.count > kMaxEchoes) {
    return refuse("count", std::to_string(icmp.count), "1 to 10");
  }
  return {};
}

Status ValidateSettings(const ExecSettings& exec, const Refusal& refuse) {
  const auto plain = [](const std::string& text) { return !text.contains('\0'); };
  if (!exec.command.starts_with('/') || exec.command.size() > kMaxArgumentOctets ||
      !plain(exec.command)) {
    return refuse("command", Shown(exec.command), "an absolute path of at most 4096 octets");
  }
  if (exec.arguments.size() > kMaxArguments) {
    return refuse("arguments", std::to_string(exec.arguments.size()) + " of them", "0 to 64");
  }
  for (const std::string& argument : exec.arguments) {
    if (argument.size() > kMaxArgumentOctets || !plain(argument)) {
      return refuse("arguments", Shown(argument), "at most 4096 octets each, none of them NUL");
    }
  }
  if (exec.user.size() > kMaxUserOctets || !plain(exec.user)) {
    return refuse("user", Shown(exec.user), "a user's name of at most 32 octets");
  }
  return {};
}

}  // namespace

Status ValidateNative(const CheckConfig& check, const Refusal& refuse) {
  HF_TRY(ValidateSettings(*check.https, refuse));
  return std::visit([&refuse](const auto& native) { return ValidateSettings(native, refuse); },
                    check.native);
}

}  // namespace holdfast::health

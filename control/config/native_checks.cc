#include "control/config/native_checks.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <pwd.h>
#include <sys/stat.h>
#include <utility>

#include "control/config/checks.h"
#include "control/config/probe_origin_keys.h"
#include "control/config/rdata.h"
#include "control/config/tls_keys.h"
#include "control/config/verdict_keys.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using health::CheckConfig;
using health::CheckType;
using health::Milliseconds;

constexpr unsigned kRcodes = 16;
constexpr std::size_t kMaxPayloadOctets = 1400;
constexpr std::size_t kMaxTextOctets = 255;

constexpr unsigned Bit(CheckType type) {
  return 1U << static_cast<unsigned>(type);
}
constexpr unsigned kUdp = Bit(CheckType::kUdp);
constexpr unsigned kDns = Bit(CheckType::kDns);
constexpr unsigned kTls = Bit(CheckType::kTls);
constexpr unsigned kGrpc = Bit(CheckType::kGrpc);
constexpr unsigned kIcmp = Bit(CheckType::kIcmp);
constexpr unsigned kExec = Bit(CheckType::kExec);
constexpr unsigned kPush = Bit(CheckType::kPush);
constexpr unsigned kPorts = kUdp | kDns | kTls | kGrpc;
constexpr unsigned kProbed = kPorts | kIcmp | kExec;

// The keys that not every native type has.
struct KeyOfTypes {
  const char* key;
  unsigned types;  // a Bit each
};
constexpr std::array<KeyOfTypes, 31> kKeysOfTypes{{
    {"address", kPorts | kIcmp},
    {"name", kPorts | kIcmp},
    {"address_family", kPorts | kIcmp},
    {"connect_timeout_ms", kPorts | kIcmp},
    {"measure_latency", kPorts | kIcmp},
    {"response_timeout_ms", kProbed},
    {"jitter_percent", kProbed},
    {"quorum_percent", kProbed},
    {"min_reporters", kProbed},
    {"report_ttl_ms", kProbed},
    {"on_stale", kProbed},
    {"port", kPorts},
    {"payload", kUdp},
    {"expect", kUdp},
    {"question", kDns},
    {"question_type", kDns},
    {"expected_rcodes", kDns},
    {"expected_answer", kDns},
    {"recursion_desired", kDns},
    {"min_days_valid", kTls},
    {"verify", kTls},
    {"ca_bundle", kTls},
    {"client_cert", kTls},
    {"client_key", kTls},
    {"service", kGrpc},
    {"tls", kGrpc},
    {"count", kIcmp},
    {"command", kExec},
    {"arguments", kExec},
    {"user", kExec},
    {"token", kPush},
}};

// `\xNN`, `\r`, `\n`, `\t` and `\\` of a text become octets. @return nothing for other escapes.
std::optional<std::string> Unescape(std::string_view text) {
  const auto digit = [](char c) -> int {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  constexpr std::string_view kLetters = "rnt\\";
  constexpr std::string_view kOctets = "\r\n\t\\";
  std::string octets;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      octets += text[at];
      continue;
    }
    ++at;
    const std::size_t known = at < text.size() ? kLetters.find(text[at]) : std::string_view::npos;
    if (known != std::string_view::npos) {
      octets += kOctets[known];
    } else if (at + 2 < text.size() && text[at] == 'x' && digit(text[at + 1]) >= 0 &&
               digit(text[at + 2]) >= 0) {
      octets += static_cast<char>((digit(text[at + 1]) * 16) + digit(text[at + 2]));
      at += 2;
    } else {
      return std::nullopt;
    }
  }
  return octets;
}

// Reads one table with a type.
class NativeReader {
 public:
  NativeReader(const Value& table, const std::string& path, Findings& findings)
      : fields_(table, path, "", findings), path_(path), findings_(findings) {
    check_.id = table.key;
    check_.resource_path = "";
  }
  void Read(std::vector<NativeCheck>& checks);

 private:
  bool ReadType();
  void RefuseOtherTypes();
  void ReadEndpoint();
  void ReadPort();
  void ReadTiming();
  void ReadSettings();
  health::UdpSettings ReadUdp();
  health::DnsSettings ReadDns();
  std::uint32_t ReadRcodes();
  health::TlsSettings ReadTls();
  health::GrpcSettings ReadGrpc();
  health::IcmpSettings ReadIcmp();
  health::ExecSettings ReadExec();
  void ReadToken();
  std::string Octets(std::string_view name, std::size_t least, std::size_t most);
  void CheckTimeout(std::string_view name, Milliseconds timeout);
  std::uint32_t Number(std::string_view name, Range range, std::uint32_t usual) {
    return static_cast<std::uint32_t>(fields_.Integer(name, range).value_or(usual));
  }

  Fields fields_;
  const std::string& path_;
  Findings& findings_;
  CheckConfig check_;
  std::string token_;
};

void NativeReader::Read(std::vector<NativeCheck>& checks) {
  const std::size_t errors_before = findings_.ErrorCount();
  if (!ReadType()) {
    return;
  }
  RefuseOtherTypes();
  if (HasEndpoint(check_.type)) {
    ReadEndpoint();
  }
  ReadPort();
  ReadTiming();
  ReadSettings();
  const std::string label = fields_.Text("label", {1, 256}).value_or("");
  check_.inverted = fields_.Bool("inverted").value_or(false);
  check_.disabled = fields_.Bool("disabled").value_or(false);
  check_.measure_latency = fields_.Bool("measure_latency").value_or(false);
  ApplyVerdictKeys(ReadVerdictKeys(fields_), check_);
  ApplyProbeOriginKeys(ReadProbeOriginKeys(fields_), check_, [this](auto key, const auto& what) {
    fields_.Refuse(key, what);
  });
  fields_.RefuseUnknown();
  const std::string place = fields_.Place(fields_.Root());
  if (findings_.ErrorCount() == errors_before) {
    if (const auto valid = ValidateCheck(check_); !valid) {
      findings_.AddError(place, valid.error().message);
      return;
    }
    checks.push_back(
        {.check = std::move(check_), .name = label, .token = std::move(token_), .place = place});
  }
}

bool NativeReader::ReadType() {
  const auto word = fields_.Word("type", {"UDP", "DNS", "TLS", "GRPC", "ICMP", "EXEC", "PUSH"});
  if (word) {
    constexpr std::array kTypes{CheckType::kUdp,
                                CheckType::kDns,
                                CheckType::kTls,
                                CheckType::kGrpc,
                                CheckType::kIcmp,
                                CheckType::kExec,
                                CheckType::kPush};
    check_.type = kTypes.at(*word);
  }
  return word.has_value();
}

void NativeReader::RefuseOtherTypes() {
  for (const KeyOfTypes& one : kKeysOfTypes) {
    if (fields_.Has(one.key) && (one.types & Bit(check_.type)) == 0) {
      fields_.Refuse(one.key,
                     std::string("is given; expected none for type ") + CheckTypeText(check_.type));
    }
  }
  for (const char* key :
       {"body_timeout_ms", "expected_status", "method", "headers", "body_regex"}) {
    if (fields_.Has(key)) {
      fields_.Refuse(key, "is given; expected none beside a 'type'");
    }
  }
}

void NativeReader::ReadEndpoint() {
  if (const auto address = fields_.Text("address", {2, 45})) {
    std::array<unsigned char, 16> octets{};
    std::array<char, INET6_ADDRSTRLEN> text{};
    for (const int family : {AF_INET, AF_INET6}) {
      if (inet_pton(family, address->c_str(), octets.data()) == 1) {
        check_.ip_address = inet_ntop(family, octets.data(), text.data(), text.size());
      }
    }
    if (check_.ip_address.empty()) {
      fields_.Expected("address", *fields_.Find("address"), "an IPv4 or IPv6 address");
    }
  }
  if (const auto name = fields_.Text("name", {1, 255})) {
    check_.fqdn = *name;
    if (const auto wire = wire::FromText(*name); !wire) {
      fields_.Refuse("name", "is \"" + *name + "\": " + wire.error().message);
    }
  }
  const bool has_name = fields_.Has("name");
  if (!fields_.Has("address") && !has_name) {
    fields_.Refuse("address", "and 'name' are missing; expected one of them");
  }
  check_.address_family = ReadAddressFamily(fields_).value_or(check_.address_family);
  if (fields_.Has("address") && fields_.Has("address_family")) {
    fields_.Refuse("address_family", "is given beside 'address'; expected none");
  }
  // Elsewhere a name beside an address is what the endpoint is asked as.
  const bool asked_as = check_.type == CheckType::kTls || check_.type == CheckType::kGrpc;
  if (fields_.Has("address") && has_name && !asked_as) {
    fields_.Refuse("name",
                   std::string("is given beside 'address'; expected one of them for type ") +
                       CheckTypeText(check_.type));
  }
}

void NativeReader::ReadPort() {
  std::uint32_t usual = 0;
  if (check_.type == CheckType::kDns) {
    usual = 53;
  } else if (check_.type == CheckType::kTls) {
    usual = 443;
  } else if (HasPort(check_.type)) {
    fields_.Require("port",
                    std::string("1..65535, since the type is ") + CheckTypeText(check_.type));
  }
  const bool has_port = HasPort(check_.type);
  check_.port = has_port ? static_cast<std::uint16_t>(Number("port", {1, 65'535}, usual)) : 0;
}

void NativeReader::ReadTiming() {
  const auto milliseconds = [this](std::string_view name, Range range, Milliseconds& to) {
    if (const auto value = fields_.Integer(name, range)) {
      to = Milliseconds(*value);
    }
  };
  milliseconds("interval_ms", {50, 300'000}, check_.interval);
  milliseconds("response_timeout_ms", {10, 60'000}, check_.response_timeout);
  check_.healthy_threshold = Number("healthy_threshold", {1, 100}, check_.healthy_threshold);
  check_.unhealthy_threshold = Number("unhealthy_threshold", {1, 100}, check_.unhealthy_threshold);
  check_.jitter_percent = Number("jitter_percent", {0, 50}, check_.jitter_percent);
  if (HasEndpoint(check_.type)) {
    milliseconds("connect_timeout_ms", {10, 60'000}, check_.connect_timeout);
    CheckTimeout("connect_timeout_ms", check_.connect_timeout);
  }
  if (!IsDerived(check_.type)) {
    CheckTimeout("response_timeout_ms", check_.response_timeout);
  }
}

void NativeReader::CheckTimeout(std::string_view name, Milliseconds timeout) {
  const Milliseconds limit = check_.interval * check_.unhealthy_threshold;
  if (timeout >= limit) {
    fields_.Refuse(name,
                   "is " + std::to_string(timeout.count()) +
                       (fields_.Has(name) ? "" : ", its default") +
                       "; expected less than interval_ms x unhealthy_threshold, which is " +
                       std::to_string(limit.count()));
  }
}

void NativeReader::ReadSettings() {
  switch (check_.type) {
    case CheckType::kUdp:
      check_.native = ReadUdp();
      break;
    case CheckType::kDns:
      check_.native = ReadDns();
      break;
    case CheckType::kTls:
      check_.native = ReadTls();
      break;
    case CheckType::kGrpc:
      check_.native = ReadGrpc();
      break;
    case CheckType::kIcmp:
      check_.native = ReadIcmp();
      break;
    case CheckType::kPush:
      ReadToken();
      break;
    default:
      check_.native = ReadExec();
      break;
  }
}

// A text with escapes, of so many octets.
std::string NativeReader::Octets(std::string_view name, std::size_t least, std::size_t most) {
  const auto text = fields_.String(name);
  if (!text) {
    return {};
  }
  auto octets = Unescape(*text);
  if (!octets) {
    fields_.Expected(
        name, *fields_.Find(name), R"(no escapes but \xNN, \r, \n, \t and \\ in a '...' string)");
    return {};
  }
  if (octets->size() < least || octets->size() > most) {
    fields_.Refuse(name,
                   "has " + std::to_string(octets->size()) + " octets; expected " +
                       std::to_string(least) + ".." + std::to_string(most));
  }
  return std::move(*octets);
}

health::UdpSettings NativeReader::ReadUdp() {
  return {.payload = Octets("payload", 0, kMaxPayloadOctets),
          .expect = Octets("expect", 1, kMaxTextOctets)};
}

health::DnsSettings NativeReader::ReadDns() {
  health::DnsSettings dns;
  if (fields_.Require("question", "the domain name to ask for")) {
    const std::string text = fields_.Text("question", {1, 1024}).value_or(".");
    if (const auto name = wire::FromText(text)) {
      dns.question = *name;
    } else {
      fields_.Refuse("question", "is \"" + text + "\": " + name.error().message);
    }
  }
  if (const auto text = fields_.Text("question_type", {1, 16})) {
    const auto type = wire::TypeFromText(*text);
    if (type && (IsStorableType(*type) || *type == static_cast<std::uint16_t>(wire::Type::kAny))) {
      dns.type = *type;
    } else {
      fields_.Expected("question_type",
                       *fields_.Find("question_type"),
                       "a record type such as \"SOA\", \"A\" or \"ANY\"");
    }
  }
  dns.rcodes = ReadRcodes();
  if (const auto text = fields_.Text("expected_answer", {1, 4096})) {
    if (auto rdata = RdataFromText(dns.type, *text, std::string_view("\0", 1))) {
      dns.rdata = std::move(*rdata);
    } else {
      fields_.Refuse("expected_answer", "is \"" + *text + "\": " + rdata.error().message);
    }
  }
  dns.recursion_desired = fields_.Bool("recursion_desired").value_or(false);
  return dns;
}

std::uint32_t NativeReader::ReadRcodes() {
  constexpr const char* kExpected =
      "names of one or more RCODEs such as [\"NOERROR\", \"NXDOMAIN\"]";
  if (!fields_.Has("expected_rcodes")) {
    return 1;
  }
  std::uint32_t rcodes = 0;
  for (const Value& item : fields_.Array("expected_rcodes")) {
    unsigned rcode = 0;
    while (rcode < kRcodes &&
           (item.kind != Value::Kind::kString || item.text != health::RcodeText(rcode))) {
      ++rcode;
    }
    if (rcode == kRcodes) {
      fields_.Expected("expected_rcodes", item, kExpected);
    }
    rcodes |= 1U << rcode;
  }
  if (rcodes == 0) {
    fields_.Refuse("expected_rcodes", std::string("is empty; expected ") + kExpected);
  }
  return rcodes;
}

health::TlsSettings NativeReader::ReadTls() {
  constexpr std::uint32_t kUsualDays = 1;
  auto tls = ReadTlsKeys(fields_, path_).value_or(health::TlsSettings{});
  tls.min_days_valid = tls.min_days_valid.value_or(kUsualDays);
  return tls;
}

health::GrpcSettings NativeReader::ReadGrpc() {
  return {.service = fields_.Text("service", {0, 255}).value_or(""),
          .tls = fields_.Bool("tls").value_or(false)};
}

health::IcmpSettings NativeReader::ReadIcmp() {
  return {.count = Number("count", {1, 10}, 1)};
}

health::ExecSettings NativeReader::ReadExec() {
  constexpr std::size_t kMaxArguments = 64;
  health::ExecSettings exec;
  if (fields_.Require("command", "the absolute path of a program")) {
    exec.command = fields_.Text("command", {1, 4096}).value_or("/");
    if (!exec.command.starts_with('/')) {
      fields_.Expected("command", *fields_.Find("command"), "an absolute path");
    }
  }
  exec.arguments = fields_.Strings("arguments");
  if (exec.arguments.size() > kMaxArguments) {
    fields_.Refuse("arguments",
                   "has " + std::to_string(exec.arguments.size()) + " items; expected 0..64");
  }
  exec.user = fields_.Text("user", {0, 32}).value_or(exec.user);
  return exec;
}

// Shown in no message.
void NativeReader::ReadToken() {
  constexpr const char* kExpected = "16..128 characters of ASCII without blanks";
  if (fields_.Require("token", kExpected)) {
    token_ = fields_.Text("token", {16, 128}).value_or("");
    if (!std::ranges::all_of(token_, [](unsigned char c) { return c > 0x20 && c < 0x7f; })) {
      fields_.Refuse("token", std::string("has other characters; expected ") + kExpected);
    }
  }
}

// What of the machine a check names and cannot have; empty: nothing is wrong.
std::string LookAtProgram(const health::ExecSettings& exec) {
  struct stat file{};
  if (stat(exec.command.c_str(), &file) != 0) {
    return "key 'command' is \"" + exec.command + "\": " + std::strerror(errno);
  }
  if (!S_ISREG(file.st_mode) || (file.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0) {
    return "key 'command' is \"" + exec.command + "\"; expected an executable file";
  }
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> room(16'384);
  if (!exec.user.empty()) {
    getpwnam_r(exec.user.c_str(), &entry, room.data(), room.size(), &found);
    if (found == nullptr) {
      return "key 'user' is \"" + exec.user + "\"; expected a user of this machine, or \"\"";
    }
  }
  return {};
}

}  // namespace

void ReadNativeCheck(const Value& table,
                     const std::string& path,
                     std::vector<NativeCheck>& checks,
                     Findings& findings) {
  NativeReader(table, path, findings).Read(checks);
}

void AddNativeChecks(const std::vector<NativeCheck>& native,
                     const health::TargetRules& targets,
                     std::vector<CheckConfig>& checks,
                     Findings& findings) {
  for (const NativeCheck& one : native) {
    CheckConfig check = one.check;
    std::string wrong;
    if (const auto* exec = std::get_if<health::ExecSettings>(&check.native)) {
      wrong = LookAtProgram(*exec);
    } else if (auto* tls = std::get_if<health::TlsSettings>(&check.native)) {
      wrong = LookAtTlsFiles(*tls);
    }
    if (const auto expected = ExpectedTarget(check, targets); expected && HasEndpoint(check.type)) {
      const bool named = check.ip_address.empty();
      wrong = NotAsExpected(
          named ? "key 'name'" : "key 'address'", named ? check.fqdn : check.ip_address, *expected);
    }
    if (!wrong.empty()) {
      findings.AddError(one.place, "check '" + check.id + "': " + wrong);
    } else {
      checks.push_back(std::move(check));
    }
  }
}

}  // namespace holdfast::control

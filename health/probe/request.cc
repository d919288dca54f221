// From a check's settings to what its probes share, and to the octets that go out.
#include "health/probe/request.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>

#include "dataplane/base/check.h"

namespace holdfast::health {

namespace {

bool MayUseTls(const CheckConfig& check) {
  const auto* grpc = std::get_if<GrpcSettings>(&check.native);
  return UsesTls(check.type) || check.type == CheckType::kTls || (grpc != nullptr && grpc->tls);
}

// What probes of `check` depend on, wherever they look; all else is put back to its default.
CheckConfig InCommon(CheckConfig check) {
  const CheckConfig plain;
  check.id.clear();
  check.ip_address.clear();
  check.fqdn.clear();
  check.resource_path.clear();
  check.port = plain.port;
  check.inverted = plain.inverted;
  check.disabled = plain.disabled;
  check.measure_latency = plain.measure_latency;
  check.regions.clear();
  check.quorum = plain.quorum;
  check.damping = plain.damping;
  check.healthy_threshold = plain.healthy_threshold;
  check.unhealthy_threshold = plain.unhealthy_threshold;
  return check;
}

std::size_t Mix(std::size_t hash, std::size_t more) noexcept {
  return (hash ^ more) * 0x9E3779B97F4A7C15U + (hash >> 32U);
}

// `common` as of InCommon. Not of every setting: of those in which many checks are likely to
// differ.
std::size_t HashOf(const CheckConfig& common) {
  std::size_t hash = std::hash<std::string>{}(TargetText(common));
  hash = Mix(hash, std::hash<std::string>{}(common.search_string));
  hash = Mix(hash, std::hash<std::string>{}(common.http->body_regex));
  for (const std::string& header : common.http->headers) {
    hash = Mix(hash, std::hash<std::string>{}(header));
  }
  if (const auto* exec = std::get_if<ExecSettings>(&common.native)) {
    for (const std::string& argument : exec->arguments) {
      hash = Mix(hash, std::hash<std::string>{}(argument));
    }
  } else if (const auto* udp = std::get_if<UdpSettings>(&common.native)) {
    hash = Mix(hash, std::hash<std::string>{}(udp->payload));
    hash = Mix(hash, std::hash<std::string>{}(udp->expect));
  } else if (const auto* dns = std::get_if<DnsSettings>(&common.native)) {
    hash = Mix(hash, std::hash<std::string>{}(dns->question));
    hash = Mix(hash, std::hash<std::string>{}(dns->rdata));
  }
  return Mix(hash, static_cast<std::size_t>(common.interval.count()));
}

// What is needed beside the settings, read once.
Status Prepare(ProbeSettings& settings) {
  const TlsSettings& tls = TlsSettingsOf(settings.check);
  if (tls.verify) {
    auto roots = CaBundle::Load(tls.ca_bundle, tls.ca_digest);
    if (!roots) {
      return std::unexpected(std::move(roots.error()));
    }
    settings.roots = std::move(*roots);
  }
  if (!tls.client_cert.empty()) {
    auto client = ClientCertificate::Load(tls.client_cert, tls.client_key, tls.client_digest);
    if (!client) {
      return std::unexpected(std::move(client.error()));
    }
    settings.client = std::move(*client);
  }
  if (const auto* exec = std::get_if<ExecSettings>(&settings.check.native)) {
    auto run_as = FindRunAs(exec->user);
    if (!run_as) {
      return std::unexpected(std::move(run_as.error()));
    }
    settings.run_as = *run_as;
  }
  return {};
}

}  // namespace

SocketAddress MakeAddress(const IpAddress& address, std::uint16_t port) noexcept {
  SocketAddress made;
  if (address.v6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.octets.data(), sizeof(v6.sin6_addr));
    std::memcpy(&made.storage, &v6, sizeof(v6));
    made.octets = sizeof(v6);
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.octets.data(), sizeof(v4.sin_addr));
    std::memcpy(&made.storage, &v4, sizeof(v4));
    made.octets = sizeof(v4);
  }
  return made;
}

IpAddress AddressOf(const SocketAddress& address) noexcept {
  IpAddress made;
  made.v6 = address.storage.ss_family == AF_INET6;
  if (made.v6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address.storage, sizeof(v6));
    std::memcpy(made.octets.data(), &v6.sin6_addr, sizeof(v6.sin6_addr));
  } else {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof(v4));
    std::memcpy(made.octets.data(), &v4.sin_addr, sizeof(v4.sin_addr));
  }
  return made;
}

std::string HostField(const ProbeTask& task) {
  std::string host = task.fqdn;
  if (host.empty() && task.address) {
    host = task.address->v6 ? "[" + task.address->Text() + "]" : task.address->Text();
  }
  const std::uint16_t usual = UsesTls(task.settings->check.type) ? 443 : 80;
  return task.port == usual ? host : host + ":" + std::to_string(task.port);
}

std::string RequestOf(const ProbeTask& task) {
  const CheckConfig& check = task.settings->check;
  const HttpSettings& http = *check.http;
  const auto has_header = [&http](std::string_view name) {
    return std::ranges::any_of(
        http.headers, [name](const auto& each) { return IsSameHeader(HeaderName(each), name); });
  };
  std::string text = HttpMethodText(http.method);
  text += " ";
  text += task.resource_path.empty() ? "/" : task.resource_path;
  text += " HTTP/1.1\r\nHost: ";
  text += HostField(task);
  if (!has_header("User-Agent")) {
    text += "\r\nUser-Agent: Holdfast-Health-Check/" HF_VERSION " (check ";
    text += task.id;
    text += ")";
  }
  if (!has_header("Accept")) {
    text += "\r\nAccept: */*";
  }
  if (ReadsBody(check)) {
    text += "\r\nAccept-Encoding: gzip, deflate";
  }
  if (http.method == HttpMethod::kPost) {
    text += "\r\nContent-Length: 0";
  }
  for (const std::string& header : http.headers) {
    text += "\r\n" + header;
  }
  text += check.keep_alive ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  return text;
}

// A server name is a name (RFC 6066, 3): literal addresses are not sent, nor is the root's dot.
std::string ServerName(const ProbeTask& task) {
  const CheckConfig& check = task.settings->check;
  if (!MayUseTls(check) || !check.enable_sni || IpAddress::FromText(task.fqdn)) {
    return {};
  }
  std::string name = task.fqdn;
  if (!name.empty() && name.back() == '.') {
    name.pop_back();
  }
  return name;
}

const TlsSettings& TlsSettingsOf(const CheckConfig& check) noexcept {
  const auto* tls = std::get_if<TlsSettings>(&check.native);
  return tls != nullptr ? *tls : *check.https;
}

std::string CertificateSubject(const ProbeTask& task) {
  std::string subject = task.fqdn.empty() && task.address ? task.address->Text() : task.fqdn;
  if (subject.ends_with('.')) {
    subject.pop_back();
  }
  return subject;
}

SearchTerm SearchTermOf(const CheckConfig& check) {
  if (const auto* udp = std::get_if<UdpSettings>(&check.native)) {
    return udp->expect;
  }
  return check.search_string.empty() ? SearchTerm(check.http->body_regex, true)
                                     : SearchTerm(check.search_string);
}

bool LookAlike(const ProbeTask& one, const ProbeTask& other) {
  return one.address == other.address && one.port == other.port && one.fqdn == other.fqdn &&
         one.resource_path == other.resource_path && one.trusted == other.trusted &&
         (one.settings == other.settings || (one.settings->hash == other.settings->hash &&
                                             one.settings->check == other.settings->check));
}

std::size_t HashOf(const ProbeTask& task) noexcept {
  std::size_t hash = Mix(task.settings->hash, task.port);
  if (task.address) {
    for (const std::uint8_t octet : task.address->octets) {
      hash = Mix(hash, octet);
    }
  }
  hash = Mix(hash, std::hash<std::string>{}(task.fqdn));
  return Mix(hash, std::hash<std::string>{}(task.resource_path));
}

// A regular expression that the patterns lack is compiled by itself first, so that one that cannot
// be is its check's fault and not that of all who search.
Status TaskMaker::TakePattern(ProbeSettings& settings) const {
  const SearchTerm term = SearchTermOf(settings.check);
  if (term.text.empty()) {
    return {};
  }
  settings.pattern = Pattern(patterns_, term);
  const bool alone = patterns_ == nullptr && missing_ == Missing::kCompiled;
  if (settings.pattern || (!alone && !term.is_regex)) {
    HF_CHECK(settings.pattern || missing_ == Missing::kLeftOut);
    return {};
  }
  auto own = PatternSet::Compile({term});
  if (!own) {
    own.error().message.insert(
        0, term.is_regex ? "body_regex is \"" + term.text + "\": " : std::string());
    return std::unexpected(std::move(own.error()));
  }
  if (alone) {
    settings.pattern = Pattern(std::move(*own), term);
  }
  return {};
}

Result<std::shared_ptr<const ProbeSettings>> TaskMaker::SettingsOf(const CheckConfig& check) {
  auto settings = std::make_shared<ProbeSettings>();
  settings->check = InCommon(check);
  settings->hash = HashOf(settings->check);
  const auto [first, last] = known_.equal_range(settings->hash);
  for (auto known = first; known != last; ++known) {
    if (known->second->check == settings->check) {
      return known->second;
    }
  }
  auto prepared = Prepare(*settings);
  if (prepared) {
    prepared = TakePattern(*settings);
  }
  if (!prepared) {
    prepared.error().message.insert(0, "health check \"" + check.id + "\": ");
    return std::unexpected(std::move(prepared.error()));
  }
  known_.emplace(settings->hash, settings);
  return settings;
}

Result<std::shared_ptr<const ProbeTask>> TaskMaker::Make(const CheckConfig& check, bool trusted) {
  HF_TRY(ValidateCheck(check));
  auto settings = SettingsOf(check);
  if (!settings) {
    return std::unexpected(std::move(settings.error()));
  }
  auto task = std::make_shared<ProbeTask>();
  task->settings = std::move(*settings);
  if (UsesHttp(check.type) || check.type == CheckType::kExec) {
    task->id = check.id;
  }
  task->fqdn = check.fqdn;
  task->resource_path = check.resource_path;
  task->address = IpAddress::FromText(check.ip_address);
  task->port = check.port;
  task->trusted = trusted;
  return task;
}

std::shared_ptr<const ProbeTask> TaskMaker::Renewed(const ProbeTask& task) {
  auto& settings = renewed_[task.settings.get()];
  if (settings == nullptr) {
    auto made = std::make_shared<ProbeSettings>(*task.settings);
    made->pattern = Pattern(patterns_, SearchTermOf(made->check));
    HF_CHECK(static_cast<bool>(made->pattern));
    settings = std::move(made);
  }
  auto renewed = std::make_shared<ProbeTask>(task);
  renewed->settings = settings;
  return renewed;
}

bool HasItsPattern(const ProbeTask& task) noexcept {
  return static_cast<bool>(task.settings->pattern) ||
         SearchTermOf(task.settings->check).text.empty();
}

Result<std::shared_ptr<const ProbeTask>> MakeTask(const CheckConfig& check,
                                                  std::shared_ptr<const PatternSet> patterns,
                                                  bool trusted) {
  return TaskMaker(std::move(patterns)).Make(check, trusted);
}

}  // namespace holdfast::health

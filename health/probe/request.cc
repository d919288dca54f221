// From a check's settings to the octets that go out.
#include "health/probe/request.h"

#include <cstring>
#include <utility>

#include "dataplane/base/check.h"

namespace holdfast::health {

namespace {

bool MayUseTls(const CheckConfig& check) {
  const auto* grpc = std::get_if<GrpcSettings>(&check.native);
  return UsesTls(check.type) || check.type == CheckType::kTls || (grpc != nullptr && grpc->tls);
}

// A server name is a name (RFC 6066, 3): literal addresses are not sent, nor is the root's dot.
std::string ServerName(const CheckConfig& check) {
  if (!MayUseTls(check) || !check.enable_sni || IpAddress::FromText(check.fqdn)) {
    return {};
  }
  std::string name = check.fqdn;
  if (!name.empty() && name.back() == '.') {
    name.pop_back();
  }
  return name;
}

std::string Request(const CheckConfig& check) {
  std::string text = "GET ";
  text += check.resource_path.empty() ? "/" : check.resource_path;
  text += " HTTP/1.1\r\nHost: " + HostField(check);
  text += "\r\nUser-Agent: Holdfast-Health-Check/" HF_VERSION " (check " + check.id + ")";
  text += "\r\nAccept: */*";
  if (MatchesString(check.type)) {
    text += "\r\nAccept-Encoding: gzip, deflate";
  }
  return text + "\r\nConnection: " + (check.keep_alive ? "keep-alive" : "close") + "\r\n\r\n";
}

// What a native type needs beside its settings, read or compiled once.
Status PrepareNative(ProbeTask& task) {
  const CheckConfig& check = task.check;
  const auto named = [&check](Error error) {
    error.message.insert(0, "health check \"" + check.id + "\": ");
    return std::unexpected(std::move(error));
  };
  if (const auto* udp = std::get_if<UdpSettings>(&check.native)) {
    task.request = udp->payload;
  } else if (const auto* tls = std::get_if<TlsSettings>(&check.native); tls && tls->verify) {
    auto roots = CaBundle::Load(tls->ca_bundle, tls->ca_digest);
    if (!roots) {
      return named(std::move(roots.error()));
    }
    task.roots = std::move(*roots);
  } else if (const auto* exec = std::get_if<ExecSettings>(&check.native)) {
    auto run_as = FindRunAs(exec->user);
    if (!run_as) {
      return named(std::move(run_as.error()));
    }
    task.run_as = *run_as;
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

std::string HostField(const CheckConfig& check) {
  std::string host = check.fqdn;
  if (host.empty()) {
    const bool v6 = check.ip_address.find(':') != std::string::npos;
    host = v6 ? "[" + check.ip_address + "]" : check.ip_address;
  }
  const std::uint16_t usual = UsesTls(check.type) ? 443 : 80;
  return check.port == usual ? host : host + ":" + std::to_string(check.port);
}

const std::string& SearchedText(const CheckConfig& check) noexcept {
  const auto* udp = std::get_if<UdpSettings>(&check.native);
  return udp != nullptr ? udp->expect : check.search_string;
}

Result<std::shared_ptr<const ProbeTask>> MakeTask(const CheckConfig& check,
                                                  std::shared_ptr<const PatternSet> patterns,
                                                  bool trusted) {
  HF_TRY(ValidateCheck(check));
  auto task = std::make_shared<ProbeTask>();
  task->check = check;
  task->trusted = trusted;
  if (IsDerived(check.type)) {
    return task;
  }
  if (const auto address = IpAddress::FromText(check.ip_address)) {
    task->address = MakeAddress(*address, check.port);
  }
  task->sni = ServerName(check);
  if (const std::string& text = SearchedText(check); !text.empty()) {
    if (patterns == nullptr) {
      auto own = PatternSet::Compile({text});
      if (!own) {
        return std::unexpected(std::move(own.error()));
      }
      patterns = std::move(*own);
    }
    task->pattern = Pattern(std::move(patterns), text);
    HF_CHECK(static_cast<bool>(task->pattern));
  }
  if (check.type == CheckType::kTcp) {
    return task;
  }
  if (std::holds_alternative<std::monostate>(check.native)) {
    task->request = Request(check);
    return task;
  }
  HF_TRY(PrepareNative(*task));
  return task;
}

}  // namespace holdfast::health

// Everything about a check that its probes need and that does not change from probe to probe,
// worked out once when the check is configured: where to look, how, and by what to judge.
// Immutable, shared by the probes under way. There may be a hundred thousand: what many checks have
// in common is one object for all of them, and what is cheaply told again (an HTTP request) is not
// kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unordered_map>

#include "dataplane/base/result.h"
#include "health/check.h"
#include "health/probe/child_process.h"
#include "health/probe/ip_address.h"
#include "health/probe/pattern.h"
#include "health/probe/tls.h"

namespace holdfast::health {

/// An IPv4 or IPv6 address with its port, as the socket calls want it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t octets = 0;  // 0: none
};

SocketAddress MakeAddress(const IpAddress& address, std::uint16_t port) noexcept;
/// The address without its port. `address` is not none.
IpAddress AddressOf(const SocketAddress& address) noexcept;

/// How a check looks, wherever it does: the same for all checks that differ in their endpoint only.
struct ProbeSettings {
  /// Without what a task has of its own (id, address, port, name, path) and what no probe depends
  /// on.
  CheckConfig check;
  std::size_t hash = 0;                             // of `check`
  Pattern pattern;                                  // none unless a reply must hold a string
  std::shared_ptr<const CaBundle> roots;            // null unless the certificate is verified
  std::shared_ptr<const ClientCertificate> client;  // null: we show none
  std::optional<RunAs> run_as;                      // EXEC: whom the program becomes
};

struct ProbeTask {
  std::shared_ptr<const ProbeSettings> settings;
  std::string id;                    // where the endpoint is told which check asks, else empty
  std::string fqdn;                  // Host field and SNI; or the name to resolve
  std::string resource_path;         // HTTP*, with its leading "/"; empty: "/"
  std::optional<IpAddress> address;  // none: `fqdn` is resolved for each probe
  std::uint16_t port = 0;
  bool trusted = false;  // no target rule is asked: the operator's own choice
};

/// Whether both look at the same thing in the same way, so that one of them will do.
bool LookAlike(const ProbeTask& one, const ProbeTask& other);
/// The same for tasks that look alike.
std::size_t HashOf(const ProbeTask& task) noexcept;

/// What a reply must hold, of HTTP* and of UDP; its text is empty: nothing.
SearchTerm SearchTermOf(const CheckConfig& check);

/// False for a task that searches and has nothing to search with yet: it cannot be probed.
bool HasItsPattern(const ProbeTask& task) noexcept;

/// Makes the tasks of one set of checks; those that look in the same way share their settings.
class TaskMaker {
 public:
  /// What becomes of a SearchTermOf that the patterns lack.
  enum class Missing : std::uint8_t {
    kCompiled,  // there are no patterns: each becomes a set of its own
    kLeftOut    // its task waits for Renewed, see HasItsPattern
  };
  /// @param patterns  a set that has the SearchTermOf of all, or null.
  explicit TaskMaker(std::shared_ptr<const PatternSet> patterns,
                     Missing missing = Missing::kCompiled) noexcept
      : patterns_(std::move(patterns)), missing_(missing) {}
  /// @param trusted  of the task.
  /// @return kInvalid when the check cannot be probed as it is written (ValidateCheck says why),
  ///         for a regular expression that cannot be searched for, a certificate, key or CA bundle
  ///         that cannot be read, and a user that does not exist.
  Result<std::shared_ptr<const ProbeTask>> Make(const CheckConfig& check, bool trusted = false);
  /// The same task with its pattern out of these patterns, which have it.
  std::shared_ptr<const ProbeTask> Renewed(const ProbeTask& task);

 private:
  Result<std::shared_ptr<const ProbeSettings>> SettingsOf(const CheckConfig& check);
  Status TakePattern(ProbeSettings& settings) const;

  std::shared_ptr<const PatternSet> patterns_;
  Missing missing_;
  std::unordered_map<const ProbeSettings*, std::shared_ptr<const ProbeSettings>> renewed_;
  std::unordered_multimap<std::size_t, std::shared_ptr<const ProbeSettings>> known_;  // by hash
};

/// The task of one check alone, as TaskMaker makes it.
Result<std::shared_ptr<const ProbeTask>> MakeTask(const CheckConfig& check,
                                                  std::shared_ptr<const PatternSet> patterns,
                                                  bool trusted = false);

/// The Host field: the name if there is one, else the address (IPv6 in brackets), and the port
/// unless it is 80 for HTTP or 443 for HTTPS.
std::string HostField(const ProbeTask& task);
/// An HTTP check's whole request.
std::string RequestOf(const ProbeTask& task);
/// What a TLS check holds the endpoint's certificate to, and shows it; of HTTPS* too.
const TlsSettings& TlsSettingsOf(const CheckConfig& check) noexcept;
/// What the certificate must be for where it is verified: the name, else the address.
std::string CertificateSubject(const ProbeTask& task);
/// What a TLS handshake names; empty: nothing.
std::string ServerName(const ProbeTask& task);

}  // namespace holdfast::health

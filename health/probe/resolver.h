// Names of endpoints to addresses, on the health loop, with a cache that probes ask for each of
// theirs. Few questions reach the resolvers: one for all probes of a name, none before the last
// answer has run out, so many a second. When no resolver answers, the addresses that were good last
// are used on: a resolver that is down turns nothing down.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "dataplane/base/result.h"
#include "health/check.h"
#include "health/probe/ip_address.h"
#include "health/probe/name_counters.h"

namespace holdfast::health {

enum class ResolveOutcome : std::uint8_t {
  kFound,
  kNoAddress,   // no such name, or no such address of it: counts against the endpoint
  kUnavailable  // no resolver answered, or none could (SERVFAIL, REFUSED): our own side's trouble
};

struct Resolved {
  ResolveOutcome outcome = ResolveOutcome::kUnavailable;
  IpAddress address;  // when kFound; the addresses of a name take turns
};

struct ResolverOptions {
  std::string servers;  // "192.0.2.53,[2001:db8::53]:5353"; empty: those of the system
  std::chrono::seconds max_stale{86'400};  // addresses are used as much longer than their TTL
  std::uint32_t queries_per_second = 200;  // 1..100000, to each server
  std::size_t max_names = 65'536;          // in the cache; at least 1
  std::shared_ptr<NameCounters> counters = std::make_shared<NameCounters>();
};

/// Answers are kept for their TTL, held to 1..300 s; that a name or an address is not there for as
/// long as the zone's SOA says, held to 1..60 s; when no resolver answered, it is asked again after
/// a second. The queries that wait beyond `queries_per_second` do so in their order.
class Resolver {
 public:
  using Callback = std::function<void(Resolved)>;

  /// @param io  must not run any more once the resolver is destroyed.
  /// @return kInvalid for servers that cannot be read, kUnavailable when c-ares does not start.
  static Result<std::unique_ptr<Resolver>> Create(boost::asio::io_context& io,
                                                  const ResolverOptions& options);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Calls back once, on the loop, possibly before it returns (known, or a literal). Probes of the
  /// same name share one query. The callback may come after the caller lost interest: it looks
  /// itself. Nothing is called back any more once the resolver is destroyed.
  void Resolve(const std::string& name, AddressFamily family, Callback callback);

  /// On the loop.
  [[nodiscard]] NameCounters& counters() noexcept;

 private:
  class State;
  explicit Resolver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::health

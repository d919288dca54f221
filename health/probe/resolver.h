// Names of endpoints to IPv4 addresses (A only), through c-ares on the health loop, with a small
// cache. Probes ask for each request; answers live for their TTL, bounded to 1..300 seconds.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <string>

#include "dataplane/base/result.h"

namespace holdfast::health {

enum class ResolveOutcome : std::uint8_t {
  kFound,
  kNoAddress,   // the name does not exist or has no A record: counts against the endpoint
  kUnavailable  // no resolver answered, or none could (SERVFAIL, REFUSED): our own side's trouble
};

struct Resolved {
  ResolveOutcome outcome = ResolveOutcome::kUnavailable;
  in_addr address{};  // when kFound; the addresses of a name take turns
};

class Resolver {
 public:
  using Callback = std::function<void(Resolved)>;

  /// @param io       must not run any more once the resolver is destroyed.
  /// @param servers  "192.0.2.53,[2001:db8::53]:5353"; empty: those of the system.
  /// @return kInvalid for servers that cannot be read, kUnavailable when c-ares does not start.
  static Result<std::unique_ptr<Resolver>> Create(boost::asio::io_context& io,
                                                  const std::string& servers);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Calls back once, on the loop, possibly before it returns (cached). Probes of the same name
  /// share one query. The callback may come after the caller lost interest: it looks itself.
  /// Nothing is called back any more once the resolver is destroyed.
  void Resolve(const std::string& name, Callback callback);

 private:
  class State;
  explicit Resolver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::health

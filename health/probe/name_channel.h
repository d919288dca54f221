// Asks resolvers for the addresses of a name, one question at a time each: c-ares on the health
// loop. What the replies say, and when to ask again, is the resolver's affair. Only name_channel.cc
// knows c-ares. On the loop's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "health/probe/ip_address.h"

namespace holdfast::health {

/// How a question ended.
enum class NameAnswer : std::uint8_t {
  kReply,       // NOERROR or NXDOMAIN
  kNoSuchName,  // the name cannot be asked for at all
  kTimeout,     // each server was asked once, none replied in time
  kNone         // refused, failed, unreachable, or malformed
};

class NameChannel {
 public:
  using Done = std::function<void(NameAnswer, std::span<const std::byte> reply)>;

  /// As Resolver::Create.
  static Result<std::unique_ptr<NameChannel>> Create(boost::asio::io_context& io,
                                                     const std::string& servers);
  ~NameChannel();
  NameChannel(const NameChannel&) = delete;
  NameChannel& operator=(const NameChannel&) = delete;

  /// One datagram to the first server that replies, over TCP again when the reply is truncated.
  /// Calls back once, possibly before it returns, but not any more once destroyed.
  void Ask(const std::string& name, bool v6, Done done);
  /// What the hosts file of this machine has, which goes before the resolvers.
  [[nodiscard]] std::vector<IpAddress> InHostsFile(const std::string& name, bool v6) const;

 private:
  class State;
  explicit NameChannel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::health

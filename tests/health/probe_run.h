// Runs real probes on a loop of their own until each has ended.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "health/check.h"
#include "health/observation.h"
#include "health/probe/target_rules.h"

namespace holdfast::health::testing {

/// A check of 127.0.0.1 with generous timeouts.
CheckConfig LoopbackCheck(CheckType type, std::uint16_t port);

/// What tests on loopback have to allow.
TargetSettings Loopback();

struct RunOptions {
  std::string dns_servers = "127.0.0.1:1";  // nobody there
  TargetSettings targets = Loopback();
  /// Called on the loop right after the probes were started.
  std::function<void(boost::asio::io_context&)> meanwhile;
};

/// Probes all of them at the same time. Each gives exactly one observation, in order of `checks`.
std::vector<Observation> Probes(const std::vector<CheckConfig>& checks, RunOptions options = {});
Observation ProbeOnce(const CheckConfig& check, RunOptions options = {});

/// Probes once, started while no more than `spare` descriptors are free.
Observation ProbeWithoutDescriptors(const CheckConfig& check, int spare = 0);
/// Starts a probe, lets it run for `before`, abandons it and waits `after`. @return how often it
/// spoke.
int ProbeAndAbandon(const CheckConfig& check,
                    std::chrono::milliseconds before,
                    std::chrono::milliseconds after = std::chrono::milliseconds(50));

/// gzip or zlib ("deflate") form of `plain`.
enum class Squeeze { kGzip, kZlib, kRaw };
std::string Compress(const std::string& plain, Squeeze form);

}  // namespace holdfast::health::testing

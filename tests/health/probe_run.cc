#include "tests/health/probe_run.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include "dataplane/base/check.h"
#include "health/probe/probe.h"

namespace holdfast::health::testing {

TargetSettings Loopback() {
  return {.allow = {"127.0.0.0/8", "::1"}, .deny = {}, .own = {}};
}

CheckConfig LoopbackCheck(CheckType type, std::uint16_t port) {
  CheckConfig check;
  check.id = "c1";
  check.type = type;
  check.ip_address = "127.0.0.1";
  check.port = port;
  check.search_string = MatchesString(type) ? "holdfast" : "";
  check.connect_timeout = check.response_timeout = check.body_timeout = Milliseconds(5000);
  return check;
}

std::vector<Observation> Probes(const std::vector<CheckConfig>& checks, RunOptions options) {
  boost::asio::io_context io;
  auto tls = TlsContext::Create();
  auto resolver = Resolver::Create(io, {.servers = options.dns_servers});
  HF_CHECK(tls.has_value() && resolver.has_value());
  ProbeLoop loop{.io = io,
                 .resolver = **resolver,
                 .tls = **tls,
                 .targets = TargetRules::Create(options.targets).value()};
  std::vector<std::vector<Observation>> seen(checks.size());
  std::vector<std::shared_ptr<Probe>> probes;
  for (std::size_t n = 0; n < checks.size(); ++n) {
    const auto task = MakeTask(checks[n], nullptr);
    HF_CHECK(task.has_value());
    probes.push_back(Probe::Make(loop, *task, [&seen, n](Observation observation) {
      seen[n].push_back(std::move(observation));
    }));
  }
  for (const auto& probe : probes) {
    probe->Start();
  }
  probes.clear();  // what is under way keeps itself alive
  if (options.meanwhile) {
    options.meanwhile(io);
  }
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::ranges::any_of(seen, [](const auto& of_one) { return of_one.empty(); }) &&
         io.run_one_until(patience) != 0) {
  }
  io.poll();  // would bring a second observation, if there were one
  std::vector<Observation> observations;
  for (auto& of_one : seen) {
    EXPECT_EQ(of_one.size(), 1U);
    observations.push_back(of_one.empty() ? Observation{} : std::move(of_one.front()));
  }
  return observations;
}

Observation ProbeOnce(const CheckConfig& check, RunOptions options) {
  return Probes({check}, std::move(options)).front();
}

Observation ProbeWithoutDescriptors(const CheckConfig& check, int spare) {
  rlimit usual{};
  HF_CHECK(getrlimit(RLIMIT_NOFILE, &usual) == 0);
  boost::asio::io_context io;
  auto tls = TlsContext::Create();
  auto resolver = Resolver::Create(io, {.servers = "127.0.0.1:1"});
  ProbeLoop loop{.io = io,
                 .resolver = **resolver,
                 .tls = **tls,
                 .targets = TargetRules::Create(Loopback()).value()};
  std::vector<Observation> seen;
  const auto probe = Probe::Make(loop,
                                 MakeTask(check, nullptr).value(),
                                 [&seen](Observation observation) { seen.push_back(observation); });
  const int free = dup(0);
  close(free);
  const rlimit none{.rlim_cur = static_cast<rlim_t>(free + spare), .rlim_max = usual.rlim_max};
  HF_CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  probe->Start();
  HF_CHECK(setrlimit(RLIMIT_NOFILE, &usual) == 0);
  io.run_for(std::chrono::seconds(1));
  EXPECT_EQ(seen.size(), 1U);
  return seen.empty() ? Observation{} : seen.front();
}

int ProbeAndAbandon(const CheckConfig& check,
                    std::chrono::milliseconds before,
                    std::chrono::milliseconds after) {
  boost::asio::io_context io;
  auto tls = TlsContext::Create();
  auto resolver = Resolver::Create(io, {.servers = "127.0.0.1:1"});
  ProbeLoop loop{.io = io,
                 .resolver = **resolver,
                 .tls = **tls,
                 .targets = TargetRules::Create(Loopback()).value()};
  int spoken = 0;
  const auto probe = Probe::Make(
      loop, MakeTask(check, nullptr).value(), [&spoken](const Observation&) { ++spoken; });
  probe->Start();
  io.run_for(before);
  probe->Abandon();
  io.restart();
  io.run_for(after);
  return spoken;
}

std::string Compress(const std::string& plain, Squeeze form) {
  z_stream stream{};
  const int bits = form == Squeeze::kGzip ? 15 + 16 : (form == Squeeze::kZlib ? 15 : -15);
  HF_CHECK(deflateInit2(&stream, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(deflateBound(&stream, plain.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  HF_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace holdfast::health::testing

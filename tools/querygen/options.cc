// See options.h.
#include "tools/querygen/options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>

#include "dataplane/base/limits.h"
#include "tools/querygen/questions.h"

namespace holdfast::querygen {
namespace {

constexpr unsigned kMaxCpu = 1023;
constexpr double kMostSeconds = 86'400;

void DeclareQueries(CLI::App& app, Options& options) {
  auto* queries = app.add_option_group("queries", "what is asked");
  queries->add_option("--file", options.file, "lines NAME TYPE [RCODE [ADDRESS]]");
  queries
      ->add_option("--names",
                   options.names,
                   "names of the generated zone bench.test, each with one A record")
      ->check(CLI::Range(std::size_t{1}, kMaxGenerated));
  queries->require_option(1);
  app.add_flag("--ipv6", options.ipv6, "over IPv6");
  app.add_option("--from", options.from, "source address (default: 10.9.0.2, fd09::2)");
  app.add_option("--to", options.to, "whom to ask (default: 10.9.0.1, fd09::1)");
  auto* rate = app.add_option("--rate",
                              options.plan.rate,
                              "queries/s, sent when they are due whatever comes back; latencies "
                              "count from when they were due");
  rate->check(CLI::Range(std::uint64_t{1}, kMaxRate));
  app.add_option(
         "--outstanding",
         options.plan.outstanding,
         "as fast as so many under way let them be; latencies count from when they were sent")
      ->check(CLI::Range(1U, kMaxOutstanding))
      ->excludes(rate)
      ->capture_default_str();
  app.add_option("--seconds", options.plan.seconds, "how long")
      ->check(CLI::Range(0.001, kMostSeconds))
      ->capture_default_str();
  app.add_option("--queries", options.plan.queries, "no more than so many")
      ->check(CLI::PositiveNumber);
  app.add_option("--timeout-ms", options.plan.timeout_ms, "after which a query counts as lost")
      ->check(CLI::Range(1U, 60'000U))
      ->capture_default_str();
  app.add_flag("--json", options.json, "one JSON object, nothing else");
}

void DeclareMachine(CLI::App& app, Options& options) {
  app.add_option("--core", options.core, "CPU to run on")
      ->check(CLI::Range(0U, kMaxCpu))
      ->capture_default_str();
  app.add_option("--memory-mb", options.memory_mb, "megabytes of packet memory")
      ->check(CLI::Range(kMinMemoryMb, kMaxMemoryMb))
      ->capture_default_str();
  app.add_flag("--no-huge", options.no_huge, "packet memory on ordinary pages");
}

void DeclareDevice(CLI::App& app, Options& options) {
  app.add_option("DEVICE",
                 options.device,
                 "virtual device of DPDK with its arguments (net_memif0,role=server,"
                 "socket=/run/m.sock; net_af_xdp0,iface=eth0)")
      ->required();
  app.add_flag("--single-file-segments",
               options.single_file_segments,
               "packet memory as a memif with zero-copy=yes wants it");
  app.add_option("--wait", options.wait_seconds, "seconds to wait for the other end of the port")
      ->capture_default_str();
}

}  // namespace

Parsed ParseOptions(int argc, char** argv) {
  CLI::App app(
      "Asks a DNS responder as fast as it can, or at a fixed rate, and compares every reply with "
      "what was asked; of one reply in 64 it verifies lengths and checksums too, so the other end "
      "must not leave those to a NIC.");
  app.set_version_flag("--version", "querygen " HF_VERSION);
  app.require_subcommand(1);
  Options options;
  auto* ring = app.add_subcommand("ring", "the product's poll loop in this process, over rings");
  auto* port = app.add_subcommand("port", "a responder behind a port: memif, AF_XDP");
  auto* reflect = app.add_subcommand(
      "reflect",
      "turn frames round behind a port until SIGTERM: what the generator can do at most");
  auto* whom = ring->add_option_group("responder", "who answers");
  whom->add_option(
      "--run-dir", options.run_dir, "tables to answer from, as control published them");
  whom->add_flag("--reflector", options.reflector, "nobody: frames are only turned round");
  whom->require_option(1);
  ring->add_option("--responder-core", options.responder_core, "CPU of the poll loop")
      ->check(CLI::Range(0U, kMaxCpu))
      ->capture_default_str();
  port->add_option("--run-dir", options.run_dir, "report the counters of the data plane there");
  port->add_option("--to-mac", options.to_mac, "whom frames are for (default: 02:00:00:00:00:01)");
  for (CLI::App* one : {port, reflect}) {
    DeclareDevice(*one, options);
  }
  for (CLI::App* one : {ring, port}) {
    DeclareQueries(*one, options);
  }
  port->add_flag(
      "--reflector", options.reflector, "the other end is a reflector: expect no answer");
  for (CLI::App* one : {ring, port, reflect}) {
    DeclareMachine(*one, options);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return {.options = std::nullopt, .status = app.exit(error) == 0 ? 0 : 2};
  }
  options.way = ring->parsed() ? Way::kRing : port->parsed() ? Way::kPort : Way::kReflect;
  if (options.way == Way::kRing && options.core == options.responder_core) {
    std::fprintf(stderr,
                 "querygen: --core and --responder-core are both %u; expected two CPUs\n",
                 options.core);
    return {.options = std::nullopt, .status = 2};
  }
  return {.options = std::move(options)};
}

Result<io::MacAddress> ParseMac(const std::string& text) {
  io::MacAddress mac{};
  const char* at = text.data();
  const char* end = at + text.size();
  for (std::size_t i = 0; i < mac.size(); ++i) {
    unsigned octet = 0;
    const auto [behind, error] = std::from_chars(at, end, octet, 16);
    const bool last = i + 1 == mac.size();
    if (error != std::errc{} || behind - at != 2 || (last ? behind != end : *behind != ':')) {
      return Fail(ErrorCode::kInvalid,
                  "MAC address '" + text + "'; expected six octets like 02:00:00:00:00:01");
    }
    mac[i] = static_cast<std::byte>(octet);
    at = behind + 1;
  }
  return mac;
}

}  // namespace holdfast::querygen

// holdfast-dataplane: answers DNS queries from the tables of a run folder on ports that DPDK polls.
// Started by `holdfast run` with arguments that it renders; all options are on the command line.
// Exit codes: 0 told to end; 2 wrong arguments, a restart does not help; 3 no tables within --wait;
// 1 anything else (a device, a right or memory is missing or lost).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "dataplane/io/dataplane.h"

namespace {

namespace io = holdfast::io;

// As given on the command line, before it is judged.
struct Arguments {
  std::string run_dir = "/run/holdfast";
  std::vector<std::string> ports;
  std::vector<std::string> addresses;
  std::vector<std::string> trusted_ports;
  std::string lcores = "0";
  std::uint16_t queues = 1;
  bool verify = true;
  unsigned wait_seconds = 0;
};

void Declare(CLI::App& app, Arguments& arguments, io::DataplaneOptions& options) {
  app.add_option("--run-dir", arguments.run_dir, "folder of the tables that control publishes")
      ->capture_default_str();
  app.add_option("--port",
                 arguments.ports,
                 "PCI address, or virtual device with arguments (net_af_xdp0,iface=eth0)")
      ->required();
  app.add_option("--address", arguments.addresses, "local address to answer for")->required();
  app.add_option("--lcores",
                 arguments.lcores,
                 "CPUs to poll on, like 1 or 0,2-4; queues are dealt "
                 "out to them in turn")
      ->capture_default_str();
  app.add_option("--queues", arguments.queues, "queues of each port")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_flag("--no-huge", options.eal.no_huge, "packet memory on ordinary pages");
  app.add_option("--memory-mb", options.eal.memory_mb, "megabytes of packet memory")
      ->check(CLI::Range(64, 1 << 20))
      ->capture_default_str();
  app.add_option("--file-prefix", options.eal.file_prefix, "DPDK's name for this process")
      ->capture_default_str();
  app.add_flag("--verify-udp-checksum,!--no-verify-udp-checksum",
               arguments.verify,
               "drop queries with a wrong UDP checksum (default; not for veth, whose senders leave "
               "it partial)");
  app.add_option("--trust-udp-checksum",
                 arguments.trusted_ports,
                 "name of a port (net_af_xdp0) whose UDP checksums are not verified");
  app.add_option("--udp-octets", options.udp_octets, "longest UDP reply")
      ->check(CLI::Range(512, 4096))
      ->capture_default_str();
  app.add_option("--wait", arguments.wait_seconds, "seconds to wait for the first tables")
      ->capture_default_str();
  app.add_flag("--telemetry", options.eal.telemetry, "DPDK's telemetry socket");
  app.add_flag("--verbose", options.eal.verbose, "DPDK's messages to standard error");
  app.add_option("--eal", options.eal.more, "argument for DPDK as it is (--eal=--log-level=debug)")
      ->allow_extra_args(false);
}

holdfast::Status Judge(const Arguments& arguments, io::DataplaneOptions& options) {
  options.run_dir = arguments.run_dir;
  options.wait = std::chrono::seconds(arguments.wait_seconds);
  auto cpus = io::ParseCpuList(arguments.lcores);
  if (!cpus) {
    return std::unexpected(cpus.error());
  }
  options.eal.cpus = std::move(*cpus);
  for (const std::string& text : arguments.addresses) {
    const auto address = io::ParseAddress(text);
    if (!address) {
      return std::unexpected(address.error());
    }
    options.addresses.push_back(*address);
  }
  std::vector<std::string> trusted = arguments.trusted_ports;
  for (const std::string& text : arguments.ports) {
    auto device = io::ParseDevice(text);
    if (!device) {
      return std::unexpected(device.error());
    }
    const bool trust = !arguments.verify || std::erase(trusted, device->name) != 0;
    options.ports.push_back(
        {std::move(*device),
         {.queues = arguments.queues,
          .check = trust ? io::UdpChecksum::kTrust : io::UdpChecksum::kVerify}});
  }
  if (arguments.verify && !trusted.empty()) {
    return holdfast::Fail(holdfast::ErrorCode::kInvalid,
                          "--trust-udp-checksum " + trusted.front() + ": no port has this name");
  }
  return {};
}

int ExitCode(holdfast::ErrorCode code) {
  switch (code) {
    case holdfast::ErrorCode::kInvalid:
      return 2;
    case holdfast::ErrorCode::kUnavailable:
      return 3;
    default:
      return 1;
  }
}

int Run(int argc, char** argv) {
  CLI::App app("Answers DNS queries from published tables on ports that DPDK polls.");
  Arguments arguments;
  io::DataplaneOptions options;
  try {
    Declare(app, arguments, options);
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  holdfast::Status served = Judge(arguments, options);
  if (served) {
    served = io::Serve(std::move(options));
  }
  if (!served) {
    std::fprintf(stderr, "holdfast-dataplane: %s\n", served.error().message.c_str());
    return ExitCode(served.error().code);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "holdfast-dataplane: %s\n", error.what());
    return 1;
  }
}

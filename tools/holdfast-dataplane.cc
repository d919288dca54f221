// holdfast-dataplane: answers DNS queries from the tables of a run folder on ports that DPDK polls.
// Started by `holdfast run` with arguments that it renders; all options are on the command line.
// Exit codes: 0 told to end; 2 wrong arguments, a restart does not help; 3 no tables within --wait;
// 1 anything else (a device, a right or memory is missing or lost).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "dataplane/base/limits.h"
#include "dataplane/base/signals.h"
#include "dataplane/io/dataplane.h"

namespace {

namespace io = holdfast::io;

constexpr std::size_t kMaxInterfaceOctets = 15;

// As given on the command line, before it is judged.
struct Arguments {
  std::string run_dir = "/run/holdfast";
  std::vector<std::string> ports;
  std::vector<std::string> addresses;    // [PORT=]ADDRESS
  std::vector<std::string> queues{"1"};  // [PORT=]N
  std::vector<std::string> descriptors{std::to_string(holdfast::kDefaultDescriptors)};  // likewise
  std::vector<std::string> trusted_ports;                                               // PORT
  std::vector<std::string> taps;  // PORT=INTERFACE
  std::string lcores = "0";
  bool verify = true;
  unsigned wait_seconds = 0;
};

void Declare(CLI::App& app, Arguments& arguments, io::DataplaneOptions& options) {
  app.set_version_flag("--version", "holdfast-dataplane " HF_VERSION);
  app.add_option("--run-dir", arguments.run_dir, "folder of the tables that control publishes")
      ->capture_default_str();
  app.add_option("--port",
                 arguments.ports,
                 "PCI address, or virtual device with arguments (net_af_xdp0,iface=eth0)")
      ->required();
  app.add_option("--address",
                 arguments.addresses,
                 "local address to answer for; as PORT=ADDRESS on the port of that name alone "
                 "(net_af_xdp0=192.0.2.53)")
      ->required();
  app.add_option("--lcores",
                 arguments.lcores,
                 "CPUs to poll on, like 1 or 0,2-4; queues are dealt "
                 "out to them in turn")
      ->capture_default_str();
  app.add_option("--queues",
                 arguments.queues,
                 "queues of each port; as PORT=N of the port of that name (net_af_xdp0=4)")
      ->capture_default_str();
  app.add_option("--descriptors",
                 arguments.descriptors,
                 "descriptors of each queue, a power of two; as PORT=N of the port of that name")
      ->capture_default_str();
  app.add_option("--burst", options.burst, "frames per receive call")
      ->check(CLI::Range(holdfast::kMinPollBurst, holdfast::kMaxPollBurst))
      ->capture_default_str();
  app.add_flag("--no-huge", options.eal.no_huge, "packet memory on ordinary pages");
  app.add_option("--memory-mb", options.eal.memory_mb, "megabytes of packet memory")
      ->check(CLI::Range(holdfast::kMinMemoryMb, holdfast::kMaxMemoryMb))
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
  app.add_option("--kernel-interface",
                 arguments.taps,
                 "PORT=TAP: hand what is no query to this tap interface, and send what the kernel "
                 "sends there (0000:3b:00.0=dns0)");
  app.add_flag("--client-subnet,!--no-client-subnet",
               options.client_subnet,
               "go by EDNS Client Subnet and answer it (default; else clients count by their "
               "address)");
  app.add_option("--wait", arguments.wait_seconds, "seconds to wait for the first tables")
      ->capture_default_str();
  app.add_flag("--telemetry", options.eal.telemetry, "DPDK's telemetry socket");
  app.add_flag("--verbose", options.eal.verbose, "DPDK's messages to standard error");
  app.add_option("--eal", options.eal.more, "argument for DPDK as it is (--eal=--log-level=debug)")
      ->allow_extra_args(false);
}

std::unexpected<holdfast::Error> Wrong(const std::string& sentence) {
  return holdfast::Fail(holdfast::ErrorCode::kInvalid, sentence);
}

// The ports that "PORT=VALUE" is about, or all of them when it is a value alone; with the value.
using Ports = std::vector<io::PortRequest>;
holdfast::Result<std::pair<std::vector<io::PortRequest*>, std::string>> Addressed(
    Ports& ports, const std::string& option, const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, std::min(equals, text.size()));
  std::vector<io::PortRequest*> meant;
  for (io::PortRequest& port : ports) {
    if (equals == std::string::npos || port.device.name == name) {
      meant.push_back(&port);
    }
  }
  if (meant.empty()) {
    return Wrong(option + " " + text + ": no port has the name " + name);
  }
  return std::pair(std::move(meant), equals == std::string::npos ? text : text.substr(equals + 1));
}

// A number that each port has: N for all of them, or PORT=N.
struct PortNumber {
  const char* option;
  std::uint16_t io::PortOptions::* place;
  bool (*is_good)(std::int64_t);
  std::string expected;
};

holdfast::Status JudgeNumbers(const PortNumber& number,
                              const std::vector<std::string>& texts,
                              Ports& ports) {
  for (const std::string& text : texts) {
    const auto meant = Addressed(ports, number.option, text);
    if (!meant) {
      return std::unexpected(meant.error());
    }
    const std::string& value = meant->second;
    std::uint16_t found = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), found);
    if (error != std::errc{} || end != value.data() + value.size() || !number.is_good(found)) {
      return Wrong(std::string(number.option) + " " + text + ": expected " + number.expected +
                   ", or PORT= and such a number");
    }
    for (io::PortRequest* port : meant->first) {
      port->options.*number.place = found;
    }
  }
  return {};
}

holdfast::Status JudgeAddresses(const std::vector<std::string>& texts, Ports& ports) {
  for (const std::string& text : texts) {
    const auto meant = Addressed(ports, "--address", text);
    if (!meant) {
      return std::unexpected(meant.error());
    }
    const auto address = io::ParseAddress(meant->second);
    if (!address) {
      return std::unexpected(address.error());
    }
    for (io::PortRequest* port : meant->first) {
      port->options.addresses.push_back(*address);
    }
  }
  for (const io::PortRequest& port : ports) {
    if (port.options.addresses.empty()) {
      return Wrong("port " + port.device.name + " has no --address: it would answer nothing");
    }
  }
  return {};
}

holdfast::Status JudgeTaps(const std::vector<std::string>& texts, Ports& ports) {
  for (const std::string& text : texts) {
    const auto meant = Addressed(ports, "--kernel-interface", text);
    if (!meant) {
      return std::unexpected(meant.error());
    }
    const auto& [named, interface] = *meant;
    if (!text.contains('=') || interface.empty() || interface.size() > kMaxInterfaceOctets) {
      return Wrong("--kernel-interface " + text + ": expected PORT= and the name of a tap");
    }
    if (named.front()->device.IsAfXdp()) {
      return Wrong("--kernel-interface " + text +
                   ": expected none, since AF_XDP leaves to the kernel what is no query");
    }
    named.front()->options.kernel_interface = interface;
  }
  return {};
}

holdfast::Status Judge(const Arguments& arguments, io::DataplaneOptions& options) {
  options.run_dir = arguments.run_dir;
  options.wait = std::chrono::seconds(arguments.wait_seconds);
  auto cpus = io::ParseCpuList(arguments.lcores);
  if (!cpus) {
    return std::unexpected(cpus.error());
  }
  options.eal.cpus = std::move(*cpus);
  std::vector<std::string> trusted = arguments.trusted_ports;
  for (const std::string& text : arguments.ports) {
    auto device = io::ParseDevice(text);
    if (!device) {
      return std::unexpected(device.error());
    }
    const auto same = [&](const io::PortRequest& port) { return port.device.name == device->name; };
    if (std::ranges::any_of(options.ports, same)) {
      return Wrong("--port " + text + ": another port has the name " + device->name);
    }
    io::PortOptions wanted;
    if (!arguments.verify || std::erase(trusted, device->name) != 0) {
      wanted.check = io::UdpChecksum::kTrust;
    }
    options.ports.push_back({std::move(*device), std::move(wanted)});
  }
  if (arguments.verify && !trusted.empty()) {
    return Wrong("--trust-udp-checksum " + trusted.front() + ": no port has this name");
  }
  HF_TRY(JudgeNumbers({"--queues",
                       &io::PortOptions::queues,
                       [](std::int64_t n) { return n > 0 && n <= holdfast::kMaxQueues; },
                       "a number from 1 to " + std::to_string(holdfast::kMaxQueues)},
                      arguments.queues,
                      options.ports));
  HF_TRY(JudgeNumbers({"--descriptors",
                       &io::PortOptions::descriptors,
                       [](std::int64_t n) { return holdfast::AreDescriptors(n); },
                       "a power of two from " + std::to_string(holdfast::kMinDescriptors) + " to " +
                           std::to_string(holdfast::kMaxDescriptors)},
                      arguments.descriptors,
                      options.ports));
  HF_TRY(JudgeTaps(arguments.taps, options.ports));
  return JudgeAddresses(arguments.addresses, options.ports);
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
  holdfast::OutliveClosedPipes();
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "holdfast-dataplane: %s\n", error.what());
    return 1;
  }
}

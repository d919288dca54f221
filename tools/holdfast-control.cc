// holdfast-control: the control core as a process. Reads the node file, adopts or builds the
// tables, checks health, publishes. Started by `holdfast run`, or by hand; can be killed at any
// moment.
#include <sched.h>
#include <spdlog/spdlog.h>
#include <string>
#include <utility>
#include <vector>

#include "control/admin/server.h"
#include "control/core.h"
#include "dataplane/answer/answer.h"
#include "dataplane/base/descriptors.h"
#include "dataplane/io/counters.h"
#include "dataplane/listen/counters.h"
#include "dataplane/steer/steer.h"
#include "tools/daemon.h"

namespace {

// Behind the counters of the answer function come those of the program that reads the tables.
std::string CounterName(const std::string& role, unsigned index) {
  constexpr auto kAnswer = static_cast<unsigned>(holdfast::answer::Counter::kCount);
  if (index < kAnswer) {
    return holdfast::answer::CounterText(static_cast<holdfast::answer::Counter>(index));
  }
  const unsigned own = index - kAnswer;
  if (role == "dataplane" && own < static_cast<unsigned>(holdfast::io::Counter::kCount)) {
    return holdfast::io::CounterText(static_cast<holdfast::io::Counter>(own));
  }
  if (role == "sockets" && own < static_cast<unsigned>(holdfast::listen::Counter::kCount)) {
    return holdfast::listen::CounterText(static_cast<holdfast::listen::Counter>(own));
  }
  return {};
}

// Control runs where the data plane does, so it finds its program on the interface by itself.
holdfast::Result<std::vector<std::pair<std::string, std::uint64_t>>> XdpCounters(
    const holdfast::control::PortConfig& port) {
  namespace steer = holdfast::steer;
  std::vector<std::pair<std::string, std::uint64_t>> named;
  if (const std::string interface = port.XdpInterface(); !interface.empty()) {
    const auto steering = steer::Steering::Find(interface);
    if (!steering) {
      return std::unexpected(steering.error());
    }
    const auto counted = steering->Read();
    if (!counted) {
      return std::unexpected(counted.error());
    }
    for (unsigned i = 0; i < kSteerCounterCount; ++i) {
      named.emplace_back(steer::CounterText(static_cast<SteerCounter>(i)), (*counted)[i]);
    }
  }
  return named;
}

// No thread of this process runs where packets are polled, unless there is no other processor.
void LeavePollCores(const holdfast::control::NodeConfig& node) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (!node.dataplane.enabled || sched_getaffinity(0, sizeof(set), &set) != 0) {
    return;
  }
  for (const std::uint16_t lcore : node.dataplane.lcores) {
    CPU_CLR(lcore, &set);
  }
  if (CPU_COUNT(&set) != 0) {
    (void)sched_setaffinity(0, sizeof(set), &set);
  }
}

holdfast::Status Run(const std::string& config) {
  spdlog::info("{} descriptors may be open", holdfast::RaiseDescriptorLimit());
  auto core = holdfast::control::Core::Open(config);
  if (!core) {
    return std::unexpected(core.error());
  }
  LeavePollCores((*core)->node());
  return holdfast::control::Serve(
      **core, config, {.counter_names = CounterName, .xdp_counters = XdpCounters});
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::tools::RunDaemon(
      {.name = "holdfast-control",
       .purpose = "The control core of Holdfast: health checks, compiling, publishing.",
       .file = "Node file (TOML)"},
      argc,
      argv,
      Run);
}

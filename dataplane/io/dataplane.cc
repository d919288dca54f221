// Start in the order in which a failure does the least: tables first, so that without them neither
// memory is taken nor a port touched; the ports last. Main thread.
#include "dataplane/io/dataplane.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <sched.h>
#include <thread>

#include <rte_launch.h>

#include "dataplane/answer/answer.h"
#include "dataplane/answer/rate_table.h"
#include "dataplane/base/clock.h"
#include "dataplane/io/lcore_loop.h"
#include "dataplane/io/remedy.h"
#include "dataplane/table/readers.h"

namespace holdfast::io {
namespace {

constexpr long kWatchPauseNs = 100'000'000;  // between two looks at the ports
// Frames that the XDP program looked at before its addresses were taken away reach the queues.
constexpr auto kLastArrivals = std::chrono::milliseconds(20);

sigset_t EndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

// Waits for a signal to end. @return true when one came.
bool EndAsked(long pause_ns) {
  const sigset_t signals = EndSignals();
  const timespec pause{pause_ns / 1'000'000'000, pause_ns % 1'000'000'000};
  return sigtimedwait(&signals, nullptr, &pause) > 0;
}

// The processors of this process that no lcore polls on; the main thread and those it makes
// (housekeeping of the tables) go there, so that they take no time from an lcore.
std::vector<unsigned> LeaveTo(const std::vector<unsigned>& polling) {
  cpu_set_t allowed;
  cpu_set_t rest;
  CPU_ZERO(&allowed);
  CPU_ZERO(&rest);
  std::vector<unsigned> cpus;
  sched_getaffinity(0, sizeof(allowed), &allowed);
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed) && std::ranges::find(polling, cpu) == polling.end()) {
      CPU_SET(cpu, &rest);
      cpus.push_back(cpu);
    }
  }
  if (!cpus.empty()) {
    sched_setaffinity(0, sizeof(rest), &rest);
  }
  return cpus;
}

Status CheckCpus(const std::vector<unsigned>& polling) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof(allowed), &allowed);
  for (const unsigned cpu : polling) {
    if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &allowed)) {
      return Fail(ErrorCode::kInvalid,
                  "CPU " + std::to_string(cpu) +
                      " is not one this process may run on; see them with: taskset -cp $$");
    }
  }
  return {};
}

// A core without a queue would poll nothing, and hold back for ever what it never takes note of.
Status CheckQueues(const DataplaneOptions& options) {
  std::size_t queues = 0;
  for (const PortRequest& port : options.ports) {
    queues += port.options.queues;
  }
  if (queues < options.eal.cpus.size()) {
    return Fail(ErrorCode::kInvalid,
                std::to_string(options.eal.cpus.size()) + " polling cores for " +
                    std::to_string(queues) +
                    " queues; expected no more cores than all ports have queues together");
  }
  return {};
}

// Null without an error: asked to end while waiting.
Result<std::unique_ptr<table::Attachment>> WaitForTables(const DataplaneOptions& options) {
  const auto until = std::chrono::steady_clock::now() + options.wait;
  for (;;) {
    auto tables = table::Attachment::Open(
        options.run_dir, "dataplane", static_cast<unsigned>(options.eal.cpus.size()));
    if (tables || tables.error().code != ErrorCode::kUnavailable) {
      return tables;
    }
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= std::chrono::seconds(0)) {
      return Fail(ErrorCode::kUnavailable,
                  "no tables to answer from after " + std::to_string(options.wait.count()) +
                      " s: " + tables.error().message);
    }
    if (EndAsked(kWatchPauseNs)) {
      return std::unique_ptr<table::Attachment>();
    }
  }
}

// What the main thread tells the polling cores.
struct Shared {
  std::atomic<bool> stop{false};
  std::atomic<std::uint32_t> wall_seconds{0};

  void TakeTime() noexcept {
    wall_seconds.store(static_cast<std::uint32_t>(WallMs() / 1000), std::memory_order_relaxed);
  }
};

// One polling core's share and state.
struct Core {
  std::vector<Lane> lanes;
  answer::ScratchPtr scratch;
  LcoreWork work;
  const std::atomic<bool>* stop = nullptr;
};

int RunCore(void* core) {
  const auto* c = static_cast<const Core*>(core);
  RunLcore(c->work, *c->stop);
  return 0;
}

// Deals the queues out to the cores in turn.
std::vector<Core> MakeCores(const DataplaneOptions& options,
                            std::span<const Port> ports,
                            table::Attachment& tables,
                            answer::RateTable& rates,
                            const Shared& shared) {
  std::vector<Core> cores(options.eal.cpus.size());
  std::size_t next = 0;
  for (const Port& port : ports) {
    for (const Lane& lane : port.lanes()) {
      cores[next++ % cores.size()].lanes.push_back(lane);
    }
  }
  for (unsigned i = 0; i < cores.size(); ++i) {
    Core& core = cores[i];
    core.scratch = answer::MakeScratch({.client_subnet = options.client_subnet, .rates = &rates},
                                       tables.Counters(i));
    core.work = {core.lanes, &tables, core.scratch.get(), i, options.burst, &shared.wall_seconds};
    core.stop = &shared.stop;
  }
  return cores;
}

// Until a signal comes (fine) or a port's device is lost (its reason). Keeps the cores' clock.
Status Watch(std::span<const Port> ports, Shared& shared) {
  while (!EndAsked(kWatchPauseNs)) {
    shared.TakeTime();
    for (const Port& port : ports) {
      HF_TRY(port.Alive());
    }
  }
  return {};
}

Status RunCores(std::vector<Core>& cores, std::span<Port> ports, Shared& shared) {
  for (unsigned i = 0; i < cores.size(); ++i) {
    if (rte_eal_remote_launch(RunCore, &cores[i], i + 1) != 0) {
      shared.stop.store(true, std::memory_order_relaxed);
      rte_eal_mp_wait_lcore();
      return Fail(ErrorCode::kIo, "lcore " + std::to_string(i + 1) + " does not start");
    }
  }
  Status ended = Watch(ports, shared);
  bool still_arriving = false;
  for (Port& port : ports) {
    still_arriving |= port.StopSteering();
  }
  if (still_arriving) {
    std::this_thread::sleep_for(kLastArrivals);
  }
  shared.stop.store(true, std::memory_order_relaxed);
  rte_eal_mp_wait_lcore();
  return ended;
}

}  // namespace

Status Serve(DataplaneOptions options) {
  const sigset_t signals = EndSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before there are threads: all inherit it
  HF_TRY(CheckCpus(options.eal.cpus));
  HF_TRY(CheckQueues(options));
  options.eal.other_cpus = LeaveTo(options.eal.cpus);

  auto tables = WaitForTables(options);
  if (!tables) {
    return std::unexpected(tables.error());
  }
  if (*tables == nullptr) {
    return {};
  }
  for (const PortRequest& port : options.ports) {
    if (port.device.pci) {
      HF_TRY(CheckPciDevice("/sys", port.device.name));
      options.eal.pci.push_back(port.device.name +
                                (port.device.arguments.empty() ? "" : "," + port.device.arguments));
    }
  }
  const auto eal = Eal::Start(options.eal);
  if (!eal) {
    return std::unexpected(eal.error());
  }
  std::vector<Port> ports;
  ports.reserve(options.ports.size());
  for (const PortRequest& request : options.ports) {
    auto port = Port::Open(request.device, request.options);
    if (!port) {
      return std::unexpected(port.error());
    }
    ports.push_back(std::move(*port));
  }
  const auto rates = answer::RateTable::Make();
  if (!rates) {
    return std::unexpected(rates.error());
  }
  Shared shared;
  shared.TakeTime();
  std::vector<Core> cores = MakeCores(options, ports, **tables, **rates, shared);
  return RunCores(cores, ports, shared);
}

}  // namespace holdfast::io

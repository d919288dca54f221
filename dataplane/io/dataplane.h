// The data-plane process from its options to its end: tables, EAL, ports, lcores, drain. Called by
// tools/holdfast-dataplane.cc on the main thread, which polls nothing itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/limits.h"
#include "dataplane/base/result.h"
#include "dataplane/io/address.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/port.h"

namespace holdfast::io {

struct PortRequest {
  DeviceName device;
  PortOptions options;
};

struct DataplaneOptions {
  std::string run_dir;                  // of `root` and `readers/`
  std::vector<PortRequest> ports;       // at least one
  std::chrono::seconds wait{0};         // for the first tables
  bool client_subnet = true;            // answer::Options
  std::uint16_t burst = kMaxPollBurst;  // LcoreWork
  EalOptions eal;                       // its cpus: one lcore each; other_cpus and pci are set here
};

/// Serves until SIGTERM or SIGINT, then answers what the queues hold and returns. Blocks these two
/// signals for the process. Nothing is attached or answered before there are tables.
/// @return the reason when it cannot start, or when a port's device is gone or no longer steered:
/// kInvalid wrong options, kUnavailable no tables within `wait`, others what the machine lacks or
/// lost.
Status Serve(DataplaneOptions options);

}  // namespace holdfast::io

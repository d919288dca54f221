// The control loop and its socket: waits for transitions, requests and the tick, on one thread;
// what takes long (files, compiling, the disk) runs on two workers and comes back to the loop to be
// applied.
#pragma once

#include <memory>
#include <string>

#include "control/admin/requests.h"
#include "control/core.h"

namespace holdfast::control {

/// Runs the control core until SIGTERM or SIGINT; SIGHUP reloads. The calling thread is the control
/// core's and is pinned to [node] control_core; workers and probes go on wherever the process may.
/// Serves RUN_DIR/control.sock (mode 0600: whoever may open it may change what is served).
/// @param node_path  read again at each reload.
Status Serve(Core& core, const std::string& node_path, const Instruments& instruments);

}  // namespace holdfast::control

// What a process of ours thinks of SIGPIPE: nothing. A peer that hangs up within a TLS handshake
// and a log whose reader is gone (`holdfast run 2>&1 | less`, then q) are errors of the one call
// that wrote, not the end of a node. Cold.
#pragma once

#include <csignal>

namespace holdfast {

/// Main thread, before the first word is written. Every program that serves, probes or supervises;
/// programs started from it get the default back (health/probe/child_process, supervise/child).
inline void OutliveClosedPipes() noexcept {
  (void)std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace holdfast

// sd_notify; see notify.h. Every call is a no-op where no service manager listens.
#include "tools/supervise/notify.h"

#include <cstdint>
#include <systemd/sd-daemon.h>

namespace holdfast::tools {

Notifier::Notifier() {
  std::uint64_t patience_us = 0;
  if (sd_watchdog_enabled(0, &patience_us) > 0) {
    patience_ = std::chrono::microseconds(patience_us);
  }
}

void Notifier::Ready(const std::string& status) {
  if (!ready_) {
    ready_ = true;
    sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
  }
}

void Notifier::Stopping() {
  sd_notify(0, "STOPPING=1");
}

void Notifier::Alive() {
  const auto now = std::chrono::steady_clock::now();
  if (patience_.count() > 0 && now - said_ >= patience_ / 2) {
    said_ = now;
    sd_notify(0, "WATCHDOG=1");
  }
}

}  // namespace holdfast::tools

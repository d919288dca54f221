// What the service manager is told, when there is one (NOTIFY_SOCKET): ready, alive, stopping.
// Main thread of the supervisor.
#pragma once

#include <chrono>
#include <string>

namespace holdfast::tools {

class Notifier {
 public:
  Notifier();
  /// READY=1, once; later calls do nothing.
  void Ready(const std::string& status);
  void Stopping();
  /// WATCHDOG=1 when half of the manager's patience is over. To be called often.
  void Alive();

 private:
  bool ready_ = false;
  std::chrono::microseconds patience_{0};  // 0: no watchdog
  std::chrono::steady_clock::time_point said_;
};

}  // namespace holdfast::tools

// Counters of checks on their way to the store, now and then: what a crash loses is what was
// counted since.
#pragma once

#include <string>
#include <unordered_map>

#include "control/model/store.h"
#include "health/monitor.h"

namespace holdfast::control {

class CounterSaver {
 public:
  /// Saves what has changed since the last call, in one transaction. Waits for the disk: its thread
  /// alone. An error is logged, and all of it is tried again with the next call.
  void Save(const health::Monitor& monitor, Store& store);

 private:
  std::unordered_map<std::string, health::Counters> saved_;
};

}  // namespace holdfast::control

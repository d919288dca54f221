// Counters of checks on their way to the store: with each change of a state, so that the failure
// which explains it is there as long as the state is, and now and then. What a crash loses is what
// was counted since.
#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

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

/// Of those of `checks` that there are, as of now. Any thread.
std::vector<StoredCounters> CountersOf(const health::Monitor& monitor,
                                       std::span<const StoredCheck> checks);

}  // namespace holdfast::control

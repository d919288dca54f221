#include "control/admin/counter_saver.h"

#include <spdlog/spdlog.h>

namespace holdfast::control {

void CounterSaver::Save(const health::Monitor& monitor, Store& store) {
  std::vector<StoredCounters> changed;
  std::unordered_map<std::string, health::Counters> now;
  for (const health::CheckStatus& status : monitor.Statuses()) {
    const auto before = saved_.find(status.id);
    if (before == saved_.end() || before->second != status.counters) {
      changed.push_back({.id = status.id, .counters = status.counters});
    }
    now.emplace(status.id, status.counters);
  }
  if (changed.empty()) {
    return;
  }
  if (const auto saved = store.SaveCounters(changed); !saved) {
    spdlog::error("counters of checks not stored: {}", saved.error().message);
    return;
  }
  saved_ = std::move(now);
}

std::vector<StoredCounters> CountersOf(const health::Monitor& monitor,
                                       std::span<const StoredCheck> checks) {
  std::vector<StoredCounters> counters;
  for (const StoredCheck& check : checks) {
    if (auto status = monitor.StatusOf(check.id)) {
      counters.push_back({.id = check.id, .counters = std::move(status->counters)});
    }
  }
  return counters;
}

}  // namespace holdfast::control

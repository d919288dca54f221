// The switches that people move: what is On, who moved what and why, and what was refused. A move
// is on the disk before anything follows from it. Any thread; Restore and Switch alone wait for the
// disk, and nobody else waits for them.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "control/config/routing_controls.h"
#include "control/model/safety.h"
#include "control/model/store.h"

namespace holdfast::control {

struct ControlOrder {
  std::vector<ControlChange> changes;   // made all at once, or none of them
  std::vector<std::string> overridden;  // rules set aside for this once
  std::string who;                      // "uid 0"
  std::string reason;                   // in the operator's words, 0..256 characters
};

class RoutingControls {
 public:
  /// At the start: what the store knows. @return what it says.
  Status Restore(Store& store);
  /// What the configuration has from now on: a control that was ever switched is as it was left, a
  /// new one as it says. An order that the disk is writing meanwhile counts as one that came
  /// before.
  void Configure(const RecoveryConfig& config);

  /// Carries an order out and writes it to the log, or writes down that it was refused. One after
  /// the other: each is judged by what those before it have left.
  /// @return the states from now on; as CheckSafety, or what the store says: nothing changed then.
  Result<ControlStates> Switch(const ControlOrder& order, Store& store);

  [[nodiscard]] ControlStates states() const;
  [[nodiscard]] RecoveryConfig config() const;

 private:
  std::mutex orders_;         // held by the one who writes, while the disk does
  mutable std::mutex mutex_;  // guards all below; never held across a call of the store
  RecoveryConfig config_;
  ControlStates states_;    // of the configured ones
  ControlStates switched_;  // of all that ever were
};

}  // namespace holdfast::control

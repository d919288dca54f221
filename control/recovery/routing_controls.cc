#include "control/recovery/routing_controls.h"

#include <utility>

#include "dataplane/base/clock.h"

namespace holdfast::control {
namespace {

std::string Words(std::span<const ControlChange> changes) {
  std::string text;
  for (const ControlChange& change : changes) {
    text += (text.empty() ? "" : ", ") + change.name + (change.on ? " On" : " Off");
  }
  return text;
}

std::string Joined(std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

}  // namespace

Status RoutingControls::Restore(Store& store) {
  const std::lock_guard turn(orders_);
  const auto stored = store.RoutingControls();
  if (!stored) {
    return std::unexpected(stored.error());
  }
  const std::lock_guard lock(mutex_);
  for (const StoredControl& control : *stored) {
    switched_[control.name] = control.on;
  }
  return {};
}

void RoutingControls::Configure(const RecoveryConfig& config) {
  const std::lock_guard lock(mutex_);
  config_ = config;
  states_.clear();
  for (const RoutingControlConfig& control : config.controls) {
    const auto left = switched_.find(control.name);
    states_[control.name] = left == switched_.end() ? control.initial_on : left->second;
  }
}

Result<ControlStates> RoutingControls::Switch(const ControlOrder& order, Store& store) {
  const std::lock_guard turn(orders_);
  ControlLogEntry entry{.at_ms = WallMs(),
                        .who = order.who,
                        .changes = Words(order.changes),
                        .overridden = Joined(order.overridden),
                        .reason = order.reason,
                        .refused = {}};
  const auto safe = [&] {
    const std::lock_guard lock(mutex_);
    return CheckSafety(states_, order.changes, config_.rules, order.overridden);
  }();
  if (!safe) {
    entry.refused = safe.error().message;
    HF_TRY(store.SwitchControls({}, entry));
    return std::unexpected(safe.error());
  }
  HF_TRY(store.SwitchControls(order.changes, entry));
  const std::lock_guard lock(mutex_);
  for (const ControlChange& change : order.changes) {
    switched_[change.name] = change.on;
    // A load may have taken it out meanwhile.
    if (const auto known = states_.find(change.name); known != states_.end()) {
      known->second = change.on;
    }
  }
  return states_;
}

ControlStates RoutingControls::states() const {
  const std::lock_guard lock(mutex_);
  return states_;
}

RecoveryConfig RoutingControls::config() const {
  const std::lock_guard lock(mutex_);
  return config_;
}

}  // namespace holdfast::control

// Checkers in other processes as the control core has them: who they are by the configuration, who
// of them is there, and what is shown of it.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "control/admin/requests.h"
#include "control/core.h"
#include "control/telemetry/figures.h"
#include "health/link/hub.h"

namespace holdfast::control {

class RemoteCheckers {
 public:
  /// Listens from the next Tick on, when the node's file has [checkers]. @param core  outlives
  /// this.
  explicit RemoteCheckers(Core& core);

  // Control core, none of them waits for a checker:
  /// After each load that is served, and before checks begin.
  void Loaded();
  /// An address that cannot be had is tried again each second.
  void Tick();
  /// For `status`: {"listen", "problem", "refused", "list"}; null without [checkers].
  [[nodiscard]] Json StatusJson() const;
  /// What the views of `health show` say of the links of their checkers.
  void AddLinks(Json& views) const;

  /// Any thread.
  void Fill(NodeFigures& figures) const;

 private:
  void Listen();
  [[nodiscard]] std::shared_ptr<health::Hub> hub() const;

  Core& core_;
  const CheckersConfig door_;  // as started with: a reload cannot change where they connect
  std::vector<health::CheckerName> checkers_;
  std::vector<std::uint32_t> indices_;  // the monitor's, of checkers_
  bool local_ = true;
  std::string problem_;  // why nobody can connect
  std::chrono::steady_clock::time_point try_again_;
  mutable std::mutex mutex_;
  std::shared_ptr<health::Hub> hub_;  // guarded by mutex_
};

}  // namespace holdfast::control

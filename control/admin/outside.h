// The node as the world beside DNS meets it: metrics to be scraped, alarms that metric checks go
// by, webhooks that are told, checkers in other processes. Owns the threads that talk to them; the
// control core hands copies over and waits for none of them.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "control/admin/remote_checkers.h"
#include "control/admin/requests.h"
#include "control/alarms/heartbeats.h"
#include "control/alarms/sources.h"
#include "control/core.h"
#include "control/http/client.h"
#include "control/http/listener.h"
#include "control/notify/webhooks.h"
#include "control/telemetry/figures.h"

namespace holdfast::control {

class Outside {
 public:
  /// Starts the threads; before the control core's is pinned, so that they run elsewhere. A
  /// listener whose address cannot be had yet is tried again at each tick: failover does not wait
  /// for it.
  /// @param core  outlives this. @return kExhausted when there are no threads to be had.
  static Result<std::unique_ptr<Outside>> Start(Core& core,
                                                const Instruments& instruments,
                                                std::int64_t started_ms);
  ~Outside();
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;

  // Control core, none of them waits:
  /// After each load that is served.
  void Loaded();
  /// After transitions may have been published.
  void TellTransitions();
  void Tick();
  /// For `status`: {"listen", "problem"} and a list of targets.
  [[nodiscard]] Json HttpJson() const;
  [[nodiscard]] Json WebhooksJson() const;
  /// Whether many checks change at a time (MassGate).
  [[nodiscard]] bool mass() const noexcept { return webhooks_->mass(); }
  [[nodiscard]] const RemoteCheckers& checkers() const noexcept { return checkers_; }

 private:
  Outside(Core& core, const Instruments& instruments, std::int64_t started_ms);
  void Listen();
  void TellQuorum();
  std::vector<HttpRoute> Routes();

  // On the listener's thread:
  NodeFigures Figures();
  HttpReply Metrics();

  Core& core_;
  const Instruments& instruments_;
  const HttpConfig http_;  // as started with; a reload cannot change it
  const std::string node_id_;
  const std::string run_dir_;

  using Names = std::unordered_map<std::string, std::string>;
  /// The one thing that the control core's thread and the listener's share.
  struct Shared {
    CoreFigures core;
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Names> names;
  };
  std::mutex mutex_;
  Shared shared_;  // guarded by mutex_

  // Control core:
  std::uint64_t summed_ = 0;  // transitions of which the last summary is
  CoreFigures figures_;
  std::string problem_;  // why there is no listener
  std::chrono::steady_clock::time_point try_again_;
  std::chrono::steady_clock::time_point quorum_at_;  // when to tell of it next

  // Listener's thread:
  std::shared_ptr<const std::string> page_;
  std::chrono::steady_clock::time_point page_until_;
  std::weak_ptr<const Model> counted_;  // of which the next is
  std::uint64_t missing_checks_ = 0;

  // The order matters at the end: who calls goes before what is called.
  RemoteCheckers checkers_;
  std::unique_ptr<AlarmSources> alarms_;
  std::unique_ptr<Heartbeats> heartbeats_;
  std::unique_ptr<Webhooks> webhooks_;
  std::unique_ptr<HttpClient> client_;
  std::unique_ptr<HttpListener> listener_;
};

}  // namespace holdfast::control

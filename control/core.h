// The control core: holds the model, the compiled rules, the publisher and the health monitor, and
// turns transitions and loads into publishes. One thread (the control core's) calls everything here
// but what says otherwise; slow work (reading, compiling, the disk) is prepared on worker threads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/compile/compile.h"
#include "control/config/node.h"
#include "control/last_resort.h"
#include "control/model/store.h"
#include "control/prepare.h"
#include "control/publish/publisher.h"
#include "control/publish_times.h"
#include "control/recovery/routing_controls.h"
#include "control/scrub.h"
#include "health/monitor.h"

namespace holdfast::control {

/// What Store::KeepParsed is to be called with.
struct UnsavedLoad {
  std::vector<ParsedZone> parsed;
  std::vector<std::string> origins;  // of all zones of the configuration
  std::vector<std::string> checks;   // ids of all checks
};

class Core {
 public:
  /// Everything up to the first publish: store, tables (adopted or new), checks with their stored
  /// states, zones. Health checking begins with StartChecks.
  /// @return kInvalid for files that are wrong, kConflict when another control is there.
  static Result<std::unique_ptr<Core>> Open(const std::string& node_path);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status StartChecks() { return monitor_->Start(); }

  /// Readable while transitions wait: call OnTransitions then.
  [[nodiscard]] int transition_fd() noexcept { return monitor_->queue().fd(); }
  /// Drains the queue, recompiles the touched pools, publishes once. @return why it could not be
  /// published yet, now or before: the next Tick tries again.
  Status OnTransitions();
  /// A few times a second: what no reader holds is freed, what found no room is tried again.
  void Tick();

  /// Serves what was prepared: zones, pools and checks in one publish. On an error the old
  /// generation goes on and nothing changed.
  Result<Committed> Apply(Prepared prepared);
  /// The same into a new image, for tables that the scrub found damaged: everything is put again,
  /// then all readers are led there. On an error the damaged ones go on.
  Result<Committed> BuildAnew(Prepared prepared);
  /// A step of the background check, if there is one, or what the publisher came across meanwhile.
  /// @return true when there is damage, which is logged: the tables
  /// are to be built anew then (PrepareAgain, BuildAnew).
  bool ScrubStep();
  /// Why what ScrubStep asked for was not done; nothing is checked until it was, or this is said.
  void NotBuiltAnew(const Error& why);
  Status SetOverride(const std::string& check, health::Order ordered) {
    return monitor_->SetOverride(check, ordered);
  }

  /// Check states that changed since the last call, for the store.
  std::vector<StoredCheck> TakeUnsaved();
  /// Those of them that the store did not take: the next call has them again, as they are by then.
  void NotSaved(std::vector<StoredCheck> checks);
  /// Transitions that were taken since the last call, for whoever tells others of them.
  std::vector<health::Transition> TakeTold() { return std::exchange(told_, {}); }
  [[nodiscard]] LastResort& last_resort() noexcept { return last_resort_; }
  /// What the last Apply parsed, for the store, where it spares the next start the parsing.
  UnsavedLoad TakeUnsavedLoad() { return std::exchange(unsaved_load_, {}); }

  [[nodiscard]] const NodeConfig& node() const noexcept { return node_; }
  [[nodiscard]] std::shared_ptr<const Model> model() const noexcept { return model_; }
  [[nodiscard]] std::vector<CompiledHealth> Health() const;
  /// Empty, or why the newest transitions are not among the answers yet.
  [[nodiscard]] const std::string& behind() const noexcept { return behind_; }
  [[nodiscard]] const std::vector<ZoneInfo>& zones() const noexcept { return zones_; }
  /// A sentence each.
  [[nodiscard]] std::vector<std::string> warnings() const { return warnings_.Lines(*model_); }
  /// All that a change of a part of it begins with.
  [[nodiscard]] Served served() const { return {node_, model_, warnings_, zones_, Health()}; }
  [[nodiscard]] const Scrub& scrub() const noexcept { return scrub_; }
  [[nodiscard]] const PublishTimes& publish_times() const noexcept { return publish_times_; }
  [[nodiscard]] Publisher& publisher() noexcept { return *publisher_; }
  [[nodiscard]] health::Monitor& monitor() noexcept { return *monitor_; }
  /// Any thread.
  [[nodiscard]] Store& store() noexcept { return *store_; }
  [[nodiscard]] RoutingControls& routing_controls() noexcept { return routing_controls_; }
  /// Checks follow what was switched; what comes of it waits for OnTransitions.
  void FollowRoutingControls();

 private:
  Core() = default;
  Status OpenTables();
  Status RestoreChecks(const std::vector<health::CheckConfig>& checks);
  Status Put(const Prepared& prepared);
  Status PutTwice(const Prepared& prepared);
  /// @param put  puts everything, or takes all of it back.
  Result<Committed> ApplyBy(Prepared& prepared, const std::function<Status()>& put);
  void Remember(const Prepared& prepared);
  void Saved(const health::Transition& transition);
  using Decide = std::function<Status(const TakePools&)>;
  Result<Committed> Publish(const Decide& decide, std::span<const CompiledHealth> changed);

  NodeConfig node_;
  std::shared_ptr<const Model> model_;
  std::vector<ZoneInfo> zones_;
  Warnings warnings_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<health::Monitor> monitor_;
  std::unique_ptr<Evaluation> evaluation_;
  RoutingControls routing_controls_;
  std::unordered_map<std::string, StoredCheck> unsaved_;
  PublishTimes publish_times_;
  Scrub scrub_;
  UnsavedLoad unsaved_load_;
  std::vector<health::Transition> told_;
  LastResort last_resort_;
  std::string cookie_secret_;  // for a node file that names none
  std::string behind_;  // why something found no room: all pools are put again at the next Tick
};

/// Status of every check as records see it, in the form a generation is compiled from.
std::vector<CompiledHealth> HealthOf(const std::vector<health::CheckStatus>& statuses);

}  // namespace holdfast::control

// What all loads have in common: they are prepared on a worker, applied on the loop, and done when
// every reader has passed them. Called on the worker for loads, which does one after the other.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/admin/loop.h"
#include "control/admin/requests.h"
#include "control/core.h"

namespace holdfast::control {

class Loads {
 public:
  /// @param applied  called on the loop after each load that is served.
  Loads(Core& core, Loop& loop, std::function<void()> applied)
      : core_(core), loop_(loop), applied_(std::move(applied)) {}

  [[nodiscard]] NodeConfig node() {
    return loop_.Run([this] { return core_.node(); });
  }
  [[nodiscard]] std::shared_ptr<const Model> model() {
    return loop_.Run([this] { return core_.model(); });
  }
  [[nodiscard]] Store& store() noexcept { return core_.store(); }

  /// Reads, judges and compiles a node's files and its store, of which no traffic policy instance
  /// that is served is left out (KeepsInstances).
  /// @param zones  what the store's Zones() are to become; nothing: what they are.
  Result<Prepared> Prepare(const NodeConfig& node,
                           std::optional<std::vector<StoredZone>> zones = std::nullopt);
  /// What is served with one traffic policy instance changed; see control::PrepareInstance.
  Result<Prepared> PrepareInstance(const std::string& id, const TrafficTree* tree);

  /// Serves it, and waits until every reader has passed the generation, so that "done" means done
  /// on every core. @return the reply.
  Json Publish(Prepared prepared);

  /// Durable first, then published: what was acknowledged is there after any crash. When the tables
  /// refuse it, the store is put back.
  Json PublishStored(Prepared prepared,
                     const std::function<Status()>& save,
                     const std::function<Status()>& put_back);

 private:
  Result<Committed> Apply(Prepared prepared);
  Json Published(const Committed& committed, const std::vector<std::string>& warnings);

  Core& core_;
  Loop& loop_;
  std::function<void()> applied_;
};

}  // namespace holdfast::control

#include "control/admin/loads.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <spdlog/spdlog.h>
#include <thread>
#include <utility>

#include "control/model/serial_rules.h"
#include "control/traffic/trees.h"

namespace holdfast::control {
namespace {

constexpr auto kReadersWait = std::chrono::seconds(2);

}  // namespace

Result<Prepared> Loads::Prepare(const NodeConfig& node,
                                std::optional<std::vector<StoredZone>> zones) {
  if (!zones) {
    auto stored = store().Zones();
    if (!stored) {
      return std::unexpected(stored.error());
    }
    zones = std::move(*stored);
  }
  const Served served = loop_.Run([this] { return core_.served(); });
  auto trees = TreesOf(store(), *served.model);
  if (!trees) {
    return std::unexpected(trees.error());
  }
  auto prepared = control::Prepare(node, store(), *zones, std::move(*trees), served.health);
  if (prepared) {
    HF_TRY(KeepsInstances(*served.model, *prepared->model, *zones));
    std::ranges::move(StaleSerials(*served.model, *prepared->model),
                      std::back_inserter(prepared->warnings.node));
  }
  return prepared;
}

Result<Prepared> Loads::PrepareInstance(const std::string& id, const TrafficTree* tree) {
  return control::PrepareInstance(loop_.Run([this] { return core_.served(); }), id, tree);
}

Result<Committed> Loads::Apply(Prepared prepared) {
  return loop_.Run([this, p = std::make_shared<Prepared>(std::move(prepared))] {
    auto committed = core_.Apply(std::move(*p));
    if (committed) {
      applied_();
    }
    return committed;
  });
}

Json Loads::Publish(Prepared prepared) {
  const auto warnings = prepared.warnings.Lines(*prepared.model);
  const auto committed = Apply(std::move(prepared));
  return committed ? Published(*committed, warnings) : Failure(committed.error());
}

Json Loads::PublishStored(Prepared prepared,
                          const std::function<Status()>& save,
                          const std::function<Status()>& put_back) {
  if (const auto saved = save(); !saved) {
    return Failure(saved.error());
  }
  Json reply = Publish(std::move(prepared));
  if (reply["ok"] == false) {
    if (const auto restored = put_back(); !restored) {
      spdlog::error("the store keeps what the tables refused: {}", restored.error().message);
    }
  }
  return reply;
}

Json Loads::Published(const Committed& committed, const std::vector<std::string>& warnings) {
  std::string laggard;
  const auto deadline = std::chrono::steady_clock::now() + kReadersWait;
  bool passed = false;
  while (!passed && std::chrono::steady_clock::now() < deadline) {
    passed = loop_.Run([&] { return core_.publisher().Passed(committed.generation, &laggard); });
    if (!passed) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  Json result{{"generation", committed.generation.value()},
              {"changed", committed.changed},
              {"passed_by_all_readers", passed},
              {"warnings", warnings}};
  if (!passed) {
    result["waiting_for"] = laggard;
  }
  return Success(std::move(result));
}

}  // namespace holdfast::control

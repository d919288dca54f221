// What the control core does with what it is handed: a load becomes model, rules and a publish, a
// transition a publish of the pools that hang on it. Called by the loop in admin/server.cc, on the
// control core; what prepares a load runs on its workers. See core.h.
#include "control/core.h"

#include <algorithm>
#include <chrono>
#include <spdlog/spdlog.h>
#include <string_view>
#include <thread>
#include <unordered_set>

#include "control/cookie_secret.h"
#include "control/model/text.h"
#include "control/place.h"
#include "control/reply_settings.h"
#include "control/traffic/trees.h"
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/descriptors.h"
#include "dataplane/wire/name.h"
#include "health/checker/descriptors.h"

namespace holdfast::control {
namespace {

// How long full tables wait for the readers before a load is refused.
constexpr int kPassTries = 20;
constexpr auto kPassPause = std::chrono::milliseconds(1);

double Microseconds(std::uint64_t from_ns, std::uint64_t to_ns) {
  return to_ns > from_ns ? static_cast<double>(to_ns - from_ns) / 1000.0 : 0.0;
}

CompiledHealth HealthOf(const health::Transition& transition) {
  return {transition.check_id,
          static_cast<std::uint8_t>(transition.raw),
          transition.healthy,
          static_cast<std::uint8_t>(transition.ordered.to),
          transition.since_ms,
          transition.ordered.until_ms};
}

// " until 2026-11-22T14:03:07.123Z"; empty for an order without an end.
std::string UntilText(const health::Order& ordered) {
  return ordered.until_ms == 0 ? std::string() : " until " + TimeText(ordered.until_ms);
}

// Probes without a descriptor end as unknown: no false verdict, but none at all either.
std::string LackOfDescriptors(const Model& model, const health::CheckerOptions& checker) {
  std::size_t probed = 0;
  bool exec = false;
  for (const health::CheckConfig& check : model.checks) {
    probed += !check.disabled && !health::IsDerived(check.type) ? 1 : 0;
    exec = exec || (!check.disabled && check.type == health::CheckType::kExec);
  }
  return health::LackOfDescriptors(
      std::min(checker.max_in_flight, probed), exec, DescriptorLimit());
}

}  // namespace

std::vector<CompiledHealth> HealthOf(const std::vector<health::CheckStatus>& statuses) {
  std::vector<CompiledHealth> health;
  health.reserve(statuses.size());
  for (const health::CheckStatus& status : statuses) {
    health.push_back({status.id,
                      static_cast<std::uint8_t>(status.raw),
                      status.healthy,
                      static_cast<std::uint8_t>(status.ordered.to),
                      status.since_ms,
                      status.ordered.until_ms});
  }
  return health;
}

Result<std::unique_ptr<Core>> Core::Open(const std::string& node_path) {
  auto node = LoadNode(node_path);
  if (!node) {
    return std::unexpected(node.error());
  }
  std::unique_ptr<Core> core(new Core());
  core->node_ = std::move(*node);
  // The files first: a mistake in them must not leave a trace.
  auto checks = LoadChecks(core->node_);
  if (!checks) {
    return std::unexpected(checks.error());
  }
  HF_TRY(core->OpenTables());
  auto store = Store::Open(core->node_.state_dir + "/holdfast.db");
  if (!store) {
    return std::unexpected(store.error());
  }
  core->store_ = std::move(*store);
  auto secret = KeptCookieSecret(core->node_.state_dir + "/cookie_secret");
  if (!secret) {
    return std::unexpected(secret.error());
  }
  core->cookie_secret_ = std::move(*secret);
  health::MonitorOptions options;
  options.local = core->node_.health;
  options.local.targets = TargetsOf(core->node_);
  auto monitor = health::Monitor::Create(options);
  if (!monitor) {
    return std::unexpected(monitor.error());
  }
  core->monitor_ = std::move(*monitor);
  HF_TRY(core->routing_controls_.Restore(*core->store_));
  core->routing_controls_.Configure(core->node_.recovery);
  core->FollowRoutingControls();
  HF_TRY(core->monitor_->Configure(*checks));
  HF_TRY(core->RestoreChecks(*checks));
  auto stored = core->store_->Zones();
  if (!stored) {
    return std::unexpected(stored.error());
  }
  auto trees = TreesOf(*core->store_);
  if (!trees) {
    return std::unexpected(trees.error());
  }
  auto prepared = Prepare(core->node_, *core->store_, *stored, std::move(*trees), core->Health());
  if (!prepared) {
    return std::unexpected(prepared.error());
  }
  if (const auto applied = core->Apply(std::move(*prepared)); !applied) {
    return std::unexpected(applied.error());
  }
  HF_TRY(core->store_->SetBootId(CurrentBootId()));
  return core;
}

Core::~Core() {
  if (monitor_ != nullptr) {
    monitor_->Stop();
  }
}

Status Core::OpenTables() {
  std::vector<std::string> notes;
  PublisherOptions options;
  options.run_dir = node_.run_dir;
  options.image = PlaceOf(node_);
  options.choose_directory = [tables = node_.tables](std::vector<std::string>& said) {
    return ChooseDirectory(tables, said);
  };
  options.lies_as_wanted = [tables = node_.tables](const std::string& directory) {
    return LieAsWanted(tables, directory);
  };
  auto publisher = Publisher::Open(options, notes);
  for (const std::string& note : notes) {
    spdlog::info("{}", note);
  }
  if (!publisher) {
    return std::unexpected(publisher.error());
  }
  publisher_ = std::move(*publisher);
  return {};
}

// Within one boot the image knows best: it holds what the published answers were compiled from.
// After a boot it is gone and the store knows.
Status Core::RestoreChecks(const std::vector<health::CheckConfig>& checks) {
  auto stored = store_->Checks();
  if (!stored) {
    return std::unexpected(stored.error());
  }
  const auto boot = store_->BootId();
  if (publisher_->adopted() && boot && *boot == CurrentBootId()) {
    stored->clear();
    for (const CompiledHealth& health : publisher_->Health()) {
      stored->push_back({health.id,
                         static_cast<health::State>(health.raw),
                         {static_cast<health::Override>(health.manual), health.manual_until_ms},
                         health.since_ms,
                         {}});
    }
  }
  const auto counted = store_->Counters();
  if (!counted) {
    return std::unexpected(counted.error());
  }
  std::unordered_set<std::string_view> known;
  for (const health::CheckConfig& check : checks) {
    known.insert(check.id);
  }
  for (const StoredCheck& check : *stored) {
    if (!known.contains(check.id)) {
      continue;  // of a configuration before
    }
    const auto counters = std::ranges::lower_bound(*counted, check.id, {}, &StoredCounters::id);
    const bool has_counters = counters != counted->end() && counters->id == check.id;
    HF_TRY(monitor_->Restore(check.id,
                             check.raw,
                             check.ordered,
                             check.since_ms,
                             has_counters ? counters->counters : health::Counters{}));
  }
  return {};
}

std::vector<CompiledHealth> Core::Health() const {
  return HealthOf(monitor_->Statuses());
}

// ---- loads --------------------------------------------------------------------------------------

Status Core::Put(const Prepared& prepared) {
  HF_TRY(publisher_->PutPools(prepared.compiled.pools));
  HF_TRY(publisher_->PutZones(prepared.compiled.zones));
  std::unordered_set<std::string_view> wanted;
  for (const CompiledZone& zone : prepared.compiled.zones) {
    wanted.insert(zone.origin);
  }
  for (const std::string& origin : publisher_->Origins()) {
    if (!wanted.contains(origin)) {
      HF_TRY(publisher_->DropZone(origin));
    }
  }
  const auto health = prepared.compiled.evaluation->health();
  HF_TRY(publisher_->PutHealth({health.begin(), health.end()}));
  return publisher_->PutSettings(SettingsOf(prepared.node, cookie_secret_));
}

// What was replaced lately, or by a control before, waits for a generation that every reader has
// passed; the one that Abort publishes makes it free. So full tables are asked a second time.
Status Core::PutTwice(const Prepared& prepared) {
  const auto try_put = [&]() -> Status {
    HF_TRY(Put(prepared));
    // What was served before is served again where it is, however little room is left.
    return model_ == nullptr && !publisher_->moving() ? Status{} : publisher_->LeavesRoom();
  };
  auto put = try_put();
  if (!put && put.error().code == ErrorCode::kExhausted && !publisher_->moving()) {
    publisher_->Abort();
    for (int i = 0; i < kPassTries && !publisher_->Passed(publisher_->generation()); ++i) {
      std::this_thread::sleep_for(kPassPause);
    }
    publisher_->Reclaim();
    put = try_put();
  }
  if (!put) {
    publisher_->Abort();
  }
  return put;
}

Result<Committed> Core::Apply(Prepared prepared) {
  const auto put = [&] { return PutTwice(prepared); };
  const bool moving = publisher_->moving();
  auto applied = ApplyBy(prepared, put);
  if (!applied && moving && !publisher_->moving()) {
    // What the new tables do not hold, or not every reader finds, the old ones serve on.
    spdlog::warn("{}", publisher_->StayText(applied.error()));
    applied = ApplyBy(prepared, put);
  }
  return applied;
}

Result<Committed> Core::BuildAnew(Prepared prepared) {
  auto built = ApplyBy(prepared, [&]() -> Status {
    std::vector<std::string> notes;
    const Status started = publisher_->StartAnew(notes);
    for (const std::string& note : notes) {
      spdlog::info("{}", note);
    }
    HF_TRY(started);
    auto put = Put(prepared);
    if (!put) {
      publisher_->Abort();
    }
    return put;
  });
  if (!built) {
    NotBuiltAnew(built.error());
    return built;
  }
  scrub_.Rebuilt({}, Scrub::Time(MonotonicNs()));
  return built;
}

bool Core::ScrubStep() {
  const Scrub::Time now(MonotonicNs());
  std::optional<Scrub::Found> found;
  if (const auto& damaged = publisher_->damaged()) {
    found = scrub_.Take(publisher_->view(), *damaged, now);
  } else if (node_.tables.scrub_seconds != 0) {
    found = scrub_.Step(publisher_->view(),
                        publisher_->generation(),
                        std::chrono::seconds(node_.tables.scrub_seconds),
                        now);
  }
  if (found) {
    spdlog::error("scrub: {} is damaged at generation {}: {}; the tables are built anew",
                  publisher_->image_path(),
                  publisher_->generation().value(),
                  found->text);
  }
  return found.has_value();
}

void Core::NotBuiltAnew(const Error& why) {
  spdlog::error("the damaged tables stay: {}", why.message);
  scrub_.Rebuilt(std::unexpected(why), Scrub::Time(MonotonicNs()));
}

Result<Committed> Core::ApplyBy(Prepared& prepared, const std::function<Status()>& put) {
  Evaluation* evaluation = prepared.compiled.evaluation.get();
  HF_CHECK(evaluation != nullptr);
  // Checks first: a new one has a defined state before a record asks for it.
  const auto before = model_;
  routing_controls_.Configure(prepared.node.recovery);
  FollowRoutingControls();
  HF_TRY(monitor_->Configure(prepared.model->checks));
  const auto current = Health();
  evaluation->TakeOver(current);
  prepared.compiled.pools = evaluation->CompileAll();
  if (const auto done = put(); !done) {
    if (before != nullptr) {
      routing_controls_.Configure(node_.recovery);
      FollowRoutingControls();
      (void)monitor_->Configure(before->checks);  // was accepted before
    }
    return std::unexpected(done.error());
  }
  auto committed = publisher_->Commit();
  if (!committed) {
    publisher_->Abort();
    return committed;
  }
  if (!committed->laggard.empty()) {
    spdlog::warn("the tables are {}: {}", publisher_->image_path(), committed->laggard);
  }
  Remember(prepared);
  last_resort_.Load(prepared.compiled.zones,
                    prepared.compiled.pools,
                    std::ranges::any_of(node_.webhooks, &WebhookConfig::last_resort));
  unsaved_load_ = {std::move(prepared.parsed), {}, {}};
  std::ranges::transform(
      node_.zones, std::back_inserter(unsaved_load_.origins), &ZoneConfig::origin);
  std::ranges::transform(
      model_->checks, std::back_inserter(unsaved_load_.checks), &health::CheckConfig::id);
  for (const std::string& warning : warnings()) {
    spdlog::warn("{}", warning);
  }
  if (const std::string lack = LackOfDescriptors(*model_, node_.health); !lack.empty()) {
    spdlog::warn("{}", lack);
  }
  spdlog::info("serving generation {}: {} zones, {} names, {} pools{}",
               committed->generation.value(),
               zones_.size(),
               publisher_->Use().names,
               publisher_->Use().pools,
               committed->changed ? "" : " (nothing changed, nothing published)");
  evaluation_ = std::move(prepared.compiled.evaluation);
  return committed;
}

void Core::Remember(const Prepared& prepared) {
  node_ = prepared.node;
  model_ = prepared.model;
  warnings_ = prepared.warnings;
  zones_.clear();
  for (const CompiledZone& zone : prepared.compiled.zones) {
    const auto& written = *std::ranges::find(model_->zones, zone.origin, &Zone::origin);
    zones_.push_back({wire::ToText(zone.origin),
                      written.id,
                      written.source.Text(),
                      written.stored,
                      zone.serial,
                      zone.names.size(),
                      zone.loaded_ms});
  }
}

// ---- transitions --------------------------------------------------------------------------------

Result<Committed> Core::Publish(const Decide& decide, std::span<const CompiledHealth> changed) {
  auto put = decide([this](std::span<const CompiledPool> pools) {
    last_resort_.Note(pools);
    return publisher_->PutPools(pools);
  });
  if (put) {
    put = publisher_->PutHealthOf(changed);
  }
  auto committed = put ? publisher_->Commit() : std::unexpected(put.error());
  if (committed) {
    last_resort_.Settle();
  } else {
    publisher_->Abort();
    last_resort_.Forget();
  }
  return committed;
}

Status Core::OnTransitions() {
  std::vector<health::Transition> transitions = monitor_->queue().Drain();
  if (transitions.empty()) {
    return behind_.empty() ? Status{} : Fail(ErrorCode::kExhausted, behind_);
  }
  std::vector<CompiledHealth> changed;
  changed.reserve(transitions.size());
  const auto keep_for_others = [&] {
    for (health::Transition& transition : transitions) {
      if (transition.ordered.to != health::Override::kAuto) {
        transition.reason.insert(0, "set by command" + UntilText(transition.ordered) + "; ");
      }
      told_.push_back(std::move(transition));
    }
  };
  for (const health::Transition& transition : transitions) {
    changed.push_back(HealthOf(transition));
    Saved(transition);
  }
  std::size_t pools = 0;
  const auto committed = Publish(
      [&](const TakePools& take) {
        return evaluation_->Recompile(changed, [&](std::span<const CompiledPool> decided) {
          pools += decided.size();
          return take(decided);
        });
      },
      changed);
  if (!committed) {
    behind_ = committed.error().message;
    spdlog::error("transitions wait: {}", behind_);
    keep_for_others();
    return std::unexpected(committed.error());
  }
  const std::uint64_t now_ns = MonotonicNs();
  const std::uint64_t now_tsc = Tsc();
  for (const health::Transition& transition : transitions) {
    const std::uint64_t waited =
        committed->changed ? committed->published_tsc - transition.enqueued_tsc : 0;
    if (committed->changed) {
      publish_times_.Add(static_cast<double>(waited) / static_cast<double>(TscPerMicrosecond()));
    }
    spdlog::info(
        "transition {} {} override={}{} generation={} pools={} observed_ns={} "
        "observed_to_published_us={:.1f} "
        "enqueued_to_published_cycles={} published_ns={} reason=\"{}\"",
        transition.check_id,
        transition.healthy ? "healthy" : "unhealthy",
        health::OverrideText(transition.ordered.to),
        UntilText(transition.ordered),
        committed->generation.value(),
        pools,
        transition.observed_ns,
        Microseconds(transition.observed_ns, now_ns),
        waited,
        now_ns - ((now_tsc - (committed->changed ? committed->published_tsc : now_tsc)) * 1000 /
                  TscPerMicrosecond()),
        transition.reason);
  }
  keep_for_others();
  return {};
}

void Core::Saved(const health::Transition& transition) {
  unsaved_[transition.check_id] = {transition.check_id,
                                   transition.raw,
                                   transition.ordered,
                                   transition.since_ms,
                                   transition.reason};
}

std::vector<StoredCheck> Core::TakeUnsaved() {
  std::vector<StoredCheck> checks;
  checks.reserve(unsaved_.size());
  for (auto& [id, check] : unsaved_) {
    checks.push_back(std::move(check));
  }
  unsaved_.clear();
  return checks;
}

void Core::NotSaved(std::vector<StoredCheck> checks) {
  for (StoredCheck& check : checks) {
    if (monitor_->StatusOf(check.id)) {  // else it is gone, and its row shall not come back
      unsaved_.try_emplace(check.id, std::move(check));
    }
  }
}

void Core::FollowRoutingControls() {
  const ControlStates states = routing_controls_.states();
  monitor_->SetRoutingControls({states.begin(), states.end()});
}

void Core::Tick() {
  if (const auto ended = monitor_->Tick(MonotonicNs()); !ended) {
    spdlog::warn("health checkers that are taken off a check go on: {}", ended.error().message);
  }
  publisher_->Beat();
  publisher_->Reclaim();
  if (behind_.empty()) {
    return;
  }
  const auto health = evaluation_->health();
  const auto committed =
      Publish([this](const TakePools& take) { return take(evaluation_->CompileAll()); }, health);
  if (committed) {
    behind_.clear();
    spdlog::info("caught up at generation {}", committed->generation.value());
  }
}

}  // namespace holdfast::control

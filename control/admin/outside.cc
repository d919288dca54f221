#include "control/admin/outside.h"

#include <algorithm>
#include <array>
#include <map>
#include <spdlog/spdlog.h>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "control/telemetry/exposition.h"
#include "dataplane/base/clock.h"
#include "dataplane/table/readers.h"

namespace holdfast::control {
namespace {

using Clock = std::chrono::steady_clock;

// A page is as old as this at most, or ten times as old as its making took: a storm of scrapes
// takes no more than a tenth of one core, and of the monitor's lock.
constexpr auto kPageAge = std::chrono::milliseconds(100);
constexpr int kPageShare = 10;
constexpr auto kListenPause = std::chrono::seconds(1);
// Checks that lose their quorum together are one event: reports of a checker that went away grow
// too old one after the other.
constexpr auto kQuorumPause = std::chrono::seconds(5);

std::vector<RoleFigures> RolesOf(const std::string& run_dir, const CounterNames& names) {
  std::map<std::string, RoleFigures> roles;
  for (const table::ReaderInfo& reader : table::ListReaders(run_dir)) {
    RoleFigures& role = roles[reader.role];
    if (role.readers++ == 0) {
      role.role = reader.role;
      for (unsigned c = 0; c < table::kCounters; ++c) {
        role.counters.emplace_back(names(reader.role, c), 0);
      }
    }
    for (const auto& thread : reader.counters) {
      for (unsigned c = 0; c < table::kCounters; ++c) {
        role.counters[c].second += thread[c];
      }
    }
  }
  std::vector<RoleFigures> listed;
  for (auto& [name, role] : roles) {
    std::erase_if(role.counters, [](const auto& counter) { return counter.first.empty(); });
    listed.push_back(std::move(role));
  }
  return listed;
}

HistogramFigures FiguresOf(const health::LatencyHistogram& histogram) {
  HistogramFigures figures{
      .buckets = {}, .count = histogram.count(), .sum = histogram.sum_seconds()};
  std::uint64_t up_to = 0;
  for (std::size_t n = 0; n < health::LatencyHistogram::kBounds.size(); ++n) {
    up_to += histogram.buckets()[n];
    figures.buckets.emplace_back(health::LatencyHistogram::kBounds[n], up_to);
  }
  return figures;
}

CheckFigures FiguresOf(const health::CheckStatus& status) {
  CheckFigures figures{.id = status.id,
                       .type = health::CheckTypeText(status.type),
                       .healthy = status.healthy,
                       .changes = status.changes,
                       .probed = !health::IsDerived(status.type),
                       .passes = status.counters.passes,
                       .failures = status.counters.failures,
                       .unknowns = status.counters.unknowns};
  if (const auto& tally = status.tally; tally.reporting != 0 && !status.disabled) {
    figures.percentage_healthy = 100 * tally.healthy / tally.reporting;
  }
  if (status.type == health::CheckType::kCalculated) {
    figures.children_healthy = status.children_healthy;
  }
  if (status.tally.assigned != 0) {
    figures.has_quorum = status.has_quorum;
  }
  // A report of what nobody reports on would only grow older, however good the check is.
  const bool follows = status.type == health::CheckType::kCalculated ||
                       status.type == health::CheckType::kRecoveryControl;
  if (status.age_ms && !status.disabled && !follows) {
    figures.report_age_s = static_cast<double>(*status.age_ms) / 1000;
  }
  for (const health::CheckerLatencies& one : status.latencies) {
    figures.latencies.push_back({.checker = one.checker.name,
                                 .region = one.checker.region,
                                 .connect = FiguresOf(one.latencies.connect),
                                 .tls = FiguresOf(one.latencies.tls_handshake),
                                 .first_byte = FiguresOf(one.latencies.first_byte)});
  }
  return figures;
}

ResolverFigures FiguresOf(const health::NameCounters& names) {
  using enum health::NameCount;
  return {.queries = names.of(kQueries),
          .answers = names.of(kAnswers),
          .failures = {{"timeout", names.of(kTimeout)},
                       {"nxdomain", names.of(kNxdomain)},
                       {"no_address", names.of(kNoAddress)},
                       {"servfail", names.of(kServfail)},
                       {"malformed", names.of(kMalformed)},
                       {"target_refused", names.of(kTargetRefused)}},
          .cache_hits = names.of(kCacheHits),
          .last_good = names.of(kLastGood),
          .names = names.names()};
}

std::uint64_t RecordsWithoutTheirCheck(const Model& model) {
  std::unordered_set<std::string_view> known;
  for (const health::CheckConfig& check : model.checks) {
    known.insert(check.id);
  }
  std::uint64_t count = 0;
  for (const Zone& zone : model.zones) {
    count += static_cast<std::uint64_t>(
        std::ranges::count_if(zone.record_sets, [&known](const RecordSet& record) {
          return !record.health_check_id.empty() && !known.contains(record.health_check_id);
        }));
  }
  return count;
}

Event EventOf(const LastResortChange& change) {
  constexpr std::array kStates{"normal", "last_resort"};
  std::string reason =
      change.fires ? "nothing that could be answered is healthy: all is answered as if it were"
                   : "something that can be answered is healthy again";
  if (change.others != 0) {
    reason += "; " + std::to_string(change.others) + " more names and types share this rule";
  }
  return {.kind = Event::Kind::kLastResort,
          .id = change.name + " " + change.type,
          .name = "",
          .type = change.type,
          .was = kStates[change.fires ? 0 : 1],
          .is = kStates[change.fires ? 1 : 0],
          .reason = std::move(reason),
          .time_ms = WallMs()};
}

// One for all of `checks`, named by the first. @param checks  not empty.
Event QuorumEvent(const std::vector<std::string>& checks, bool lost, const Model& model) {
  constexpr std::array kStates{"quorum", "quorum_lost"};
  std::string reason = lost ? "too few health checkers report to decide: the last status stays"
                            : "enough health checkers report again";
  if (checks.size() > 1) {
    reason += "; " + std::to_string(checks.size() - 1) + " more checks";
  }
  const auto check = std::ranges::find(model.checks, checks.front(), &health::CheckConfig::id);
  return {.kind = Event::Kind::kQuorum,
          .id = checks.front(),
          .name = "",
          .type = check == model.checks.end() ? "" : health::CheckTypeText(check->type),
          .was = kStates[lost ? 0 : 1],
          .is = kStates[lost ? 1 : 0],
          .reason = std::move(reason),
          .time_ms = WallMs(),
          .checks = checks.size()};
}

std::string NameOf(const std::unordered_map<std::string, std::string>& names,
                   const std::string& id) {
  const auto named = names.find(id);
  return named == names.end() ? std::string() : named->second;
}

}  // namespace

Outside::Outside(Core& core, const Instruments& instruments, std::int64_t started_ms)
    : core_(core),
      instruments_(instruments),
      http_(core.node().http),
      node_id_(core.node().id),
      run_dir_(core.node().run_dir),
      checkers_(core) {
  (void)started_ms;
}
Outside::~Outside() = default;

Result<std::unique_ptr<Outside>> Outside::Start(Core& core,
                                                const Instruments& instruments,
                                                std::int64_t started_ms) {
  std::unique_ptr<Outside> outside(new Outside(core, instruments, started_ms));
  auto client = HttpClient::Create();
  if (!client) {
    return std::unexpected(client.error());
  }
  outside->client_ = std::move(*client);
  outside->alarms_ = std::make_unique<AlarmSources>(
      *outside->client_,
      [&monitor = core.monitor()](const auto& check, auto alarm, const auto& reason) {
        (void)monitor.ReportAlarm(
            check, alarm, reason);  // a check that is gone by now hears nothing
      });
  outside->heartbeats_ = std::make_unique<Heartbeats>(
      [&monitor = core.monitor()](const auto& check, bool pass, std::string reason) {
        return monitor.ReportHeartbeat(check, pass, std::move(reason));
      });
  outside->webhooks_ = std::make_unique<Webhooks>(
      *outside->client_, Sender{.node = core.node().id, .started_ms = started_ms});
  outside->Loaded();
  outside->Tick();
  return outside;
}

// ---- the control core's side --------------------------------------------------------------------

void Outside::Loaded() {
  checkers_.Loaded();
  const NodeConfig& node = core_.node();
  auto names = std::make_shared<Names>();
  for (const CheckOverlay& overlay : node.check_overlays) {
    if (!overlay.name.empty()) {
      names->emplace(overlay.id, overlay.name);
    }
  }
  for (const NativeCheck& native : node.native_checks) {
    if (!native.name.empty()) {
      names->emplace(native.check.id, native.name);
    }
  }
  alarms_->Configure(node.metrics, core_.model()->checks);
  heartbeats_->Configure(node.native_checks);
  std::vector<CheckWords> words;
  for (const health::CheckStatus& status : core_.monitor().Statuses()) {
    words.push_back({.id = status.id,
                     .name = NameOf(*names, status.id),
                     .type = health::CheckTypeText(status.type),
                     .healthy = status.healthy});
  }
  webhooks_->Configure(node.webhooks, std::move(words), node.mass_changes);
  TellTransitions();
  const std::lock_guard lock(mutex_);
  shared_.model = core_.model();
  shared_.names = std::move(names);
}

void Outside::TellTransitions() {
  webhooks_->SetAtLastResort(core_.last_resort().firing());
  if (auto told = core_.TakeTold(); !told.empty()) {
    webhooks_->Tell(std::move(told));
  }
  const auto [changes, lost] = core_.last_resort().TakeTold();
  if (changes.empty()) {
    return;
  }
  std::vector<Event> events;
  events.reserve(changes.size());
  for (const LastResortChange& change : changes) {
    events.push_back(EventOf(change));
  }
  webhooks_->Tell(std::move(events), Event::Kind::kLastResort, lost);
}

void Outside::TellQuorum() {
  if (Clock::now() < quorum_at_) {
    return;
  }
  quorum_at_ = Clock::now() + kQuorumPause;
  const auto [lost, regained] = core_.monitor().TakeQuorumChanges();
  std::vector<Event> events;
  for (const auto* checks : {&lost, &regained}) {
    if (!checks->empty()) {
      events.push_back(QuorumEvent(*checks, checks == &lost, *core_.model()));
      events.back().name = NameOf(*shared_.names, events.back().id);
      spdlog::warn("health check {}: {}", events.back().id, events.back().reason);
    }
  }
  if (!events.empty()) {
    webhooks_->Tell(std::move(events), Event::Kind::kQuorum, 0);
  }
}

void Outside::Tick() {
  TellTransitions();  // what a publish that was late has brought
  TellQuorum();
  checkers_.Tick();
  figures_.generation = core_.publisher().generation().value();
  figures_.behind = !core_.behind().empty();
  figures_.damage_found = core_.scrub().state().defects;
  if (const PublishTimes& times = core_.publish_times(); times.count() != summed_) {
    const PublishTimes::Summary us = times.Summarise();
    summed_ = figures_.published = times.count();
    figures_.last_publish_us = us.last;
    figures_.slowest_publish_us = us.most;
  }
  {
    const std::lock_guard lock(mutex_);
    shared_.core = figures_;
  }
  if (!http_.listen.empty() && listener_ == nullptr && Clock::now() >= try_again_) {
    Listen();
  }
}

void Outside::Listen() {
  try_again_ = Clock::now() + kListenPause;
  auto token = http_.token_file.empty() ? Result<std::string>() : ReadSecret(http_.token_file);
  auto listener = token ? HttpListener::Start(http_, std::move(*token), Routes())
                        : std::unexpected(token.error());
  if (listener) {
    listener_ = std::move(*listener);
    problem_.clear();
    core_.monitor().ListenForHeartbeats();
    for (const HttpAddress& at : http_.listen) {
      spdlog::info("http on {}", at.Text());
    }
  } else if (problem_ != listener.error().message) {
    problem_ = listener.error().message;
    spdlog::error("{}; tried again each second", problem_);
  }
}

Json Outside::HttpJson() const {
  Json listen = Json::array();
  for (const HttpAddress& at : http_.listen) {
    listen.push_back(at.Text());
  }
  return {{"listen", std::move(listen)}, {"problem", problem_.empty() ? Json() : Json(problem_)}};
}

Json Outside::WebhooksJson() const {
  Json list = Json::array();
  for (const WebhookFigures& one : webhooks_->Figures()) {
    list.push_back({{"target", one.target},
                    {"delivered", one.delivered},
                    {"failed_attempts", one.failed},
                    {"dropped", one.dropped},
                    {"waiting", one.waiting},
                    {"problem", one.problem.empty() ? Json() : Json(one.problem)}});
  }
  return list;
}

// ---- the listener's side ------------------------------------------------------------------------

std::vector<HttpRoute> Outside::Routes() {
  return {{.path = "/metrics",
           .handle = [this](std::string_view, const std::string&) { return Metrics(); }},
          {.method = HttpRoute::Method::kPost,
           .path = "/v1/alerts/",
           .guarded = true,
           .handle = [this](std::string_view alarm,
                            const std::string& body) { return alarms_->Receive(alarm, body); }},
          {.method = HttpRoute::Method::kPost,
           .path = "/heartbeat/",
           .permits = [this](std::string_view check,
                             std::string_view token) { return heartbeats_->Permits(check, token); },
           .body_octets = Heartbeats::kMaxBody,
           .handle =
               [this](std::string_view check, const std::string& body) {
                 return heartbeats_->Receive(check, body, Clock::now());
               }}};
}

HttpReply Outside::Metrics() {
  const auto began = Clock::now();
  if (page_ == nullptr || began >= page_until_) {
    page_ = std::make_shared<const std::string>(Exposition(Figures()));
    const auto now = Clock::now();
    page_until_ = now + std::max<Clock::duration>(kPageAge, kPageShare * (now - began));
  }
  return {.type = kExpositionType, .body = page_};
}

NodeFigures Outside::Figures() {
  const Shared shared = [this] {
    const std::lock_guard lock(mutex_);
    return shared_;
  }();
  NodeFigures figures{.node = node_id_,
                      .version = HF_VERSION,
                      .core = shared.core,
                      .mass = webhooks_->mass(),
                      .missing_checks = 0,
                      .checks = {},
                      .roles = RolesOf(run_dir_, instruments_.counter_names),
                      .webhooks = webhooks_->Figures(),
                      .dropped_with_removed = webhooks_->dropped_with_removed(),
                      .checkers = {},
                      .checkers_refused = {},
                      .resolver = FiguresOf(core_.monitor().names())};
  checkers_.Fill(figures);
  if (counted_.lock() != shared.model) {
    counted_ = shared.model;
    missing_checks_ = RecordsWithoutTheirCheck(*shared.model);
  }
  figures.missing_checks = missing_checks_;
  const auto statuses = core_.monitor().Statuses();
  figures.checks.reserve(statuses.size());
  for (const health::CheckStatus& status : statuses) {
    figures.checks.push_back(FiguresOf(status));
    figures.checks.back().name = NameOf(*shared.names, status.id);
  }
  return figures;
}

}  // namespace holdfast::control

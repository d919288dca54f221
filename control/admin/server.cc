// The loop, its timers, and the operations that go to a worker and come back. Called
// by holdfast-control's main; see server.h. One piece, for all of it is one state machine on one
// thread: what may begin depends on what is under way (a load, a rebuild, an end), and those flags
// stay private to one class this way.
#include "control/admin/server.h"

#include <boost/asio.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <spdlog/spdlog.h>
#include <stop_token>
#include <unistd.h>

#include "control/admin/counter_saver.h"
#include "control/admin/health_requests.h"
#include "control/admin/loads.h"
#include "control/admin/loop.h"
#include "control/admin/outside.h"
#include "control/admin/plan.h"
#include "control/admin/reload.h"
#include "control/admin/routing_requests.h"
#include "control/admin/socket.h"
#include "control/admin/traffic_requests.h"
#include "control/admin/zone_requests.h"
#include "dataplane/base/clock.h"

namespace holdfast::control {
namespace {

namespace asio = boost::asio;

constexpr auto kTick = std::chrono::milliseconds(50);
constexpr auto kScrubTick = std::chrono::milliseconds(10);
constexpr auto kCountersTick = std::chrono::seconds(10);

// In an ordered stop of the whole node the readers are gone before control is told.
std::string WhoAnswersOn(Core& core) {
  std::string who;
  for (const table::ReaderInfo& reader : table::ListReaders(core.node().run_dir)) {
    who += (who.empty() ? "" : ", ") + reader.role + " (pid " + std::to_string(reader.pid) + ")";
  }
  return who.empty() ? "no process answers from the tables any more"
                     : "answers go on from generation " +
                           std::to_string(core.publisher().generation().value()) + ": " + who;
}

// As it goes out. Made where the reply was: a worker's may be long, and the loop must not wait.
std::string LineOf(const Json& reply) {
  // What a name or a path holds need not be UTF-8: replaced rather than thrown at the client.
  return reply.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

class Server {
 public:
  Server(Core& core, std::string node_path, const Instruments& instruments)
      : core_(core),
        node_path_(std::move(node_path)),
        started_with_(core.node()),
        instruments_(instruments),
        started_ms_(WallMs()),
        loads_(core, loop_, [this] { Loaded(); }),
        transitions_(io_, dup(core.transition_fd())),
        tick_(io_),
        scrub_tick_(io_),
        counters_tick_(io_),
        signals_(io_, SIGTERM, SIGINT, SIGHUP),
        socket_(io_,
                core.node().run_dir + "/control.sock",
                [this](const std::string& line, const std::string& who, Reply reply) {
                  Answer(line, who, std::move(reply));
                }) {}
  ~Server() {
    ending_.request_stop();
    for (auto* worker : {&jobs_, &plans_, &explains_, &views_}) {
      worker->stop();  // what waits for its turn; a load under way is given up in Loop::Run
    }
    for (auto* worker : {&jobs_, &plans_, &explains_, &views_, &disk_}) {
      worker->join();
    }
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Status Run();

 private:
  using Reply = ControlSocket::Reply;
  using Saved = std::function<void(const Status& saved)>;

  void Pin();
  void WaitTransitions();
  void WaitTick();
  void WaitScrub();
  void WaitCounters();
  void WaitSignal();
  void Save();
  void ReplyWhenSaved(Json done, Reply reply);
  void SaveLoad();
  void Loaded();
  void Answer(const std::string& line, const std::string& who, Reply reply);
  void Dispatch(const Json& request, const std::string& who, Reply reply);
  void RoutingSet(const Json& request, const std::string& who, Reply reply);

  // Called on the worker for loads.
  Json Reload();
  void BuildAnew();
  template <class Work>
  void Load(Work work) {
    asio::post(jobs_, [work = std::move(work)] {
      try {
        work();
      } catch (const Loop::Ended&) {
        spdlog::info("a load was given up, the process ends");
      }
    });
  }
  /// What gives the reply, and takes it back to the loop.
  template <class Work>
  auto Replying(Work work, Reply reply) {
    return [this, work = std::move(work), reply = std::move(reply)] {
      asio::post(io_, [reply, line = LineOf(work())] { reply(line); });
    };
  }
  /// Runs `work` on the worker for loads, one after the other.
  template <class Work>
  void OnWorker(Work work, Reply reply) {
    Load(Replying(std::move(work), std::move(reply)));
  }
  void Explain(const Json& request, Reply reply);
  void Plan(const Json& request, Reply reply);

  Core& core_;
  std::string node_path_;
  NodeConfig started_with_;  // what a reload cannot change
  const Instruments& instruments_;
  std::int64_t started_ms_;
  Json last_reload_;
  bool saving_ = false;  // check states are on their way to the disk
  Loop loop_;
  asio::io_context& io_ = loop_.io();
  std::vector<Saved> wait_save_;  // to be told when the check states of now are stored, or why not
  Loads loads_;
  // A thread each, so that no load waits for a question, nor a quick one for a long one.
  asio::thread_pool jobs_{1};
  asio::thread_pool plans_{1};
  asio::thread_pool explains_{1};
  asio::thread_pool views_{1};
  asio::thread_pool disk_{1};
  std::stop_source ending_;
  KeptRows kept_rows_;     // explains_ alone
  CounterSaver counters_;  // disk_ alone
  asio::posix::stream_descriptor transitions_;
  asio::steady_timer tick_;
  asio::steady_timer scrub_tick_;
  asio::steady_timer counters_tick_;
  asio::signal_set signals_;
  ControlSocket socket_;
  std::unique_ptr<Outside> outside_;  // from Run on
};

// ---- the loop -----------------------------------------------------------------------------------

Status Server::Run() {
  HF_TRY(socket_.Listen());
  auto outside = Outside::Start(core_, instruments_, started_ms_);
  if (!outside) {
    return std::unexpected(outside.error());
  }
  outside_ = std::move(*outside);
  WaitTransitions();
  WaitTick();
  WaitScrub();
  WaitCounters();
  WaitSignal();
  socket_.Open();
  HF_TRY(core_.StartChecks());
  spdlog::info("ready, control socket {}", socket_.path());
  SaveLoad();
  Pin();
  io_.run();
  saving_ = false;  // nobody comes back to the loop any more; the disk's thread keeps the order
  Save();
  asio::post(disk_, [this] { counters_.Save(core_.monitor(), core_.store()); });
  return {};
}

// This thread alone: the others were started before and stay where the process may run.
void Server::Pin() {
  const auto core = core_.node().control_core;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (core) {
    CPU_SET(*core, &set);
  }
  if (core && sched_setaffinity(0, sizeof(set), &set) != 0) {
    spdlog::warn("cannot pin the control core to processor {}", *core);
  }
}

void Server::WaitTransitions() {
  transitions_.async_wait(asio::posix::stream_descriptor::wait_read,
                          [this](const boost::system::error_code& error) {
                            if (error) {
                              return;
                            }
                            (void)core_.OnTransitions();  // logged; the tick tries again
                            outside_->TellTransitions();
                            Save();
                            WaitTransitions();
                          });
}

void Server::WaitTick() {
  tick_.expires_after(kTick);
  tick_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {
      core_.Tick();
      outside_->Tick();
      WaitTick();
    }
  });
}

void Server::WaitScrub() {
  const bool wanted = core_.node().tables.scrub_seconds != 0;
  scrub_tick_.expires_after(wanted ? kScrubTick : std::chrono::milliseconds(1000));
  scrub_tick_.async_wait([this](const boost::system::error_code& error) {
    if (error) {
      return;
    }
    if (core_.ScrubStep()) {
      Load([this] { BuildAnew(); });
    }
    WaitScrub();
  });
}

void Server::WaitCounters() {
  counters_tick_.expires_after(kCountersTick);
  counters_tick_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {
      Save();  // what the disk did not take
      asio::post(disk_, [this] { counters_.Save(core_.monitor(), core_.store()); });
      WaitCounters();
    }
  });
}

void Server::WaitSignal() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) {
      return;
    }
    if (signal != SIGHUP) {
      spdlog::info("stopping; {}", WhoAnswersOn(core_));
      io_.stop();
      return;
    }
    Load([this] { Reload(); });
    WaitSignal();
  });
}

// Check states go to the store on the disk's own thread, never on the loop's: a slow disk must not
// hold back a failover. What a crash in between loses, the image has. What the disk does not take
// is tried again with the counters, and with the next change or order.
void Server::Save() {
  if (saving_) {
    return;  // what changes meanwhile goes together, behind it
  }
  auto checks = core_.TakeUnsaved();
  auto wait = std::exchange(wait_save_, {});
  if (checks.empty()) {
    for (const Saved& tell : wait) {
      tell({});
    }
    return;
  }
  saving_ = true;
  asio::post(disk_, [this, checks = std::move(checks), wait = std::move(wait)]() mutable {
    const auto saved = core_.store().SaveChecks(checks, CountersOf(core_.monitor(), checks));
    if (!saved) {
      spdlog::error("check states not stored: {}", saved.error().message);
    }
    asio::post(io_, [this, saved, checks = std::move(checks), wait = std::move(wait)]() mutable {
      saving_ = false;
      if (!saved) {
        core_.NotSaved(std::move(checks));
      }
      for (const Saved& tell : wait) {
        tell(saved);
      }
      if (saved || !wait_save_.empty()) {
        Save();
      }
    });
  });
}

// An order is not done before a restart of the host would know it too.
void Server::ReplyWhenSaved(Json done, Reply reply) {
  wait_save_.emplace_back([done = std::move(done), reply = std::move(reply)](const Status& saved) {
    if (saved || !done["ok"]) {
      return reply(LineOf(done));
    }
    reply(LineOf(Failure(
        {saved.error().code,
         "in force from generation " + done["result"]["generation"].dump() +
             " on, but not stored, so a restart may undo it; storing is tried again every " +
             std::to_string(kCountersTick.count()) + " s: " + saved.error().message})));
  });
  Save();
}

// What was parsed, for the next start. It is served by now, and nothing is lost without it.
void Server::SaveLoad() {
  asio::post(disk_, [this, load = core_.TakeUnsavedLoad()] {
    if (const auto saved = core_.store().KeepParsed(load.parsed, load.origins); !saved) {
      spdlog::warn("parsed zones not stored, the next start parses them again: {}",
                   saved.error().message);
    }
    if (const auto kept = core_.store().KeepChecks(load.checks); !kept) {
      spdlog::warn("states of checks that are gone stay in the store: {}", kept.error().message);
    }
  });
}

// What explain keeps is of the location data before: that goes.
void Server::Loaded() {
  outside_->Loaded();
  SaveLoad();
  asio::post(explains_, [this] { kept_rows_.Forget(); });
}

// ---- requests -----------------------------------------------------------------------------------

void Server::Answer(const std::string& line, const std::string& who, Reply reply) {
  const Json request = Json::parse(line, nullptr, false);
  if (!request.is_object() || !request.contains("op") || !request["op"].is_string()) {
    return reply(LineOf(
        Failure({ErrorCode::kInvalid, "expected a line with one JSON object that has an \"op\""})));
  }
  for (const auto& [key, value] : request.items()) {
    if (!value.is_string()) {
      return reply(
          LineOf(Failure({ErrorCode::kInvalid, "field \"" + key + "\" must be a string"})));
    }
  }
  Dispatch(request, who, std::move(reply));
}

void Server::Dispatch(const Json& request, const std::string& who, Reply reply) {
  const auto text = [&](const char* field) { return request.value(field, std::string()); };
  const std::string op = text("op");
  if (op == "ping") {
    return reply(LineOf(Success(Json::object())));
  }
  if (op == "status") {
    Json status = StatusResult(core_, instruments_, started_ms_);
    status["last_reload"] = last_reload_;
    status["http"] = outside_->HttpJson();
    status["webhooks"] = outside_->WebhooksJson();
    status["mass_event"] = outside_->mass();
    status["checkers"] = outside_->checkers().StatusJson();
    // Many checks take a while to be put into words: transitions must not wait for that.
    return asio::post(views_,
                      Replying(
                          [this, status = std::move(status), model = core_.model()] {
                            Json whole = status;
                            whole["checks"] = ChecksJson(core_.monitor(), *model);
                            return Success(std::move(whole));
                          },
                          std::move(reply)));
  }
  if (op == "health_show") {
    Json shown = HealthShow(core_, text("check"), text("history") == "yes");
    if (shown["ok"]) {
      outside_->checkers().AddLinks(shown["result"]["views"]);
    }
    return reply(LineOf(shown));
  }
  if (op == "health_set" || op == "health_release") {
    const auto seconds = request.contains("for") ? std::optional(text("for")) : std::nullopt;
    const Json done = op == "health_set" ? HealthSet(core_, text("check"), text("to"), seconds)
                                         : HealthRelease(core_, text("check"));
    outside_->TellTransitions();
    return ReplyWhenSaved(done, std::move(reply));
  }
  if (op == "routing_list") {
    return reply(LineOf(RoutingList(core_)));
  }
  if (op == "routing_set") {
    return RoutingSet(request, who, std::move(reply));
  }
  if (op == "routing_log") {
    return asio::post(disk_, Replying([this] { return RoutingLog(core_); }, std::move(reply)));
  }
  if (op == "explain") {
    return Explain(request, std::move(reply));
  }
  if (op == "plan") {
    return Plan(request, std::move(reply));
  }
  if (op == "reload") {
    return OnWorker([this] { return Reload(); }, std::move(reply));
  }
  if (op == "zone_load") {
    return OnWorker(
        [this, origin = text("origin"), file = text("file")] {
          return ZoneLoad(loads_, origin, file);
        },
        std::move(reply));
  }
  if (op == "zone_drop") {
    return OnWorker([this, origin = text("origin")] { return ZoneDrop(loads_, origin); },
                    std::move(reply));
  }
  if (IsTrafficRequest(op)) {
    return OnWorker([this, request] { return AnswerTraffic(loads_, request); }, std::move(reply));
  }
  reply(LineOf(Failure({ErrorCode::kInvalid,
                        "unknown op '" + op +
                            "'; expected ping, status, explain, health_show, health_set, "
                            "health_release, routing_list, routing_set, routing_log, plan, reload, "
                            "zone_load, zone_drop, traffic_load, traffic_list, traffic_show, "
                            "traffic_apply, traffic_remove or traffic_delete"})));
}

// On the disk first, since what was switched must not be forgotten; then the loop publishes.
void Server::RoutingSet(const Json& request, const std::string& who, Reply reply) {
  const auto order = ControlOrderOf(request, who);
  if (!order) {
    return reply(LineOf(Failure(order.error())));
  }
  asio::post(disk_, [this, order = *order, reply = std::move(reply)] {
    const auto switched = core_.routing_controls().Switch(order, core_.store());
    asio::post(io_, [this, switched, reply] {
      if (!switched) {
        return reply(LineOf(Failure(switched.error())));
      }
      core_.FollowRoutingControls();
      const Json done = Published(core_);
      outside_->TellTransitions();
      Save();
      reply(LineOf(done));
    });
  });
}

// Both work on what is served at this moment, which nothing changes under them.

void Server::Explain(const Json& request, Reply reply) {
  const auto text = [&](const char* field) { return request.value(field, std::string()); };
  asio::post(explains_,
             Replying(
                 [this,
                  model = core_.model(),
                  health = core_.publisher().Health(),  // what the answers were compiled from
                  generation = core_.publisher().generation(),
                  name = text("name"),
                  type = text("type"),
                  client = text("client"),
                  node = core_.node()] {
                   const auto result = ExplainResult(
                       *model, health, generation, name, type, client, node, kept_rows_);
                   return result ? Success(*result) : Failure(result.error());
                 },
                 std::move(reply)));
}

void Server::Plan(const Json& request, Reply reply) {
  const auto text = [&](const char* field) { return request.value(field, std::string()); };
  PlanRequest wanted{.file = text("file"), .origin = text("zone"), .all = text("all") == "yes"};
  asio::post(plans_,
             Replying(
                 [this,
                  model = core_.model(),
                  health = core_.publisher().Health(),
                  generation = core_.publisher().generation(),
                  node = core_.node(),
                  stop = ending_.get_token(),
                  wanted = std::move(wanted)] {
                   auto result =
                       PlanResult(wanted, node, core_.store(), *model, health, generation, stop);
                   return result ? Success(*std::move(result)) : Failure(result.error());
                 },
                 std::move(reply)));
}

// ---- loads, on the worker -----------------------------------------------------------------------

Json Server::Reload() {
  const Json reply = control::Reload(loads_, node_path_, started_with_);
  const bool good = reply["ok"];
  const std::string message = good ? std::string() : reply["error"]["message"].get<std::string>();
  loop_.Run([&] {
    last_reload_ = {{"ok", good}, {"message", message}, {"at_ms", WallMs()}};
    return 0;
  });
  return reply;
}

// Out of the model that is served, since the files may say something else by now.
void Server::BuildAnew() {
  auto prepared = PrepareAgain(loop_.Run([this] { return core_.served(); }));
  loop_.Run([&] {
    if (prepared) {
      (void)core_.BuildAnew(std::move(*prepared));  // logged, and tried again when found again
    } else {
      core_.NotBuiltAnew(prepared.error());
    }
    return 0;
  });
}

}  // namespace

Status Serve(Core& core, const std::string& node_path, const Instruments& instruments) {
  try {
    Server server(core, node_path, instruments);
    return server.Run();
  } catch (const std::exception& error) {
    // Asio throws where it cannot set itself up (descriptors, threads).
    return Fail(ErrorCode::kIo, std::string("the control loop ended: ") + error.what());
  }
}

}  // namespace holdfast::control

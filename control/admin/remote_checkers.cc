#include "control/admin/remote_checkers.h"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

namespace holdfast::control {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kListenPause = std::chrono::seconds(1);

Json DroppedJson(const health::CheckerState& state) {
  Json dropped = Json::object();
  for (std::size_t i = 0; i < health::kDrops; ++i) {
    dropped[health::DropText(static_cast<health::Drop>(i))] = state.dropped[i];
  }
  return dropped;
}

Json CheckerJson(const health::CheckerState& state) {
  return {{"name", state.name},
          {"region", state.region},
          {"connected", state.connected},
          {"since_ms", state.since_ms},
          {"peer", state.peer.empty() ? Json() : Json(state.peer)},
          {"version", state.version},
          {"problem", state.problem.empty() ? Json() : Json(state.problem)},
          {"uplink", state.uplink},
          {"assigned", state.assigned},
          {"reports", state.taken},
          {"report_age_ms", state.age_ms ? Json(*state.age_ms) : Json()},
          {"dropped", DroppedJson(state)}};
}

}  // namespace

RemoteCheckers::RemoteCheckers(Core& core) : core_(core), door_(core.node().checkers) {}

std::shared_ptr<health::Hub> RemoteCheckers::hub() const {
  const std::lock_guard lock(mutex_);
  return hub_;
}

// Where nobody can connect, nobody is waited for: a [checkers] that a reload brought is a warning
// of that.
void RemoteCheckers::Loaded() {
  if (door_.listen.empty()) {
    return;
  }
  const CheckersConfig& wanted = core_.node().checkers;
  const auto hub = this->hub();
  if (wanted.checkers != checkers_ || wanted.local != local_) {
    auto indices = core_.monitor().SetCheckers(wanted.checkers, wanted.local);
    if (!indices) {
      spdlog::error("[checkers] stay as they were: {}", indices.error().message);
      return;
    }
    checkers_ = wanted.checkers;
    local_ = wanted.local;
    indices_ = std::move(*indices);
    if (hub != nullptr) {
      hub->SetCheckers(checkers_, indices_);
    }
  }
  if (hub != nullptr) {
    if (const auto read = hub->ReadIdentityAgain(); !read) {
      spdlog::error("[checkers] keep the certificate that was read before: {}",
                    read.error().message);
    }
  }
}

void RemoteCheckers::Tick() {
  if (!door_.listen.empty() && hub() == nullptr && Clock::now() >= try_again_) {
    Listen();
  }
}

void RemoteCheckers::Listen() {
  try_again_ = Clock::now() + kListenPause;
  health::HubOptions options{
      .listen = {}, .identity = door_.identity, .node = core_.node().id, .limits = {}};
  for (const HttpAddress& at : door_.listen) {
    options.listen.push_back({.address = at.address, .port = at.port});
  }
  auto hub = health::Hub::Start(core_.monitor(), options);
  if (!hub) {
    if (std::exchange(problem_, hub.error().message) != hub.error().message) {
      spdlog::error("{}; tried again each second", problem_);
    }
    return;
  }
  problem_.clear();
  (*hub)->SetCheckers(checkers_, indices_);
  for (const HttpAddress& at : door_.listen) {
    spdlog::info("checkers connect to {}", at.Text());
  }
  const std::lock_guard lock(mutex_);
  hub_ = std::move(*hub);
}

Json RemoteCheckers::StatusJson() const {
  if (door_.listen.empty()) {
    return {};
  }
  Json listen = Json::array();
  for (const HttpAddress& at : door_.listen) {
    listen.push_back(at.Text());
  }
  const auto hub = this->hub();
  Json list = Json::array();
  for (const health::CheckerState& state :
       hub == nullptr ? std::vector<health::CheckerState>() : hub->States()) {
    list.push_back(CheckerJson(state));
  }
  return {{"listen", std::move(listen)},
          {"problem", problem_.empty() ? Json() : Json(problem_)},
          {"local", local_},
          {"refused", hub == nullptr ? 0 : hub->refused()},
          {"list", std::move(list)}};
}

void RemoteCheckers::AddLinks(Json& views) const {
  const auto hub = this->hub();
  if (hub == nullptr || !views.is_array()) {
    return;
  }
  const auto states = hub->States();
  for (Json& view : views) {
    const std::string name = view.value("checker", std::string());
    const auto state = std::ranges::find(states, name, &health::CheckerState::name);
    if (state != states.end()) {
      view["link"] = {{"connected", state->connected}, {"since_ms", state->since_ms}};
    }
  }
}

void RemoteCheckers::Fill(NodeFigures& figures) const {
  const auto hub = this->hub();
  if (hub == nullptr) {
    return;
  }
  figures.checkers_refused = hub->refused();
  for (const health::CheckerState& state : hub->States()) {
    CheckerFigures& one = figures.checkers.emplace_back();
    one = {.name = state.name,
           .region = state.region,
           .up = state.connected,
           .uplink = state.uplink,
           .report_age_s = {},
           .assigned = state.assigned,
           .taken = state.taken,
           .dropped = {}};
    if (state.age_ms) {
      one.report_age_s = static_cast<double>(*state.age_ms) / 1000;
    }
    for (std::size_t i = 0; i < health::kDrops; ++i) {
      one.dropped.emplace_back(health::DropText(static_cast<health::Drop>(i)), state.dropped[i]);
    }
  }
}

}  // namespace holdfast::control

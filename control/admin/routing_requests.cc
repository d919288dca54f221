#include "control/admin/routing_requests.h"

#include <sstream>
#include <utility>
#include <vector>

namespace holdfast::control {
namespace {

constexpr std::size_t kMostChanges = 256;
constexpr std::size_t kMostReason = 256;
constexpr std::size_t kMostLogLines = 1000;

std::unexpected<Error> Wrong(const std::string& what) {
  return std::unexpected(Error{.code = ErrorCode::kInvalid, .message = what});
}

}  // namespace

Json RoutingList(Core& core) {
  const RecoveryConfig config = core.routing_controls().config();
  Json controls = Json::array();
  for (const auto& [name, on] : core.routing_controls().states()) {
    Json checks = Json::array();
    for (const health::CheckConfig& check : core.model()->checks) {
      if (check.routing_control == name) {
        checks.push_back(check.id);
      }
    }
    controls.push_back({{"name", name}, {"state", on ? "On" : "Off"}, {"checks", checks}});
  }
  Json rules = Json::array();
  for (const SafetyRule& rule : config.rules) {
    Json json{{"name", rule.name}, {"on", rule.on}, {"controls", rule.controls}};
    json["kind"] = rule.kind == SafetyRule::Kind::kGating ? "gating" : "at_least";
    if (rule.kind == SafetyRule::Kind::kGating) {
      json["gates"] = rule.gates;
    }
    rules.push_back(std::move(json));
  }
  return Success({{"controls", controls}, {"rules", rules}});
}

Result<ControlOrder> ControlOrderOf(const Json& request, const std::string& who) {
  const auto names = [&request](const char* field) {
    std::vector<std::string> list;
    std::istringstream lines(request.value(field, std::string()));
    for (std::string line; std::getline(lines, line);) {
      list.push_back(line);
    }
    return list;
  };
  ControlOrder order{.changes = {},
                     .overridden = names("override"),
                     .who = who,
                     .reason = request.value("reason", std::string())};
  for (const bool on : {true, false}) {
    for (std::string& name : names(on ? "on" : "off")) {
      order.changes.push_back({.name = std::move(name), .on = on});
    }
  }
  if (order.changes.size() > kMostChanges) {
    return Wrong("the order names " + std::to_string(order.changes.size()) +
                 " routing controls; expected at most 256");
  }
  if (order.reason.size() > kMostReason) {
    return Wrong("\"reason\" has " + std::to_string(order.reason.size()) +
                 " characters; expected at most 256");
  }
  return order;
}

Json RoutingLog(Core& core) {
  const auto entries = core.store().ControlLog(kMostLogLines);
  if (!entries) {
    return Failure(entries.error());
  }
  Json log = Json::array();
  for (const ControlLogEntry& entry : *entries) {
    log.push_back({{"at_ms", entry.at_ms},
                   {"who", entry.who},
                   {"changes", entry.changes},
                   {"override", entry.overridden},
                   {"reason", entry.reason},
                   {"refused", entry.refused}});
  }
  return Success({{"log", log}});
}

}  // namespace holdfast::control

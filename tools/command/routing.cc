#include "tools/command/routing.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "tools/command/fields.h"
#include "tools/command/text.h"

namespace holdfast::tools {
namespace {

using nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

std::string Lines(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += name + "\n";
  }
  return text;
}

std::string Join(const json& names) {
  std::string text;
  for (const json& name : names) {
    text += (text.empty() ? "" : ", ") + Text(name);
  }
  return text.empty() ? "-" : text;
}

}  // namespace

json RoutingRequest(const CommandLine& line) {
  return {{"op", "routing_set"},
          {"on", Lines(line.on)},
          {"off", Lines(line.off)},
          {"override", Lines(line.overridden)},
          {"reason", line.reason}};
}

std::string RoutingText(const json& result) {
  Rows controls = {{"routing control", "state", "checks"}};
  for (const json& one : Elements(result, "controls")) {
    controls.push_back({Text(one, "name"), Text(one, "state"), Join(Elements(one, "checks"))});
  }
  Rows rules = {{"safety rule", "needs On", "of", "before it changes"}};
  for (const json& one : Elements(result, "rules")) {
    const bool is_gating = Text(one, "kind") == "gating";
    rules.push_back({Text(one, "name"),
                     "at least " + Text(one, "on"),
                     Join(Elements(one, is_gating ? "gates" : "controls")),
                     is_gating ? Join(Elements(one, "controls")) : std::string("-")});
  }
  std::string text =
      controls.size() > 1 ? Columns(controls, 0) : std::string("no routing controls\n");
  return rules.size() > 1 ? text + "\n" + Columns(rules, 0) : text;
}

std::string RoutingLogText(const json& result, std::int64_t now_ms) {
  Rows rows = {{"when", "who", "what", "rules set aside", "reason", "refused"}};
  const auto shown = [](const json& one, const char* field) {
    const std::string text = Text(one, field);
    return text.empty() ? std::string("-") : text;
  };
  for (const json& one : Elements(result, "log")) {
    rows.push_back({Duration(now_ms - Number(one, "at_ms")) + " ago",
                    shown(one, "who"),
                    shown(one, "changes"),
                    shown(one, "override"),
                    shown(one, "reason"),
                    shown(one, "refused")});
  }
  return rows.size() > 1 ? Columns(rows, 0) : "nothing was switched yet\n";
}

}  // namespace holdfast::tools

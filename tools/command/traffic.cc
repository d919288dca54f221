#include "tools/command/traffic.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "tools/command/fields.h"
#include "tools/command/text.h"

namespace holdfast::tools {

namespace {

using nlohmann::json;

std::string ListText(const json& result) {
  std::vector<std::vector<std::string>> policies = {{"policy", "version", "type", "id", "comment"}};
  for (const json& policy : Elements(result, "policies")) {
    for (const json& version : Elements(policy, "versions")) {
      policies.push_back({Text(policy, "name"),
                          Text(version, "version"),
                          Text(version, "type"),
                          Text(policy, "id"),
                          Text(version, "comment")});
    }
  }
  std::vector<std::vector<std::string>> instances = {
      {"applied to", "type", "ttl", "policy", "version", "state", "id"}};
  std::string faults;
  for (const json& instance : Elements(result, "instances")) {
    instances.push_back({Text(instance, "name"),
                         Text(instance, "type"),
                         Text(instance, "ttl"),
                         Text(instance, "policy"),
                         Text(instance, "version"),
                         Text(instance, "state"),
                         Text(instance, "id")});
    if (const json& message = Member(instance, "message"); message.is_string()) {
      std::istringstream lines(message.get<std::string>());  // one for each fault
      for (std::string line; std::getline(lines, line);) {
        faults += "  " + Text(instance, "name") + " " + Text(instance, "type") + ": " +
                  Printable(line) + "\n";
      }
    }
  }
  if (policies.size() == 1) {
    return "no traffic policies\n";
  }
  return Columns(policies) + (instances.size() == 1 ? "" : "\n" + Columns(instances)) + faults;
}

std::string VersionText(const json& result) {
  return "policy " + Text(result, "name") + " (id " + Text(result, "id") + ") version " +
         Text(result, "version");
}

}  // namespace

json TrafficRequest(const CommandLine& line) {
  switch (line.verb) {
    case Verb::kTrafficLoad:
      // Control has another working folder.
      return {{"op", "traffic_load"},
              {"name", line.name},
              {"file", std::filesystem::absolute(line.file).lexically_normal().string()},
              {"comment", line.comment}};
    case Verb::kTrafficShow:
      return {{"op", "traffic_show"}, {"policy", line.policy}, {"version", line.version}};
    case Verb::kTrafficApply:
      return {{"op", "traffic_apply"},
              {"owner", line.owner},
              {"policy", line.policy},
              {"ttl", line.ttl}};
    case Verb::kTrafficRemove:
      return {{"op", "traffic_remove"}, {"owner", line.owner}, {"type", line.type}};
    case Verb::kTrafficDelete:
      return {{"op", "traffic_delete"}, {"policy", line.policy}, {"version", line.version}};
    default:
      return {{"op", "traffic_list"}};
  }
}

std::optional<std::string> TrafficText(Verb verb, const json& result) {
  switch (verb) {
    case Verb::kTrafficLoad:
      return VersionText(result) + ", " + Text(result, "type") + "\n";
    case Verb::kTrafficList:
      return ListText(result);
    case Verb::kTrafficShow: {
      // As it was loaded, octet by octet.
      const json& document = Member(result, "document");
      return document.is_string() ? document.get<std::string>() : std::string();
    }
    case Verb::kTrafficDelete:
      return VersionText(result) + " is gone\n";
    default:
      return std::nullopt;
  }
}

}  // namespace holdfast::tools

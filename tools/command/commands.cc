// From a command line to requests, and from replies to text and exit status; see commands.h.
#include "tools/command/commands.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "control/compile/compile.h"
#include "control/config/load.h"
#include "control/place.h"
#include "control/publish/remove.h"
#include "dataplane/base/clock.h"
#include "tools/command/client.h"
#include "tools/command/explain.h"
#include "tools/command/fields.h"
#include "tools/command/health.h"
#include "tools/command/machine.h"
#include "tools/command/plan.h"
#include "tools/command/routing.h"
#include "tools/command/status.h"
#include "tools/command/tables.h"
#include "tools/command/text.h"
#include "tools/command/traffic.h"
#include "tools/supervise/run_lock.h"

namespace holdfast::tools {

namespace {

using nlohmann::json;

void Print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

// Of several lines, one for each fault; what is quoted there may hold control characters.
void Complain(const std::string& text) {
  std::string safe;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    safe += (safe.empty() ? "" : "\n") + Printable(line);
  }
  std::fprintf(stderr, "holdfast: %s\n", safe.c_str());
}

std::string Dump(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<std::string> RunDirOf(const CommandLine& line) {
  if (!line.run_dir.empty()) {
    return line.run_dir;
  }
  const auto node = control::LoadNode(line.config);
  if (!node) {
    return std::unexpected(node.error());
  }
  return node->run_dir;
}

int Check(const CommandLine& line) {
  const auto node = NodeOf(line);
  if (!node) {
    return kRefused;
  }
  auto loaded = control::LoadAll(*node);
  if (!loaded) {
    Complain(loaded.error().message);
    return kRefused;
  }
  // What only the compiler sees: an rrset that fits no reply, a check that is not there.
  auto compiled = control::Compile(loaded->model, {}, 0);
  if (!compiled) {
    Complain(compiled.error().message);
    return kRefused;
  }
  auto warnings = MachineFaults(*node, true);
  std::ranges::move(FolderFaults(*node, true), std::back_inserter(warnings));
  // No fault to `run`: tables that are there already go on being served.
  if (const auto room = control::CheckRoom(node->tables); !room) {
    warnings.push_back(line.config + ": " + room.error().message);
  }
  std::ranges::move(loaded->AllWarnings().Warnings(), std::back_inserter(warnings));
  std::ranges::move(compiled->warnings, std::back_inserter(warnings));
  for (const std::string& warning : warnings) {
    Complain("warning: " + warning);
  }
  Print(line.config + ": good; " + std::to_string(loaded->model.zones.size()) + " zones, " +
        std::to_string(loaded->model.checks.size()) + " checks, " +
        std::to_string(warnings.size()) + " warnings\n");
  return kDone;
}

json RequestOf(const CommandLine& line) {
  switch (line.verb) {
    case Verb::kReload:
      return {{"op", "reload"}};
    case Verb::kStatus:
      return {{"op", "status"}};
    case Verb::kExplain: {
      json request = {{"op", "explain"}, {"name", line.name}, {"type", line.type}};
      if (!line.client.empty()) {
        request["client"] = line.client;
      }
      return request;
    }
    case Verb::kPlan:
      return {{"op", "plan"},
              {"file", std::filesystem::absolute(line.file).lexically_normal().string()},
              {"zone", line.origin},
              {"all", line.all ? "yes" : "no"}};
    case Verb::kZoneLoad:
      // Control has another working folder.
      return {{"op", "zone_load"},
              {"origin", line.origin},
              {"file", std::filesystem::absolute(line.file).lexically_normal().string()}};
    case Verb::kZoneDrop:
      return {{"op", "zone_drop"}, {"origin", line.origin}};
    case Verb::kHealthShow:
      return {
          {"op", "health_show"}, {"check", line.check}, {"history", line.history ? "yes" : "no"}};
    case Verb::kHealthSet: {
      json request = {{"op", "health_set"}, {"check", line.check}, {"to", line.to}};
      if (!line.for_seconds.empty()) {
        request["for"] = line.for_seconds;
      }
      return request;
    }
    case Verb::kHealthRelease:
      return {{"op", "health_release"}, {"check", line.check}};
    case Verb::kRoutingList:
      return {{"op", "routing_list"}};
    case Verb::kRoutingLog:
      return {{"op", "routing_log"}};
    case Verb::kRoutingSet:
      return RoutingRequest(line);
    case Verb::kTrafficLoad:
    case Verb::kTrafficList:
    case Verb::kTrafficShow:
    case Verb::kTrafficApply:
    case Verb::kTrafficRemove:
    case Verb::kTrafficDelete:
      return TrafficRequest(line);
    case Verb::kRun:
    case Verb::kCheck:
    case Verb::kTablesDump:
    case Verb::kTablesRemove:
    case Verb::kTablesVerify:
      break;
  }
  return {};
}

int Refused(const json& reply) {
  const json& error = Member(reply, "error");
  const std::string code = Text(error, "code");
  const json& message = Member(error, "message");
  // Control's sentences may have several lines, one for each fault.
  Complain(message.is_string() ? message.get<std::string>() : "control refused, without a reason");
  return code == "conflict" ? kConflict : kRefused;
}

// What a publish tells. @return exit status: "done" is promised for every reader, or not said.
int Published(const json& result) {
  for (const json& warning : Elements(result, "warnings")) {
    Complain("warning: " + Text(warning));
  }
  const std::string generation = Text(result, "generation");
  if (Member(result, "passed_by_all_readers") == false) {
    Complain("published as generation " + generation + ", but " + Text(result, "waiting_for") +
             " still answers from an older one");
    return kRefused;
  }
  Print("done, generation " + generation + "\n");
  return kDone;
}

int Status(const std::string& run_dir, const CommandLine& line, const Result<json>& reply) {
  const bool answered = reply && IsTrue(*reply, "ok");
  const json result = answered ? Member(*reply, "result") : json();
  const json local = LocalStatus(run_dir);
  if (line.json) {
    // One object in either case: control's own, and beside it what needs no control.
    json all = result.is_object() ? result : json::object();
    all["control"] = answered;
    all["supervisor"] = Member(local, "supervisor");
    all["processes"] = Elements(local, "processes");
    all["health_data"] = Member(local, "health_data");
    if (!answered) {
      all["readers"] = Member(local, "readers");
    }
    Print(Dump(all));
  } else {
    Print(StatusText(local, result, WallMs()));
  }
  if (!reply) {
    Complain(reply.error().message);
    return kUnreachable;
  }
  return answered ? kDone : Refused(*reply);
}

Result<json> Ask(const std::string& run_dir, const CommandLine& line) {
  auto client = ControlClient::Connect(run_dir, line.patience);
  if (!client) {
    return std::unexpected(client.error());
  }
  return client->Call(RequestOf(line));
}

int Show(const CommandLine& line, const json& result) {
  if (line.verb == Verb::kPlan) {
    for (const json& warning : Elements(result, "warnings")) {
      Complain("warning: " + Text(warning));
    }
  }
  if (line.json) {
    Print(Dump(result));
    return kDone;
  }
  if (line.verb == Verb::kExplain) {
    Print(ExplainText(result));
    return kDone;
  }
  if (line.verb == Verb::kPlan) {
    Print(PlanText(result));
    return kDone;
  }
  if (line.verb == Verb::kRoutingList || line.verb == Verb::kRoutingLog) {
    Print(line.verb == Verb::kRoutingList ? RoutingText(result) : RoutingLogText(result, WallMs()));
    return kDone;
  }
  if (line.verb == Verb::kHealthShow) {
    Print(HealthText(result, WallMs()));
    return kDone;
  }
  if (const auto text = TrafficText(line.verb, result)) {
    for (const json& warning : Elements(result, "warnings")) {
      Complain("warning: " + Text(warning));
    }
    Print(*text);
    return kDone;
  }
  return Published(result);
}

int Tables(const CommandLine& line) {
  const auto open = [&line]() -> Result<OpenedTables> {
    if (!line.image.empty()) {
      return OpenImageFile(line.image, line.generation);
    }
    const auto run_dir = RunDirOf(line);
    return run_dir ? OpenPublished(*run_dir) : std::unexpected(run_dir.error());
  };
  const auto tables = open();
  if (!tables) {
    Complain(tables.error().message);
    return kRefused;
  }
  if (line.verb == Verb::kTablesDump) {
    Print(DumpText(*tables));
    return kDone;
  }
  const Verified verified = VerifyText(*tables);
  Print(verified.text);
  return verified.whole ? kDone : kRefused;
}

// All that where the tables of a node lie, and how they are named, depends on.
Result<control::NodeConfig> RemovedNode(const CommandLine& line) {
  Result<control::NodeConfig> node;
  if (!line.run_dir.empty()) {
    node->run_dir = line.run_dir;
  } else {
    node = control::LoadNode(line.config);
  }
  if (node) {
    node->run_dir = control::WholeRunDir(node->run_dir);
  }
  return node;
}

int RemoveTables(const CommandLine& line) {
  const auto node = RemovedNode(line);
  if (!node) {
    Complain(node.error().message);
    return kRefused;
  }
  const std::string& run_dir = node->run_dir;
  if (std::error_code error; !std::filesystem::exists(run_dir, error)) {
    Print("no tables in " + run_dir + "\n");
    return kDone;
  }
  // As `holdfast run` does, so that none starts until all is gone.
  const auto lock = RunLock::Take(run_dir);
  if (!lock) {
    Complain(lock.error().message);
    return lock.error().code == ErrorCode::kConflict ? kConflict : kRefused;
  }
  const auto gone =
      control::RemoveTables(run_dir, control::PlaceOf(*node), control::FoldersOf(node->tables));
  if (!gone) {
    Complain(gone.error().message);
    return gone.error().code == ErrorCode::kConflict ? kConflict : kRefused;
  }
  for (const std::string& path : *gone) {
    Print("removed " + path + "\n");
  }
  if (gone->empty()) {
    Print("no tables in " + run_dir + "\n");
  }
  return kDone;
}

}  // namespace

Result<control::NodeConfig> NodeOf(const CommandLine& line) {
  auto node = control::LoadNode(line.config);
  if (!node) {
    Complain(node.error().message);
  }
  return node;
}

int DoCommand(const CommandLine& line) {
  if (line.verb == Verb::kCheck) {
    return Check(line);
  }
  if (line.verb == Verb::kTablesRemove) {
    return RemoveTables(line);
  }
  if (line.verb == Verb::kTablesDump || line.verb == Verb::kTablesVerify) {
    return Tables(line);
  }
  const auto run_dir = RunDirOf(line);
  if (!run_dir) {
    Complain(run_dir.error().message);
    return kRefused;
  }
  const Result<json> reply = Ask(*run_dir, line);
  if (line.verb == Verb::kStatus) {
    return Status(*run_dir, line, reply);
  }
  if (!reply) {
    Complain(reply.error().message);
    return reply.error().code == ErrorCode::kUnavailable ? kUnreachable : kRefused;
  }
  return IsTrue(*reply, "ok") ? Show(line, Member(*reply, "result")) : Refused(*reply);
}

}  // namespace holdfast::tools

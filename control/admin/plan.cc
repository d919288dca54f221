// See plan.h.
#include "control/admin/plan.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/admin/zone_requests.h"
#include "control/compile/plan.h"
#include "control/config/json.h"
#include "control/config/text_file.h"
#include "control/model/findings.h"
#include "control/model/rules.h"
#include "control/prepare.h"
#include "control/traffic/trees.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

constexpr const char* kSayZone = "; name the zone with --zone";

// Record sets are one JSON object; no zone file begins with a brace.
Result<bool> HoldsRecordSets(const std::string& path, const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) {
    return Fail(ErrorCode::kInvalid, path + ": is empty; expected record sets or a zone file");
  }
  return text[first] == '{' || text[first] == '[';
}

bool IsSameFile(const std::string& a, const std::string& b) {
  std::error_code error;
  return !b.empty() && std::filesystem::equivalent(a, b, error);
}

// The deepest served zone that all names of the record sets lie in.
Result<std::string> ZoneOfRecordSets(const std::string& path,
                                     const std::string& text,
                                     const Model& served) {
  Findings findings;
  std::optional<std::string> common;  // the deepest name above all of them
  const auto on_item = [&](const Value& item) {
    const Value* name = item.Find("Name");
    const auto wire = name == nullptr ? wire::FromText("") : wire::FromText(name->text);
    if (!wire) {
      return;  // the load will say it
    }
    const std::string folded = wire::Fold(*wire);
    if (!common) {
      common = folded;
    }
    while (!wire::IsAtOrBelow(folded, *common)) {
      common = std::string(wire::Parent(*common));
    }
  };
  ReadJsonList(text, path, "ResourceRecordSets", on_item, findings);
  if (!findings.Ok()) {
    return std::unexpected(findings.ToError());
  }
  if (!common) {
    return Fail(ErrorCode::kNotFound, path + ": holds no record set" + kSayZone);
  }
  const Zone* best = nullptr;
  for (const Zone& zone : served.zones) {
    if (wire::IsAtOrBelow(*common, zone.origin) &&
        (best == nullptr || zone.origin.size() > best->origin.size())) {
      best = &zone;
    }
  }
  return best != nullptr ? Result<std::string>(best->origin)
                         : Fail(ErrorCode::kNotFound,
                                path + ": no zone served here holds all its names, which lie in " +
                                    wire::ToText(*common) + kSayZone);
}

// What an absolute $ORIGIN says before the first record.
Result<std::string> ZoneOfZoneFile(const std::string& path, const std::string& text) {
  std::istringstream file(text);
  for (std::string line; std::getline(file, line);) {
    const auto begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos || line[begin] == ';') {
      continue;
    }
    if (line[begin] != '$') {
      break;
    }
    constexpr std::string_view kOrigin = "$ORIGIN";
    if (!line.starts_with(kOrigin)) {
      continue;  // $TTL
    }
    const auto from = line.find_first_not_of(" \t", kOrigin.size());
    const auto to = line.find_first_of(" \t\r;", from == std::string::npos ? 0 : from);
    const std::string word = from == std::string::npos ? "" : line.substr(from, to - from);
    const auto origin = wire::FromText(word);
    if (origin && word.ends_with('.')) {
      return wire::Fold(*origin);
    }
    break;
  }
  return Fail(
      ErrorCode::kNotFound,
      path + ": does not begin with an absolute $ORIGIN and is no zone's file here" + kSayZone);
}

Result<std::string> OriginOf(const PlanRequest& request,
                             const std::string& text,
                             bool record_sets,
                             const NodeConfig& node,
                             const Model& served) {
  if (!request.origin.empty()) {
    const auto name = wire::FromText(request.origin);
    return name ? Result<std::string>(wire::Fold(*name))
                : Fail(ErrorCode::kInvalid,
                       "origin '" + request.origin + "': " + name.error().message);
  }
  for (const ZoneConfig& zone : node.zones) {
    if (IsSameFile(request.file, record_sets ? zone.records : zone.file)) {
      return zone.origin;
    }
  }
  return record_sets ? ZoneOfRecordSets(request.file, text, served)
                     : ZoneOfZoneFile(request.file, text);
}

// The node's file as if it named these record sets for the zone.
Result<NodeConfig> WithRecordSets(const NodeConfig& node,
                                  const std::string& origin,
                                  const std::string& file,
                                  const Model& served) {
  NodeConfig out = node;
  auto zone = std::ranges::find(out.zones, origin, &ZoneConfig::origin);
  if (zone == out.zones.end()) {
    if (std::ranges::find(served.zones, origin, &Zone::origin) != served.zones.end()) {
      return Fail(ErrorCode::kInvalid,
                  file + ": zone " + wire::ToText(origin) +
                      " is served by `zone load` alone, which reads no record sets; expected a "
                      "[[zone]] with `records` in " +
                      node.path);
    }
    zone = out.zones.emplace(zone);
    zone->origin = origin;
    zone->id = DefaultZoneId(origin);
  }
  zone->records = file;
  return out;
}

// What a load of the file would serve, by the steps of such a load: `zone load` of a zone file, a
// reload with other record sets.
Result<Loaded> Wanted(const std::string& origin,
                      const std::string& file,
                      bool record_sets,
                      const NodeConfig& node,
                      Store& store,
                      const Model& served) {
  auto trees = TreesOf(store, served);
  auto stored = store.Zones();
  if (!trees || !stored) {
    return std::unexpected(trees ? stored.error() : trees.error());
  }
  auto wanted_node = record_sets ? WithRecordSets(node, origin, file, served) : node;
  if (!wanted_node) {
    return std::unexpected(wanted_node.error());
  }
  if (!record_sets) {
    const auto change = ChangeOfZoneLoad(node, served, *trees, origin, file);
    if (!change) {
      return std::unexpected(change.error());
    }
    change->Make(*stored);
  }
  auto wanted = ReadAndJudge(*wanted_node, store, *stored, *std::move(trees));
  if (wanted) {
    HF_TRY(KeepsInstances(served, wanted->model, *stored));
  }
  return wanted;
}

// What the load would say of this zone, and of traffic policies that it would leave out besides
// those that fail today.
std::vector<std::string> WarningsFor(const std::string& origin,
                                     const Loaded& wanted,
                                     const Model& served) {
  std::vector<std::string> lines;
  for (const ZoneWarnings& zone : wanted.of_zones) {
    if (zone.origin == origin) {
      lines = zone.findings.Warnings();
      if (!zone.note.empty()) {
        lines.push_back(zone.note);
      }
    }
  }
  const auto& today = served.failed_instances;
  for (const FailedInstance& failed : wanted.model.failed_instances) {
    if (std::ranges::find(today, failed.id, &FailedInstance::id) == today.end()) {
      lines.push_back(failed.title + ": not served: " + OneLine(failed.message));
    }
  }
  return lines;
}

// Other zones whose files have changed: the load would take that in too.
std::vector<std::string> ChangedBeside(const std::string& origin,
                                       const Model& wanted,
                                       const Model& served) {
  std::unordered_map<std::string_view, const Zone*> now;
  for (const Zone& zone : served.zones) {
    now.emplace(zone.origin, &zone);
  }
  Findings changed;
  for (const Zone& zone : wanted.zones) {
    const auto was = now.find(zone.origin);
    if (zone.origin != origin && was != now.end() && was->second->texts != zone.texts) {
      changed.AddWarning("zone " + wire::ToText(zone.origin),
                         "its files have changed since they were loaded; the load would serve that "
                         "too, this plan leaves it out");
    }
  }
  return changed.Warnings();
}

Json AnswerJson(const PlannedAnswer& planned) {
  Json json{{"outcome", ExplainedStatusText(planned.status)},
            {"type", planned.type},
            {"answers", AnswersJson(planned.answers)}};
  if (!planned.glue.empty()) {
    json["glue"] = planned.glue;
  }
  return json;
}

Json ChangeJson(const PlannedChange& change) {
  Json clients = Json::array();
  for (const PlannedClients& some : change.clients) {
    Json known = Json::object();
    for (const KnownOfClient& one : some.known) {
      known[one.source] = one.place;
    }
    clients.push_back({{"known", std::move(known)},
                       {"classes", some.classes},
                       {"before", AnswerJson(some.before)},
                       {"after", AnswerJson(some.after)}});
  }
  return {{"name", change.name},
          {"type", change.type},
          {"classes", change.classes},
          {"changed_classes", change.changed_classes},
          {"clients", std::move(clients)}};
}

}  // namespace

Result<Json> PlanResult(const PlanRequest& request,
                        const NodeConfig& node,
                        Store& store,
                        const Model& served,
                        std::span<const CompiledHealth> health,
                        Generation generation,
                        const std::stop_token& stop) {
  const auto text = ReadFile(request.file, kMaxJsonOctets);
  if (!text) {
    return std::unexpected(text.error());
  }
  const auto record_sets = HoldsRecordSets(request.file, *text);
  if (!record_sets) {
    return std::unexpected(record_sets.error());
  }
  const auto origin = OriginOf(request, *text, *record_sets, node, served);
  if (!origin) {
    return std::unexpected(origin.error());
  }
  const auto wanted = Wanted(*origin, request.file, *record_sets, node, store, served);
  if (!wanted) {
    return std::unexpected(wanted.error());
  }
  const auto plan = PlanZone(
      served, wanted->model, *origin, health, request.all ? kMostPlannedOfAll : kMostPlanned, stop);
  if (!plan) {
    return std::unexpected(plan.error());
  }
  Json changes = Json::array();
  for (const PlannedChange& change : plan->changes) {
    if (stop.stop_requested()) {
      break;  // nobody waits for the reply any more
    }
    changes.push_back(ChangeJson(change));
  }
  auto warnings = WarningsFor(*origin, *wanted, served);
  std::ranges::copy(plan->warnings, std::back_inserter(warnings));
  std::ranges::copy(ChangedBeside(*origin, wanted->model, served), std::back_inserter(warnings));
  return Json{{"zone", wire::ToText(*origin)},
              {"file", request.file},
              {"kind", *record_sets ? "record sets" : "zone file"},
              {"generation", generation.value()},
              {"names_compared", plan->compared},
              {"names_that_come", plan->come},
              {"names_that_go", plan->go},
              {"changed", plan->changed},
              {"all", request.all},
              {"changes", std::move(changes)},
              {"warnings", warnings}};
}

}  // namespace holdfast::control

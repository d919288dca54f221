#include "control/admin/requests.h"

#include <string_view>
#include <unistd.h>
#include <unordered_map>

#include "control/admin/check_settings.h"
#include "control/admin/health_requests.h"
#include "control/compile/explain.h"
#include "control/location/prefix.h"
#include "dataplane/base/clock.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

// @param text  an address or a prefix; empty: nothing is known of the client.
Result<table::ClientPrefix> ClientOf(const std::string& text) {
  if (text.empty()) {
    return table::ClientPrefix{};
  }
  const auto prefix = ParseClient(text);
  if (!prefix) {
    return Fail(ErrorCode::kInvalid, "client '" + text + "' " + prefix.error().message);
  }
  return table::ClientPrefix{.address = prefix->bits, .length = prefix->length, .v6 = prefix->v6};
}

Json ClientJson(const Explanation& explanation, const std::string& client) {
  Json json{{"address", client.empty() ? Json() : Json(client)}, {"scope", explanation.scope}};
  if (!explanation.asks_client && explanation.also.empty()) {
    json["note"] = "nothing of the reply depends on the client";
  }
  for (const KnownOfClient& known : explanation.known) {
    json["known"][known.source] = known.place;
    json["files"][known.source] = known.files;
  }
  for (const ExplainedAlso& also : explanation.also) {
    json["also"].push_back(
        {{"name", also.name}, {"type", also.type}, {"beside", also.beside}, {"scope", also.scope}});
  }
  return json;
}

Json TransitionsJson(const PublishTimes& times) {
  const PublishTimes::Summary us = times.Summarise();
  Json json{{"published", times.count()}, {"enqueued_to_published_us", Json()}};
  if (times.count() != 0) {
    json["enqueued_to_published_us"] = {
        {"last", us.last}, {"p50", us.p50}, {"p99", us.p99}, {"max", us.most}};
  }
  return json;
}

Json ScrubJson(const Scrub& scrub, std::uint32_t every_seconds) {
  const Scrub::State& state = scrub.state();
  const auto or_null = [](bool there, const auto& value) { return there ? Json(value) : Json(); };
  return {{"every_s", every_seconds},
          {"percent", scrub.percent()},
          {"passes", state.passes},
          {"last_pass_ms", or_null(state.last_pass_ms != 0, state.last_pass_ms)},
          {"last_pass_took_ms", or_null(state.last_pass_ms != 0, state.last_pass_took_ms)},
          {"defects", state.defects},
          {"rebuilt", state.rebuilt},
          {"last_defect", or_null(state.defects != 0, state.last_defect)},
          {"last_defect_ms", or_null(state.defects != 0, state.last_defect_ms)},
          {"problem", or_null(!state.problem.empty(), state.problem)}};
}

Json ReaderJson(const table::ReaderInfo& reader, const CounterNames& names) {
  const auto named = [&](std::span<const std::uint64_t> values) {
    Json counters = Json::object();
    for (unsigned c = 0; c < table::kCounters; ++c) {
      if (const std::string name = names(reader.role, c); !name.empty()) {
        counters[name] = values[c];
      }
    }
    return counters;
  };
  Json threads = Json::array();
  std::vector<std::uint64_t> sums(table::kCounters);
  for (std::size_t i = 0; i < reader.passed.size(); ++i) {
    threads.push_back(
        {{"passed", reader.passed[i] == table::kOffline ? Json() : Json(reader.passed[i])},
         {"beat", reader.beats[i]},
         {"counters", named(reader.counters[i])}});
    for (unsigned c = 0; c < table::kCounters; ++c) {
      sums[c] += reader.counters[i][c];
    }
  }
  return {{"role", reader.role},
          {"pid", reader.pid},
          {"mapped_seq", reader.mapped_seq},
          {"threads", threads},
          {"counters", named(sums)}};
}

Json PortJson(const PortConfig& port, const XdpCounters& counters) {
  Json json{{"device", port.device}, {"addresses", port.addresses}, {"xdp", Json()}};
  const auto counted = counters(port);
  if (!counted) {
    json["xdp_problem"] = counted.error().message;
  } else if (!counted->empty()) {
    json["xdp"] = Json::object();
    for (const auto& [name, count] : *counted) {
      json["xdp"][name] = count;
    }
  }
  return json;
}

Json GroupJson(const ExplainedGroup& group);

Json MemberJson(const ExplainedMember& member) {
  Json json{{"healthy", member.healthy}, {"chosen", member.chosen}, {"source", member.source}};
  if (!member.set_identifier.empty()) {
    json["set_identifier"] = member.set_identifier;
  }
  if (!member.check_id.empty()) {
    json["check"] = {
        {"id", member.check_id},
        {"known", member.check_known},
        {"healthy", member.check_healthy},
        {"disabled", member.check_disabled},
        {"decided", member.check_decided},
        {"override", health::OverrideText(static_cast<health::Override>(member.check_manual))},
        {"override_until", UntilJson(member.check_manual_until_ms)}};
  }
  if (!member.alias_target.empty()) {
    json["alias"] = {{"target", member.alias_target},
                     {"evaluate_target_health", member.evaluate_target_health},
                     {"found", member.target_found},
                     {"healthy", member.target_healthy}};
    if (!member.target_hidden_by.empty()) {
      json["alias"]["hidden_by"] = member.target_hidden_by;
    }
  } else {
    json["ttl"] = member.ttl;
    json["values"] = member.values;
  }
  json["weight"] = member.weight;
  json["primary"] = member.primary;
  if (!member.where.empty()) {
    json["where"] = member.where;
    json["bias"] = member.bias;
  }
  if (member.chosen) {
    json["share"] = member.share.Text();
  } else {
    json["dropped_by"] = member.dropped_by;
  }
  if (member.target != nullptr) {
    json["target"] = GroupJson(*member.target);
  }
  return json;
}

Json GroupJson(const ExplainedGroup& group) {
  Json members = Json::array();
  for (const ExplainedMember& member : group.members) {
    members.push_back(MemberJson(member));
  }
  Json json{{"name", group.name},
            {"type", group.type},
            {"policy", group.policy},
            {"last_resort", group.last_resort},
            {"members", members}};
  if (!group.traffic_policy_instance_id.empty()) {
    json["traffic_policy_instance_id"] = group.traffic_policy_instance_id;
  }
  return json;
}

Json GlueJson(const Explanation& glue, const std::string& client) {
  Json json{{"name", glue.owner},
            {"type", glue.type},
            {"last_resort", glue.last_resort},
            {"answers", AnswersJson(glue.answers)},
            {"tree", GroupJson(*glue.tree)}};
  if (glue.asks_client) {
    json["client"] = ClientJson(glue, client);
  }
  return json;
}

}  // namespace

const char* ErrorCodeText(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kExhausted:
      return "exhausted";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kIo:
      return "io";
  }
  return "io";
}

Json Success(Json result) {
  return {{"ok", true}, {"result", std::move(result)}};
}

Json Failure(const Error& error) {
  return {{"ok", false},
          {"error", {{"code", ErrorCodeText(error.code)}, {"message", error.message}}}};
}

Json AnswersJson(std::span<const ExplainedAnswer> answers) {
  Json out = Json::array();
  for (const ExplainedAnswer& answer : answers) {
    Json json{{"share", answer.share.Text()}, {"ttl", answer.ttl}, {"records", answer.values}};
    if (answer.take != 0) {
      json["take"] = answer.take;
    }
    out.push_back(std::move(json));
  }
  return out;
}

Json ChecksJson(const health::Monitor& monitor, const Model& model) {
  std::unordered_map<std::string_view, const health::CheckConfig*> configs;
  for (const health::CheckConfig& check : model.checks) {
    configs.emplace(check.id, &check);
  }
  Json checks = Json::array();
  for (const health::CheckStatus& check : monitor.Statuses()) {
    const auto config = configs.find(check.id);  // none: a load came in between
    checks.push_back(CheckJson(check));
    checks.back()["settings"] = config == configs.end() ? Json() : SettingsJson(*config->second);
  }
  return checks;
}

Json LimitsJson(const NodeConfig& node) {
  const table::RateLimit& rate = node.rate_limit;
  Json access = Json::object();
  for (const AccessRule& rule : node.access) {
    Json& count = access[AccessText(rule.access)];
    count = count.is_null() ? 1 : count.get<int>() + 1;
  }
  return {
      {"access_networks", access},
      {"udp_octets", node.dns.udp_octets},
      {"udp_octets_without_cookie",
       node.dns.udp_octets_without_cookie == 0 ? Json() : Json(node.dns.udp_octets_without_cookie)},
      {"rate",
       rate.answers_per_second == 0 ? Json()
                                    : Json{{"answers_per_second", rate.answers_per_second},
                                           {"burst", rate.burst},
                                           {"slip", rate.slip},
                                           {"ipv4_prefix", rate.ipv4_prefix},
                                           {"ipv6_prefix", rate.ipv6_prefix},
                                           {"dry_run", rate.dry_run != 0}}}};
}

Json StatusResult(Core& core, const Instruments& instruments, std::int64_t started_ms) {
  const TableUse use = core.publisher().Use();
  Json zones = Json::array();
  for (const ZoneInfo& zone : core.zones()) {
    zones.push_back({{"origin", zone.origin},
                     {"id", zone.id},
                     {"serial", zone.serial},
                     {"names", zone.names},
                     {"source", zone.source},
                     {"model", zone.stored ? "stored" : "parsed"},
                     {"loaded_ms", zone.loaded_ms}});
  }
  Json readers = Json::array();
  for (const table::ReaderInfo& reader : table::ListReaders(core.node().run_dir)) {
    readers.push_back(ReaderJson(reader, instruments.counter_names));
  }
  Json ports = Json::array();
  if (core.node().dataplane.enabled) {
    for (const PortConfig& port : core.node().dataplane.ports) {
      ports.push_back(PortJson(port, instruments.xdp_counters));
    }
  }
  return {{"node", core.node().id},
          {"version", HF_VERSION},
          {"pid", getpid()},
          {"uptime_s", (WallMs() - started_ms) / 1000},
          {"generation", core.publisher().generation().value()},
          {"behind", core.behind().empty() ? Json() : Json(core.behind())},
          {"tables",
           {{"path", core.publisher().image_path()},
            {"total_octets", use.total_octets},
            {"free_octets", use.free_octets},
            {"names", use.names},
            {"pools", use.pools},
            {"blobs", use.blobs},
            {"waiting", use.waiting}}},
          {"scrub", ScrubJson(core.scrub(), core.node().tables.scrub_seconds)},
          {"transitions", TransitionsJson(core.publish_times())},
          {"limits", LimitsJson(core.node())},
          {"zones", zones},
          {"ports", ports},
          {"readers", readers},
          {"warnings", core.warnings()}};
}

Result<Json> ExplainResult(const Model& model,
                           std::span<const CompiledHealth> health,
                           Generation generation,
                           const std::string& name,
                           const std::string& type,
                           const std::string& client,
                           const NodeConfig& node,
                           KeptRows& kept) {
  const auto prefix = ClientOf(client);
  if (!prefix) {
    return std::unexpected(prefix.error());
  }
  const auto qname = wire::FromText(name);
  if (!qname) {
    return Fail(ErrorCode::kInvalid, "name '" + name + "': " + qname.error().message);
  }
  const auto qtype = wire::TypeFromText(type);
  if (!qtype) {
    return std::unexpected(qtype.error());
  }
  const auto explained = Explain(model, health, *qname, *qtype, *prefix, &kept);
  if (!explained) {
    return std::unexpected(explained.error());
  }
  Json json{{"name", wire::ToText(*qname)},
            {"type", wire::TypeText(*qtype)},
            {"outcome", ExplainedStatusText(explained->status)},
            {"zone", explained->zone},
            {"owner", explained->owner},
            {"answered_by_type", explained->type},
            {"last_resort", explained->last_resort},
            {"generation", generation.value()},
            {"answers", AnswersJson(explained->answers)}};
  if (!client.empty() || explained->asks_client) {
    json["client"] = ClientJson(*explained, client);
    if (!node.location.client_subnet) {
      json["client"]["scope"] = 0;
      json["client"]["note"] =
          "[location] client_subnet is false: so is a sender at this address answered, and no "
          "reply has a scope";
    }
  }
  if (const AccessRule* rule = AccessOf(node.access, {prefix->v6, prefix->address, prefix->length});
      !client.empty() && rule != nullptr) {
    json["access"] = {{"rule", AccessText(rule->access)}, {"network", ToText(rule->network)}};
  }
  for (const Explanation& glue : explained->glue) {
    json["glue"].push_back(GlueJson(glue, client));
  }
  if (explained->tree != nullptr) {
    json["tree"] = GroupJson(*explained->tree);
  }
  return json;
}

}  // namespace holdfast::control

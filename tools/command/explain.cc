// One function per kind of line; see explain.h.
#include "tools/command/explain.h"

#include <vector>

#include "tools/command/fields.h"

namespace holdfast::tools {

namespace {

using nlohmann::json;

// Alias trees end at 16 levels in control already; this bounds what a strange peer sends.
constexpr unsigned kMostDepth = 64;

std::string Join(const json& values) {
  std::string text;
  for (const json& one : values) {
    text += (text.empty() ? "" : ", ") + Text(one);
  }
  return text.empty() ? "-" : text;
}

std::string HealthOf(const json& member) {
  const std::string verdict = IsTrue(member, "healthy") ? "healthy" : "unhealthy";
  std::string because;
  if (const json& check = Member(member, "check"); check.is_object()) {
    because = "check " + Text(check, "id") +
              (IsTrue(check, "known") ? (IsTrue(check, "healthy") ? " healthy" : " unhealthy")
                                      : " is not known here");
    const std::string ordered = Text(check, "override");
    if (ordered != "-" && ordered != "auto") {
      because += ", " + SetByCommand(check);
    } else if (IsTrue(check, "disabled")) {
      because += ", disabled";
    } else if (IsTrue(check, "known") && !IsTrue(check, "decided")) {
      because += ", no verdict yet";
    }
  }
  if (const json& alias = Member(member, "alias");
      IsTrue(alias, "evaluate_target_health") && IsTrue(alias, "found")) {
    because += (because.empty() ? "" : ", ") + std::string("target ") +
               (IsTrue(alias, "healthy") ? "healthy" : "unhealthy");
  }
  return because.empty() ? verdict + " (nothing checks it)" : verdict + " (" + because + ")";
}

std::string Title(const json& member, const std::string& policy) {
  const std::string identifier = Text(member, "set_identifier");
  std::string title = identifier == "-" ? "record" : "'" + identifier + "'";
  if (policy == "failover") {
    title += IsTrue(member, "primary") ? " primary" : " secondary";
  } else if (policy == "weighted") {
    title += " weight " + Text(member, "weight");
  } else if (const json& where = Member(member, "where"); where.is_string()) {
    title += " for " + Text(where);
    if (policy == "geoproximity") {
      title += ", bias " + Text(member, "bias");
    }
  }
  if (const json& alias = Member(member, "alias"); alias.is_object()) {
    title += " -> " + Text(alias, "target");
    if (!IsTrue(alias, "found")) {
      const json& cut = Member(alias, "hidden_by");
      title += cut.is_string() ? " (hidden by the delegation at " + Text(cut) + ")"
                               : std::string(" (no such name)");
    }
  } else {
    title += " " + Join(Elements(member, "values")) + " ttl " + Text(member, "ttl");
  }
  return title;
}

void AddGroup(const json& group, unsigned depth, std::string& text) {
  const std::string margin(std::size_t{2} * depth, ' ');
  const std::string policy = Text(group, "policy");
  text += margin + Text(group, "name") + " " + Text(group, "type") + ", " + policy;
  if (const json& instance = Member(group, "traffic_policy_instance_id"); instance.is_string()) {
    text += ", TrafficPolicyInstanceId " + Text(instance);
  }
  text += IsTrue(group, "last_resort") ? ": last resort, all count as healthy\n" : "\n";
  for (const json& member : Elements(group, "members")) {
    text += margin + "  " + (IsTrue(member, "chosen") ? "+ " : "- ") + Title(member, policy) + "\n";
    text += margin + "      " + HealthOf(member) + "; ";
    text += IsTrue(member, "chosen") ? "answers, share " + Text(member, "share") + "\n"
                                     : "dropped: " + Text(member, "dropped_by") + "\n";
    if (const json& target = Member(member, "target"); target.is_object() && depth < kMostDepth) {
      AddGroup(target, depth + 2, text);
    }
  }
}

std::string Answers(const json& result) {
  std::vector<std::vector<std::string>> rows = {{"share", "ttl", "records"}};
  for (const json& one : Elements(result, "answers")) {
    const json& records = Elements(one, "records");
    std::string what = records.empty() ? "none (NODATA)" : Join(records);
    if (const std::int64_t take = Number(one, "take"); take > 0) {
      what.insert(0, std::to_string(take) + " of ");
    }
    rows.push_back({Text(one, "share"), Text(one, "ttl"), std::move(what)});
  }
  return rows.size() > 1 ? "\npermitted answers\n" + Columns(rows) : "";
}

void AddClient(const json& client, std::string& text) {
  text += "  client " + Text(client, "address") + ", scope /" + Text(client, "scope");
  if (const json& note = Member(client, "note"); note.is_string()) {
    text += ": " + Text(note);
  }
  text += "\n";
  if (const json& known = Member(client, "known"); known.is_object()) {
    for (const auto& [source, place] : known.items()) {
      const json& files = Elements(Member(client, "files"), source.c_str());
      text += "    " + Printable(source) + ": " + Text(place) +
              (files.empty() ? "" : " (" + Join(files) + ")") + "\n";
    }
  }
  for (const json& also : Elements(client, "also")) {
    text += "    " + Text(also, "name") + " " + Text(also, "type") +
            (IsTrue(also, "beside") ? ", beside the answer" : ", which is gone on to") +
            ", depends on the client too: scope /" + Text(also, "scope") + "\n";
  }
}

}  // namespace

std::string ExplainText(const json& result) {
  std::string text =
      Text(result, "name") + " " + Text(result, "type") + ": " + Text(result, "outcome") + "\n";
  const auto line = [&text, &result](const char* name, const char* said) {
    const std::string value = Text(result, name);
    if (value != "-" && !value.empty()) {
      text += "  " + std::string(said) + " " + value + "\n";
    }
  };
  line("zone", "zone");
  if (Text(result, "owner") != Text(result, "name")) {
    line("owner", "answered by the records of");
  }
  if (Text(result, "answered_by_type") != Text(result, "type")) {
    line("answered_by_type", "answered by type");
  }
  line("generation", "generation");
  if (const json& client = Member(result, "client"); client.is_object()) {
    AddClient(client, text);
  }
  if (const json& access = Member(result, "access"); access.is_object()) {
    const std::string rule = Text(access, "rule");
    text += "  [access] " + rule + " has " + Text(access, "network") + ": from there " +
            (rule == "drop"     ? "a query gets no reply"
             : rule == "refuse" ? "a query is refused"
             : rule == "trust"  ? "no limit of rate or size holds"
                                : "a query is answered within the limits") +
            "\n";
  }
  for (const json& rule : Elements(result, "rules")) {
    text += "  rule: " + Text(rule) + "\n";
  }
  if (IsTrue(result, "last_resort")) {
    text += "  nothing was healthy on a way that may be taken: the last resort answers\n";
  }
  if (const json& tree = Member(result, "tree"); tree.is_object()) {
    text += "\n";
    AddGroup(tree, 0, text);
  }
  text += Answers(result);
  for (const json& glue : Elements(result, "glue")) {
    text += "\nwith the referral go\n";
    if (const json& client = Member(glue, "client"); client.is_object()) {
      AddClient(client, text);
    }
    AddGroup(Member(glue, "tree"), 0, text);
    text += Answers(glue);
  }
  return text;
}

}  // namespace holdfast::tools

#include "tools/command/health.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "tools/command/fields.h"
#include "tools/command/text.h"

namespace holdfast::tools {
namespace {

using nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

std::string Ago(const json& at_ms, std::int64_t now_ms) {
  return at_ms.is_number_integer() ? Duration(now_ms - at_ms.get<std::int64_t>()) + " ago" : "-";
}

std::string State(const json& check) {
  std::string state = Text(check, "state");
  if (Text(check, "override") != "auto") {
    state += ", " + SetByCommand(check);
  } else if (IsTrue(check, "disabled")) {
    state += ", disabled";
  } else if (!IsTrue(check, "verified")) {
    state += ", not yet verified";
  }
  if (const std::string held = Text(check, "held"); !held.empty() && held != "-") {
    state += ", held down " + held;
  }
  return state + (IsTrue(check, "inverted") ? ", inverted" : "");
}

// Of a checker in another process.
std::string Link(const json& link, std::int64_t now_ms) {
  if (!link.is_object()) {
    return "-";
  }
  return (IsTrue(link, "connected") ? "up for " : "gone for ") +
         Duration(now_ms - Number(link, "since_ms", now_ms));
}

std::string Views(const json& check, std::int64_t now_ms) {
  Rows rows = {{"checker", "region", "says", "probed", "took", "link", "reason"}};
  for (const json& view : Elements(check, "views")) {
    const json& age = Member(view, "age_ms");
    rows.push_back(
        {Text(view, "checker"),
         Text(view, "region"),
         Text(view, "side") + (IsTrue(view, "draining") ? ", draining" : ""),
         age.is_number_integer() ? Duration(age.get<std::int64_t>()) + " ago" : "never",
         Member(view, "rtt_ms").is_number() ? Text(view, "rtt_ms") + " ms" : std::string("-"),
         Link(Member(view, "link"), now_ms),
         Text(view, "reason")});
  }
  return rows.size() > 1 ? "\ncheckers\n" + Columns(rows) : "";
}

std::string Latency(const json& check) {
  Rows rows = {{"checker", "phase", "probes", "mean", "p50", "p99"}};
  for (const json& view : Elements(check, "views")) {
    for (const char* phase : {"connect", "tls", "first_byte"}) {
      if (const json& took = Member(Member(view, "latency"), phase); took.is_object()) {
        rows.push_back({Text(view, "checker"),
                        phase,
                        Text(took, "count"),
                        Text(took, "mean_ms") + " ms",
                        Text(took, "p50_ms") + " ms",
                        Text(took, "p99_ms") + " ms"});
      }
    }
  }
  return rows.size() > 1 ? "\nlatency of probes that passed\n" + Columns(rows) : "";
}

std::string History(const json& check, std::int64_t now_ms) {
  Rows rows = {{"when", "what", "reason"}};
  for (const json& line : Elements(check, "history")) {
    const json& seen = Member(line, "seen");
    std::string what =
        "became " +
        std::string(IsTrue(Member(line, "change"), "healthy") ? "healthy" : "unhealthy");
    if (seen.is_object()) {
      what = Text(seen, "checker") + ": " + Text(seen, "outcome");
      const std::int64_t times = Number(seen, "times");
      what += times > 1 ? ", " + std::to_string(times) + " times" : "";
      what += ", says " + Text(seen, "side");
    }
    rows.push_back({Ago(Member(line, "at_ms"), now_ms), std::move(what), Text(line, "reason")});
  }
  return rows.size() > 1 ? "\nhistory\n" + Columns(rows) : "";
}

// As they are in force.
std::string Settings(const json& check) {
  Rows rows;
  for (const auto& [name, value] : Member(check, "settings").items()) {
    const bool is_list = value.is_array() && !value.empty();
    std::string words = value.is_string() ? value.get<std::string>() : value.dump();
    if (value.is_null() || (value.is_array() && !is_list) || words.empty()) {
      words = "-";
    }
    rows.push_back({Printable(name), Printable(words)});
  }
  return rows.empty() ? "" : "\nsettings in force\n" + Columns(rows);
}

}  // namespace

std::string HealthText(const json& check, std::int64_t now_ms) {
  std::string text = Text(check, "id") + " " + Text(check, "type") + ": " + State(check) + "\n";
  const auto line = [&text](const std::string& name, const std::string& value) {
    text += "  " + name + " " + value + "\n";
  };
  line("target", Text(check, "target"));
  line("since", Ago(Member(check, "since_ms"), now_ms));
  if (const std::string reason = Text(check, "reason"); !reason.empty()) {
    line("reason", reason);
  }
  line("seen",
       Text(check, "passes") + " passes, " + Text(check, "failures") + " failures, " +
           Text(check, "unknowns") + " unknown");
  if (Member(check, "last_failure_ms").is_number_integer()) {
    line("last failure",
         Ago(Member(check, "last_failure_ms"), now_ms) + ": " + Text(check, "last_failure"));
  }
  if (Number(check, "flaps") > 0) {
    line("fell", Text(check, "flaps") + " times within the last hour");
  }
  if (const json& tally = Member(check, "checkers"); tally.is_object()) {
    line("checkers",
         Text(tally, "healthy") + " of " + Text(tally, "reporting") + " reporting say healthy, " +
             Text(tally, "assigned") + " assigned" +
             (Member(tally, "quorum").is_boolean() && !IsTrue(tally, "quorum")
                  ? "; TOO FEW TO DECIDE, the last status stays"
                  : ""));
  }
  if (const json& children = Member(check, "children"); children.is_object()) {
    line("children", Text(children, "healthy") + " of " + Text(children, "all") + " healthy");
  }
  return text + Settings(check) + Views(check, now_ms) + Latency(check) + History(check, now_ms);
}

}  // namespace holdfast::tools

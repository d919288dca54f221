// See plan.h.
#include "tools/command/plan.h"

#include <vector>

#include "tools/command/fields.h"

namespace holdfast::tools {

namespace {

using nlohmann::json;

// Longer lists of records or of answers end in "...": --json has all of them.
constexpr std::size_t kMostShown = 8;

std::string Join(const json& values) {
  std::string text;
  std::size_t shown = 0;
  for (const json& one : values) {
    if (shown++ == kMostShown) {
      return text + ", ... (" + std::to_string(values.size()) + ")";
    }
    text += (text.empty() ? "" : ", ") + Text(one);
  }
  return text;
}

std::string OneAnswer(const json& answer) {
  const json& records = Elements(answer, "records");
  std::string text = records.empty() ? "NODATA" : Join(records);
  if (const std::int64_t take = Number(answer, "take"); take > 0) {
    text.insert(0, std::to_string(take) + " of ");
  }
  if (!records.empty()) {
    text += " ttl " + Text(answer, "ttl");
  }
  const std::string share = Text(answer, "share");
  return share == "1" ? text : text + " (" + share + ")";
}

std::string Outcome(const json& side, const std::string& asked) {
  const std::string outcome = Text(side, "outcome");
  const json& answers = Elements(side, "answers");
  std::string text;
  std::size_t shown = 0;
  for (const json& answer : answers) {
    if (shown++ == kMostShown) {
      text += "; ... (" + std::to_string(answers.size()) + " answers)";
      break;
    }
    text += (text.empty() ? "" : "; ") + OneAnswer(answer);
  }
  if (outcome == "answer") {
    const std::string type = Text(side, "type");
    return type == asked ? text : type + " " + text;
  }
  std::string word = outcome == "nxdomain" ? "NXDOMAIN" : outcome == "nodata" ? "NODATA" : outcome;
  std::string glue;
  for (const json& one : Elements(side, "glue")) {
    glue += (glue.empty() ? " with " : "; ") + Text(one);
  }
  return text.empty() ? word : word + " to " + text + glue;
}

void AddChange(const json& change, std::string& text) {
  const std::string type = Text(change, "type");
  text += Text(change, "name") + (type.empty() ? "" : " " + type) + ":";
  const std::int64_t classes = Number(change, "classes");
  const json& clients = Elements(change, "clients");
  if (classes > 0) {
    text += " changes for " + Text(change, "changed_classes") + " of " + std::to_string(classes) +
            " classes of clients\n";
  }
  std::int64_t told = 0;
  for (const json& some : clients) {
    const std::string before = Outcome(Member(some, "before"), type);
    const std::string after = Outcome(Member(some, "after"), type);
    if (classes <= 0) {
      text.append(" ").append(before).append("\n    -> ").append(after).append("\n");
      continue;
    }
    told += Number(some, "classes");
    std::string known;
    for (const auto& [source, place] : Member(some, "known").items()) {
      known.append(known.empty() ? "" : "; ").append(Printable(source)).append(" ");
      known.append(Text(place));
    }
    text.append("    ").append(Text(some, "classes")).append(" like ").append(known);
    text.append(":\n      ").append(before).append("\n      -> ").append(after).append("\n");
  }
  if (const std::int64_t more = Number(change, "changed_classes") - told; classes > 0 && more > 0) {
    text += "    and " + std::to_string(more) + " more\n";
  }
}

}  // namespace

std::string PlanText(const json& result) {
  std::string text = "zone " + Text(result, "zone") + " with the " + Text(result, "kind") + " " +
                     Text(result, "file") + ", against generation " + Text(result, "generation") +
                     "\n";
  const std::int64_t changed = Number(result, "changed");
  if (changed == 0) {
    return text + "no answer changes (" + Text(result, "names_compared") + " names compared)\n";
  }
  const json& changes = Elements(result, "changes");
  for (const json& change : changes) {
    AddChange(change, text);
  }
  if (const auto more = changed - static_cast<std::int64_t>(changes.size()); more > 0) {
    text += "... and " + std::to_string(more) +
            (IsTrue(result, "all") ? " more, too many to show\n" : " more; --all shows them\n");
  }
  return text + std::to_string(changed) +
         (changed == 1 ? " answer changes, " : " answers change, ") +
         Text(result, "names_that_come") + " names come, " + Text(result, "names_that_go") +
         " go (" + Text(result, "names_compared") + " names compared)\n";
}

}  // namespace holdfast::tools

#include "control/config/routing_controls.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace holdfast::control {
namespace {

constexpr std::size_t kMaxControls = 4096;
constexpr std::size_t kMaxNameOctets = 255;

class RecoveryReader {
 public:
  RecoveryReader(Fields& top, const std::string& path, Findings& findings)
      : top_(top), path_(path), findings_(findings) {}

  RecoveryConfig Read() {
    if (const Value* tables = top_.Table("routing_control"); tables != nullptr) {
      for (const Value& table : tables->items) {
        ReadControl(table);
      }
    }
    for (const Value& table : top_.Array("safety_rule")) {
      ReadRule(table);
    }
    return std::move(config_);
  }

 private:
  void ReadControl(const Value& table) {
    if (table.kind != Value::Kind::kTable) {
      top_.Expected("routing_control", table, "tables written as [routing_control.\"NAME\"]");
      return;
    }
    Fields fields(table, path_, "", findings_);
    RoutingControlConfig control{.name = table.key};
    if (control.name.empty() || control.name.size() > kMaxNameOctets) {
      findings_.AddError(fields.Place(table),
                         "routing control '" + control.name + "': its name has " +
                             std::to_string(control.name.size()) + " characters; expected 1..255");
    }
    if (const auto word = fields.Word("initial", {"Off", "On"})) {
      control.initial_on = *word == 1;
    }
    fields.RefuseUnknown();
    if (config_.controls.size() == kMaxControls) {
      top_.Refuse("routing_control", "has more than 4096 tables");
      return;
    }
    config_.controls.push_back(std::move(control));
  }

  void ReadRule(const Value& table) {
    if (table.kind != Value::Kind::kTable) {
      top_.Expected("safety_rule", table, "tables written as [[safety_rule]]");
      return;
    }
    Fields fields(table, path_, "", findings_);
    SafetyRule rule;
    if (fields.Require("name", "1..64 characters")) {
      rule.name = fields.Text("name", {1, 64}).value_or("");
    }
    if (std::ranges::find(config_.rules, rule.name, &SafetyRule::name) != config_.rules.end()) {
      fields.Refuse("name", "is \"" + rule.name + "\", which another [[safety_rule]] has already");
    }
    if (fields.Require("kind", "\"at_least\" or \"gating\"")) {
      rule.kind = fields.Word("kind", {"at_least", "gating"}).value_or(0) == 1
                      ? SafetyRule::Kind::kGating
                      : SafetyRule::Kind::kAtLeast;
    }
    rule.controls = NamesIn(fields, "controls");
    if (rule.kind == SafetyRule::Kind::kGating) {
      rule.gates = NamesIn(fields, "gates");
    } else if (fields.Has("gates")) {
      fields.Refuse("gates", "is given; expected none unless the kind is \"gating\"");
    }
    const std::size_t most =
        rule.kind == SafetyRule::Kind::kGating ? rule.gates.size() : rule.controls.size();
    rule.on = static_cast<std::uint32_t>(
        fields.Integer("on", {1, std::max<std::int64_t>(1, static_cast<std::int64_t>(most))})
            .value_or(1));
    fields.RefuseUnknown();
    config_.rules.push_back(std::move(rule));
  }

  std::vector<std::string> NamesIn(Fields& fields, std::string_view key) {
    auto names = fields.Strings(key);
    if (names.empty()) {
      fields.Refuse(key, "is missing or empty; expected names of routing controls");
    }
    std::set<std::string_view> seen;
    for (const std::string& name : names) {
      if (std::ranges::find(config_.controls, name, &RoutingControlConfig::name) ==
          config_.controls.end()) {
        fields.Refuse(key, "names '" + name + "', which no [routing_control] is");
      } else if (!seen.insert(name).second) {
        fields.Refuse(key, "names '" + name + "' twice; expected each once");
      }
    }
    return names;
  }

  Fields& top_;
  const std::string& path_;
  Findings& findings_;
  RecoveryConfig config_;
};

}  // namespace

RecoveryConfig ReadRecovery(Fields& top, const std::string& path, Findings& findings) {
  return RecoveryReader(top, path, findings).Read();
}

}  // namespace holdfast::control

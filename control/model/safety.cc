#include "control/model/safety.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace holdfast::control {
namespace {

std::size_t CountOn(const ControlStates& states, const std::vector<std::string>& names) {
  return static_cast<std::size_t>(std::ranges::count_if(names, [&states](const std::string& name) {
    const auto at = states.find(name);
    return at != states.end() && at->second;
  }));
}

bool Names(const std::vector<std::string>& controls, std::string_view name) {
  return std::ranges::find(controls, name) != controls.end();
}

std::string Wanted(const SafetyRule& rule, std::size_t counted, std::size_t of) {
  return "rule '" + rule.name + "': at least " + std::to_string(rule.on) + " of its " +
         std::to_string(of) + (rule.kind == SafetyRule::Kind::kGating ? " gates" : " controls") +
         " must be On, " + std::to_string(counted) + (counted == 1 ? " is" : " are");
}

}  // namespace

Status CheckSafety(const ControlStates& states,
                   std::span<const ControlChange> changes,
                   std::span<const SafetyRule> rules,
                   std::span<const std::string> overridden) {
  if (changes.empty()) {
    return Fail(ErrorCode::kInvalid, "no routing control is named, expected one or more");
  }
  ControlStates after = states;
  std::set<std::string_view> seen;
  for (const ControlChange& change : changes) {
    const auto at = after.find(change.name);
    if (at == after.end()) {
      return Fail(ErrorCode::kNotFound, "routing control '" + change.name + "' does not exist");
    }
    if (!seen.insert(change.name).second) {
      return Fail(ErrorCode::kInvalid,
                  "routing control '" + change.name + "' is named twice, expected once");
    }
    at->second = change.on;
  }
  for (const std::string& name : overridden) {
    if (std::ranges::find(rules, name, &SafetyRule::name) == rules.end()) {
      return Fail(ErrorCode::kNotFound, "safety rule '" + name + "' does not exist");
    }
  }
  std::string forbidden;
  for (const SafetyRule& rule : rules) {
    if (std::ranges::find(overridden, rule.name) != overridden.end()) {
      continue;
    }
    const bool is_gating = rule.kind == SafetyRule::Kind::kGating;
    const bool asks = std::ranges::any_of(changes, [&](const ControlChange& change) {
      return Names(rule.controls, change.name) && (is_gating || !change.on) &&
             states.find(change.name)->second != change.on;
    });
    const auto& counted = is_gating ? rule.gates : rule.controls;
    if (const std::size_t on = CountOn(after, counted); asks && on < rule.on) {
      forbidden += (forbidden.empty() ? "" : "\n") + Wanted(rule, on, counted.size());
    }
  }
  return forbidden.empty() ? Status{} : Fail(ErrorCode::kConflict, std::move(forbidden));
}

}  // namespace holdfast::control

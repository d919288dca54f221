#include "control/traffic/tree.h"

#include <algorithm>
#include <cstddef>
#include <unordered_map>
#include <vector>

#include "control/model/record_groups.h"
#include "control/model/rules.h"

namespace holdfast::control {
namespace {

class TreeRules {
 public:
  TreeRules(const TrafficDocument& document, const std::string& file, Findings& findings)
      : document_(document),
        file_(file),
        findings_(findings),
        state_(document.rules.size(), State::kNew),
        height_(document.rules.size(), 0) {}

  void Check() {
    for (const TrafficRule& rule : document_.rules) {
      CheckSize(rule);
      CheckPlaces(rule);
    }
    if (document_.start.to_rule) {
      Walk(document_.start.target);
    }
    WarnUnreached();
    for (std::size_t rule = 0; rule < document_.rules.size(); ++rule) {
      if (state_[rule] == State::kNew) {
        Walk(rule);
      }
    }
  }

 private:
  enum class State : std::uint8_t { kNew, kOpen, kDone };
  struct Step {
    std::size_t rule;
    std::size_t next_leg;
  };

  void CheckSize(const TrafficRule& rule);
  void CheckPlaces(const TrafficRule& rule);
  void Walk(std::size_t root);
  void Close(std::size_t rule);
  void RefuseLoop(const std::vector<Step>& path, const TrafficLeg& leg);
  void WarnUnreached();
  void Refuse(const TrafficLeg& leg, const TrafficRule& rule, const std::string& what) {
    findings_.AddError(Source{file_, leg.line}, "rule '" + rule.id + "': " + what);
  }

  const TrafficDocument& document_;
  const std::string& file_;
  Findings& findings_;
  std::vector<State> state_;
  std::vector<std::size_t> height_;  // steps from rule to rule below a rule
};

void TreeRules::CheckSize(const TrafficRule& rule) {
  const std::size_t most = rule.policy == Policy::kGeoproximity ? kMaxGeoproximityGroup : kMaxGroup;
  if (rule.legs.size() > most) {
    Refuse(rule.legs[most],
           rule,
           "has " + std::to_string(rule.legs.size()) + " legs; expected at most " +
               std::to_string(most));
  }
}

void TreeRules::CheckPlaces(const TrafficRule& rule) {
  if (!AsksTheClient(rule.policy)) {
    return;
  }
  std::unordered_map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < rule.legs.size(); ++i) {
    RecordSet record;
    record.policy = rule.policy;
    record.where = rule.legs[i].where;
    const auto [first, fresh] = seen.emplace(WhereText(record), i);
    if (!fresh) {
      Refuse(rule.legs[i],
             rule,
             "leg " + std::to_string(i + 1) + " has the same " + first->first + " as leg " +
                 std::to_string(first->second + 1) + "; expected each once");
    }
  }
}

// Depth first without recursion: a chain may be as long as the document is large.
void TreeRules::Walk(std::size_t root) {
  std::vector<Step> path{{root, 0}};
  state_[root] = State::kOpen;
  while (!path.empty()) {
    Step& step = path.back();
    const TrafficRule& rule = document_.rules[step.rule];
    if (step.next_leg == rule.legs.size()) {
      Close(step.rule);
      path.pop_back();
      continue;
    }
    const TrafficLeg& leg = rule.legs[step.next_leg++];
    if (!leg.to_rule) {
      continue;
    }
    if (state_[leg.target] == State::kOpen) {
      RefuseLoop(path, leg);
    } else if (state_[leg.target] == State::kNew) {
      state_[leg.target] = State::kOpen;
      path.push_back({leg.target, 0});
    }
  }
}

void TreeRules::Close(std::size_t at) {
  state_[at] = State::kDone;
  const TrafficRule& rule = document_.rules[at];
  const TrafficLeg* deepest = nullptr;
  for (const TrafficLeg& leg : rule.legs) {
    if (leg.to_rule && height_[leg.target] + 1 > height_[at]) {
      height_[at] = height_[leg.target] + 1;
      deepest = &leg;
    }
  }
  // Once for each chain: what stands above a rule that is too deep is not reported again.
  if (height_[at] == kMaxAliasSteps + 1) {
    Refuse(*deepest,
           rule,
           "the rules below it are " + std::to_string(height_[at]) + " deep; expected at most " +
               std::to_string(kMaxAliasSteps));
  }
}

void TreeRules::RefuseLoop(const std::vector<Step>& path, const TrafficLeg& leg) {
  constexpr std::size_t kShown = 20;
  std::string loop;
  std::size_t shown = 0;
  for (auto step = std::ranges::find(path, leg.target, &Step::rule);
       step != path.end() && shown < kShown;
       ++step, ++shown) {
    loop += "'" + document_.rules[step->rule].id + "' -> ";
  }
  Refuse(leg,
         document_.rules[path.back().rule],
         "rules go round in a loop: " + loop + (shown == kShown ? "... -> " : "") + "'" +
             document_.rules[leg.target].id + "'");
}

// After the walk from the start, before those from elsewhere.
void TreeRules::WarnUnreached() {
  for (std::size_t i = 0; i < document_.rules.size(); ++i) {
    if (state_[i] == State::kNew) {
      findings_.AddWarning("", "rule '" + document_.rules[i].id + "': no way leads there");
    }
  }
}

}  // namespace

void CheckTree(const TrafficDocument& document, const std::string& file, Findings& findings) {
  TreeRules(document, file, findings).Check();
}

}  // namespace holdfast::control

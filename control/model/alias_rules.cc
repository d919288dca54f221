#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "control/model/rules.h"
#include "control/model/rules_parts.h"
#include "dataplane/base/check.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

class AliasRules {
 public:
  AliasRules(const Zone& zone, const RecordGroups& groups, Findings& findings)
      : zone_(zone),
        groups_(groups),
        findings_(findings),
        state_(groups.All().size(), State::kNew),
        height_(groups.All().size(), 0) {}

  void Check() {
    CheckTargets();
    for (std::size_t at = 0; at < groups_.All().size(); ++at) {
      if (state_[at] == State::kNew) {
        Walk(at);
      }
    }
  }

 private:
  enum class State : std::uint8_t { kNew, kOpen, kDone };
  struct Step {
    std::size_t group;
    std::size_t next_record;
  };

  void CheckTargets();
  void Refuse(const RecordSet& record, const std::string& why);
  void Walk(std::size_t root);
  void Close(std::size_t group);
  void ReportLoop(const std::vector<Step>& path, const RecordSet& record, std::size_t target);
  [[nodiscard]] std::string Text(std::size_t group) const {
    return GroupText(*groups_.All()[group].front());
  }

  const Zone& zone_;
  const RecordGroups& groups_;
  Findings& findings_;
  std::vector<State> state_;
  std::vector<std::size_t> height_;  // alias steps below a group
};

void AliasRules::Refuse(const RecordSet& record, const std::string& why) {
  HF_CHECK(record.alias.has_value());
  findings_.AddError(record.source,
                     RecordText(record) + ": Tried to create an alias that targets " +
                         wire::ToText(record.alias->name) + ", type " +
                         wire::TypeText(record.type) + " in zone " + wire::ToText(zone_.origin) +
                         ", but " + why);
}

void AliasRules::CheckTargets() {
  std::vector<const RecordSet*> not_groups;
  std::unordered_set<NameType, NameTypeHash, NameTypeEqual> wanted;
  for (const RecordSet& record : zone_.record_sets) {
    if (!record.alias) {
      continue;
    }
    if (!wire::IsAtOrBelow(record.alias->name, zone_.origin)) {
      Refuse(record, "the alias target name does not lie within the target zone");
    } else if (const NameType target{record.alias->name, record.type};
               groups_.Find(target) == RecordGroups::kNone) {
      not_groups.push_back(&record);
      wanted.insert(target);
    } else if (const auto& traffic = groups_.All()[groups_.Find(target)].front()->traffic;
               traffic != nullptr && traffic->hidden && record.traffic == nullptr) {
      Refuse(record, "that target was not found");  // nobody but its policy knows that name
    }
  }
  // Static rrsets are many and have no index: strike out those that are there.
  for (const Rrset& rrset : zone_.rrsets) {
    if (wanted.empty()) {
      break;
    }
    wanted.erase({rrset.owner, rrset.type});
  }
  for (const RecordSet* record : not_groups) {
    if (record->alias && wanted.contains({record->alias->name, record->type})) {
      Refuse(*record, "that target was not found");
    }
  }
}

// Depth first without recursion: a chain may be as long as the zone is large.
void AliasRules::Walk(std::size_t root) {
  std::vector<Step> path{{root, 0}};
  state_[root] = State::kOpen;
  while (!path.empty()) {
    Step& step = path.back();
    const RecordGroup& group = groups_.All()[step.group];
    if (step.next_record == group.size()) {
      Close(step.group);
      path.pop_back();
      continue;
    }
    const RecordSet& record = *group[step.next_record++];
    const std::size_t target =
        record.alias ? groups_.Find({record.alias->name, record.type}) : RecordGroups::kNone;
    if (target == RecordGroups::kNone) {
      continue;
    }
    if (state_[target] == State::kOpen) {
      ReportLoop(path, record, target);
    } else if (state_[target] == State::kNew) {
      state_[target] = State::kOpen;
      path.push_back({target, 0});
    }
  }
}

void AliasRules::Close(std::size_t group) {
  state_[group] = State::kDone;
  std::size_t height = 0;
  const RecordSet* deepest = nullptr;
  for (const RecordSet* record : groups_.All()[group]) {
    if (!record->alias) {
      continue;
    }
    const std::size_t target = groups_.Find({record->alias->name, record->type});
    const std::size_t below =
        target != RecordGroups::kNone && state_[target] == State::kDone ? height_[target] : 0;
    if (below + 1 > height) {
      height = below + 1;
      deepest = record;
    }
  }
  height_[group] = height;
  // Once for each chain: what stands above a group that is too deep is not reported again.
  if (height == kMaxAliasSteps + 1) {
    findings_.AddError(deepest->source,
                       RecordText(*deepest) + ": the aliases below it are " +
                           std::to_string(height) + " deep; expected at most " +
                           std::to_string(kMaxAliasSteps));
  }
}

void AliasRules::ReportLoop(const std::vector<Step>& path,
                            const RecordSet& record,
                            std::size_t target) {
  constexpr std::size_t kShown = 20;
  const auto start = std::ranges::find(path, target, &Step::group);
  std::string loop;
  std::size_t shown = 0;
  for (auto step = start; step != path.end() && shown < kShown; ++step, ++shown) {
    loop += Text(step->group) + " -> ";
  }
  if (shown == kShown) {
    loop += "... -> ";
  }
  findings_.AddError(record.source,
                     RecordText(record) + ": aliases go round in a loop: " + loop + Text(target));
}

}  // namespace

void CheckAliases(const Zone& zone, const RecordGroups& groups, Findings& findings) {
  AliasRules(zone, groups, findings).Check();
}

}  // namespace holdfast::control

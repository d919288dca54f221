// JudgeWithTrees: what traffic policies add to a zone must fit to what people wrote there.
#include <cstddef>
#include <string_view>
#include <vector>

#include "control/model/rules.h"

namespace holdfast::control {
namespace {

void Add(Zone& zone, const TrafficTree& tree) {
  for (RecordSet record : tree.record_sets) {
    if (record.alias) {
      record.alias->hosted_zone_id = zone.id;
    }
    zone.record_sets.push_back(std::move(record));
  }
}

}  // namespace

bool IsHiddenOwner(std::string_view owner) noexcept {
  return owner.substr(owner.empty() ? 0 : 1).starts_with(kHiddenLabel);
}

void JudgeWithTrees(Zone& zone,
                    std::span<TrafficTree> trees,
                    const ZoneJudge& judge,
                    Findings& findings) {
  std::erase_if(zone.record_sets,
                [](const RecordSet& record) { return record.traffic != nullptr; });
  const std::size_t written = zone.record_sets.size();
  std::vector<TrafficTree*> own;
  for (TrafficTree& tree : trees) {
    if (tree.origin == zone.origin && !tree.record_sets.empty()) {
      tree.fault.clear();
      own.push_back(&tree);
      Add(zone, tree);
    }
  }
  Findings all;
  judge(zone, all);
  if (all.Ok() || own.empty()) {
    findings.Add(all);
    return;
  }
  // One after the other: which of them adds errors. One may also take errors away: what people
  // wrote may be an alias to its root.
  zone.record_sets.resize(written);
  Findings before;
  judge(zone, before);
  for (TrafficTree* tree : own) {
    const std::size_t without = zone.record_sets.size();
    Add(zone, *tree);
    Findings with;
    judge(zone, with);
    if (with.ErrorCount() > before.ErrorCount()) {
      zone.record_sets.resize(without);
      tree->fault = with.ToError().message;
    } else {
      before = std::move(with);
    }
  }
  findings.Add(before);
}

}  // namespace holdfast::control

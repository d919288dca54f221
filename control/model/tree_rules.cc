// JudgeWithTrees: what traffic policies add to a zone must fit to what people wrote there.
// OneLine and JudgeBy are what callers of it need.
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/model/rules.h"
#include "dataplane/wire/name.h"

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
  constexpr auto kLower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  };
  while (owner.size() > 1) {
    const std::string_view label = owner.substr(1, static_cast<unsigned char>(owner[0]));
    if (label.size() >= kHiddenLabel.size() &&
        std::ranges::equal(label.substr(0, kHiddenLabel.size()), kHiddenLabel, {}, kLower)) {
      return true;
    }
    owner = wire::Parent(owner);
  }
  return false;
}

std::string OneLine(std::string fault) {
  for (std::size_t at = 0; (at = fault.find('\n', at)) != std::string::npos;) {
    fault.replace(at, 1, "; ");
  }
  return fault;
}

ZoneJudge JudgeBy(const LocationData* data) {
  return [data](const Zone& zone, Findings& findings) {
    CheckZone(zone, findings);
    if (findings.Ok()) {
      CheckLocations(zone, data, findings);
    }
  };
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
  // Which of them add errors: all at once stand or fall, then halves. One may also take errors
  // away, what people wrote may be an alias to its root; so several stand only where nothing is
  // wrong.
  zone.record_sets.resize(written);
  Findings before;
  judge(zone, before);
  std::vector<std::span<TrafficTree*>> waiting{own};
  while (!waiting.empty()) {
    const std::span<TrafficTree*> some = waiting.back();
    waiting.pop_back();
    const std::size_t without = zone.record_sets.size();
    for (const TrafficTree* tree : some) {
      Add(zone, *tree);
    }
    Findings with;
    judge(zone, with);
    if (with.Ok() || (some.size() == 1 && with.ErrorCount() <= before.ErrorCount())) {
      before = std::move(with);
      continue;
    }
    zone.record_sets.resize(without);
    if (some.size() == 1) {
      some.front()->fault = with.ToError().message;
    } else {
      waiting.push_back(some.subspan(some.size() / 2));
      waiting.push_back(some.first(some.size() / 2));
    }
  }
  findings.Add(before);
  if (!before.Ok()) {
    // Perhaps only because it leads to what is left out.
    for (const TrafficTree* tree : own) {
      if (!tree->fault.empty()) {
        findings.AddError("", tree->title + " does not fit: " + OneLine(tree->fault));
      }
    }
  }
}

}  // namespace holdfast::control

#include "control/traffic/trees.h"

#include <algorithm>
#include <utility>

#include "control/model/record_groups.h"
#include "control/model/text.h"
#include "control/traffic/document.h"
#include "control/traffic/expand.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {

namespace {

constexpr const char* kTitle = "traffic policy instance ";

// What no command writes: the row was changed behind our back.
std::string FaultOf(const StoredInstance& instance) {
  constexpr std::uint32_t kMostTtl = 0x7fffffff;
  if (!wire::IsWellFormed(instance.name) || wire::Fold(instance.name) != instance.name ||
      !wire::IsWellFormed(instance.origin) || wire::Fold(instance.origin) != instance.origin ||
      !wire::IsAtOrBelow(instance.name, instance.origin)) {
    return "its name or zone is damaged in the store; remove it by its id " +
           Printable(instance.id) + " and apply it again";
  }
  return instance.ttl > kMostTtl ? "its TTL is damaged in the store; apply it again with --ttl"
                                 : std::string();
}

}  // namespace

std::string InstanceTitle(const StoredInstance& instance) {
  return kTitle + (wire::IsWellFormed(instance.name) ? NameTypeText(instance.name, instance.type)
                                                     : Printable(instance.id));
}

Result<std::vector<TrafficTree>> TreesOf(Store& store,
                                         const std::vector<StoredInstance>& instances) {
  std::vector<TrafficTree> trees;
  if (instances.empty()) {
    return trees;
  }
  const auto policies = store.Policies();
  if (!policies) {
    return std::unexpected(policies.error());
  }
  for (const StoredInstance& instance : instances) {
    const auto policy = std::ranges::find(*policies, instance.policy_id, &StoredPolicy::id);
    const auto text = store.PolicyDocument(instance.policy_id, instance.version);
    if (!text && text.error().code != ErrorCode::kNotFound) {
      return std::unexpected(text.error());
    }
    const std::string name = policy == policies->end() ? instance.policy_id : policy->name;
    TrafficTree tree{instance.id, instance.origin, instance.name, InstanceTitle(instance), {}, {}};
    const std::string fault = FaultOf(instance);
    if (!fault.empty()) {
      tree.fault = fault;
      trees.push_back(std::move(tree));
      continue;
    }
    const auto document = text ? ReadTrafficDocument(*text, PolicyTitle(name, instance.version))
                               : std::unexpected(text.error());
    auto records = document ? Expand(instance, name, *document)
                            : Result<std::vector<RecordSet>>(std::unexpected(document.error()));
    if (records && document->type != instance.type) {
      tree.fault = PolicyTitle(name, instance.version) + " is of type " +
                   wire::TypeText(document->type) + "; expected " + wire::TypeText(instance.type);
    } else if (records) {
      tree.record_sets = std::move(*records);
    } else {
      tree.fault = records.error().message;
    }
    trees.push_back(std::move(tree));
  }
  return trees;
}

Result<std::vector<TrafficTree>> TreesOf(Store& store) {
  const auto instances = store.Instances();
  return instances ? TreesOf(store, *instances) : std::unexpected(instances.error());
}

Result<std::vector<TrafficTree>> TreesOf(Store& store, const Model& served) {
  auto trees = TreesOf(store);
  if (trees) {
    const auto& failed = served.failed_instances;
    std::ranges::sort(*trees, {}, [&failed](const TrafficTree& tree) {
      const auto at = std::ranges::find(failed, tree.instance_id, &FailedInstance::id);
      return std::pair(at != failed.end(), tree.instance_id);
    });
  }
  return trees;
}

std::vector<TrafficTree> TreesIn(const Zone& zone) {
  std::vector<TrafficTree> trees;
  for (const RecordSet& record : zone.record_sets) {
    if (record.traffic == nullptr) {
      continue;
    }
    // Those of one stand together.
    if (trees.empty() || trees.back().instance_id != record.traffic->instance_id) {
      trees.push_back({record.traffic->instance_id, zone.origin, {}, {}, {}, {}});
    }
    TrafficTree& tree = trees.back();
    if (!record.traffic->hidden) {
      tree.name = record.name;
      tree.title = kTitle + NameTypeText(record.name, record.type);
    }
    tree.record_sets.push_back(record);
  }
  return trees;
}

}  // namespace holdfast::control

#include <string>
#include <unordered_map>
#include <unordered_set>

#include "control/model/rules.h"
#include "control/model/rules_parts.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

// "RRSet with DNS name X, type T, SetIdentifier S cannot be created as ...": Route 53's words,
// which people and tools search for.
void Refuse(const RecordSet& record, const std::string& why, Findings& findings) {
  std::string text =
      "RRSet with DNS name " + wire::ToText(record.name) + ", type " + wire::TypeText(record.type);
  if (!record.set_identifier.empty()) {
    text += ", SetIdentifier " + record.set_identifier;
  }
  findings.AddError(record.source,
                    RecordText(record) + ": " + text + " cannot be created as " + why);
}

// Whether all have one policy; simple stands alone.
bool CheckPolicies(const RecordGroup& group, Findings& findings) {
  const RecordSet& first = *group.front();
  for (std::size_t i = 1; i < group.size(); ++i) {
    const RecordSet& record = *group[i];
    if (record.policy == Policy::kSimple) {
      Refuse(record, "other RRSets exist with the same name and type.", findings);
      return false;
    }
    if (record.policy != first.policy) {
      Refuse(record,
             std::string("a non-") + PolicyText(record.policy) +
                 " set exists with the same name and type.",
             findings);
      return false;
    }
  }
  return true;
}

void CheckIdentifiers(const RecordGroup& group, Findings& findings) {
  std::unordered_set<std::string_view> seen;
  for (const RecordSet* record : group) {
    if (!seen.insert(record->set_identifier).second) {
      findings.AddError(record->source,
                        RecordText(*record) + ": Tried to create resource record set [name='" +
                            wire::ToText(record->name) + "', type='" +
                            wire::TypeText(record->type) + "', set-identifier='" +
                            record->set_identifier + "'] but it already exists");
    }
  }
}

void CheckWeighted(const RecordGroup& group, Findings& findings) {
  const RecordSet* first = nullptr;
  for (const RecordSet* record : group) {
    if (record->alias) {
      continue;
    }
    if (first == nullptr) {
      first = record;
    } else if (record->ttl != first->ttl) {
      Refuse(*record,
             "weighted sets must contain the same TTL. It has " + std::to_string(record->ttl) +
                 ", SetIdentifier " + first->set_identifier + " has " + std::to_string(first->ttl) +
                 ".",
             findings);
    }
  }
}

void CheckFailover(const RecordGroup& group, Findings& findings) {
  const RecordSet* primary = nullptr;
  const RecordSet* secondary = nullptr;
  for (const RecordSet* record : group) {
    const RecordSet*& place = record->primary ? primary : secondary;
    if (place != nullptr) {
      Refuse(*record,
             "SetIdentifier " + place->set_identifier + " is " +
                 (record->primary ? "PRIMARY" : "SECONDARY") + " already.",
             findings);
    }
    place = record;
    if (record->primary && !record->alias && record->health_check_id.empty()) {
      findings.AddError(record->source,
                        RecordText(*record) +
                            ": A non-alias primary ResourceRecordSet must have an associated "
                            "health check.");
    }
  }
}

void CheckWhere(const RecordGroup& group, Findings& findings) {
  std::unordered_map<std::string, const RecordSet*> seen;
  for (const RecordSet* record : group) {
    const std::string location = WhereText(*record);
    if (const auto [first, fresh] = seen.emplace(location, record); !fresh) {
      Refuse(*record,
             "SetIdentifier " + first->second->set_identifier + " has the same " + location + ".",
             findings);
    }
    if (record->where->collection_id != group.front()->where->collection_id) {
      Refuse(*record,
             "all RRSets of a group must use one CIDR collection; SetIdentifier " +
                 group.front()->set_identifier + " uses " + group.front()->where->collection_id +
                 ".",
             findings);
    }
  }
}

std::size_t MostOf(Policy policy) {
  return policy == Policy::kGeoproximity ? kMaxGeoproximityGroup : kMaxGroup;
}

}  // namespace

void CheckGroups(const RecordGroups& groups, Findings& findings) {
  for (const RecordGroup& group : groups.All()) {
    if (!CheckPolicies(group, findings)) {
      continue;
    }
    CheckIdentifiers(group, findings);
    if (group.front()->policy == Policy::kWeighted) {
      CheckWeighted(group, findings);
    } else if (group.front()->policy == Policy::kFailover) {
      CheckFailover(group, findings);
    } else if (AsksTheClient(group.front()->policy)) {
      CheckWhere(group, findings);
    }
    if (const std::size_t most = MostOf(group.front()->policy); group.size() > most) {
      findings.AddError(group[most]->source,
                        RecordText(*group[most]) + ": the group has " +
                            std::to_string(group.size()) + " record sets; expected at most " +
                            std::to_string(most));
    }
  }
}

}  // namespace holdfast::control

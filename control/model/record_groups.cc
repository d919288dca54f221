#include "control/model/record_groups.h"

#include "dataplane/wire/name.h"

namespace holdfast::control {

RecordGroups::RecordGroups(const Zone& zone) {
  for (const RecordSet& record : zone.record_sets) {
    const auto [place, fresh] =
        places_.try_emplace(NameType{record.name, record.type}, groups_.size());
    if (fresh) {
      groups_.emplace_back();
    }
    groups_[place->second].push_back(&record);
  }
}

std::size_t RecordGroups::Find(const NameType& key) const {
  const auto found = places_.find(key);
  return found == places_.end() ? kNone : found->second;
}

std::string NameTypeText(std::string_view name, std::uint16_t type) {
  return wire::ToText(name) + " " + wire::TypeText(type);
}

const char* PolicyText(Policy policy) noexcept {
  switch (policy) {
    case Policy::kSimple:
      return "simple";
    case Policy::kWeighted:
      return "weighted";
    case Policy::kFailover:
      return "failover";
    case Policy::kMultivalue:
      return "multivalue";
  }
  return "?";
}

std::string RecordText(const RecordSet& record) {
  std::string text = "record '" + NameTypeText(record.name, record.type) + "'";
  if (!record.set_identifier.empty()) {
    text += " (SetIdentifier '" + record.set_identifier + "')";
  }
  return text;
}

}  // namespace holdfast::control

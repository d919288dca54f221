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
    case Policy::kLatency:
      return "latency";
    case Policy::kGeolocation:
      return "geolocation";
    case Policy::kGeoproximity:
      return "geoproximity";
    case Policy::kCidr:
      return "IP-based";
  }
  return "?";
}

// Two decimals, as records have them.
static std::string Degrees(double degrees) {
  std::string text = std::to_string(degrees);
  return text.substr(0, text.find('.') + 3);
}

std::string WhereText(const RecordSet& record) {
  if (record.where == nullptr) {
    return {};
  }
  const RecordLocation& where = *record.where;
  switch (record.policy) {
    case Policy::kLatency:
      return "region " + where.region;
    case Policy::kGeolocation:
      // Some codes are a continent's and a country's: AF, AS, NA, SA.
      return !where.geo.continent.empty()
                 ? "continent " + where.geo.continent
                 : "location " + where.geo.country +
                       (where.geo.subdivision.empty() ? "" : "-" + where.geo.subdivision);
    case Policy::kGeoproximity:
      return where.place ? "coordinates " + Degrees(where.place->latitude) + " " +
                               Degrees(where.place->longitude)
                         : "region " + where.region;
    case Policy::kCidr:
      return "CIDR location " + where.cidr_location;
    default:
      return {};
  }
}

std::string GroupText(const RecordSet& record) {
  return record.traffic != nullptr && record.traffic->hidden
             ? record.traffic->title
             : NameTypeText(record.name, record.type);
}

std::string RecordText(const RecordSet& record) {
  std::string text = "record '" + GroupText(record) + "'";
  if (!record.set_identifier.empty()) {
    text += " (SetIdentifier '" + record.set_identifier + "')";
  }
  return text;
}

}  // namespace holdfast::control

// CheckLocations: the places that record sets name, against what this node knows of places.
#include <algorithm>
#include <set>
#include <string>

#include "control/model/record_groups.h"
#include "control/model/rules.h"

namespace holdfast::control {
namespace {

// As many as a sentence can name.
constexpr std::size_t kNamed = 12;

std::string OneOf(const std::vector<std::string>& words) {
  std::string text = "expected one of: ";
  for (std::size_t i = 0; i < std::min(words.size(), kNamed); ++i) {
    text += (i == 0 ? "" : ", ") + words[i];
  }
  return words.size() > kNamed ? text + " and " + std::to_string(words.size() - kNamed) + " more"
                               : text;
}

class LocationRules {
 public:
  LocationRules(const LocationData* data, Findings& findings) : data_(data), findings_(findings) {}

  void Check(const RecordSet& record) {
    switch (record.policy) {
      case Policy::kLatency:
        if (CheckRegion(record, "Region") && data_->latency_class.size() == 1) {
          WarnOnce("latency",
                   record,
                   "[location] latency, or geo with coordinates",
                   "the first region of the alphabet that is healthy answers");
        }
        break;
      case Policy::kGeoproximity:
        CheckPlace(record);
        if (data_ == nullptr || data_->cell_class.size() == 1) {
          WarnOnce("geoproximity",
                   record,
                   "[location] geo with coordinates",
                   "the first SetIdentifier of the alphabet that is healthy answers");
        }
        break;
      case Policy::kCidr:
        CheckBlock(record);
        break;
      case Policy::kGeolocation:
        if (data_ == nullptr || (data_->geo_class.size() == 1)) {
          WarnOnce("geolocation", record, "[location] geo", "only a default record answers");
        }
        break;
      default:
        break;
    }
  }

 private:
  void Refuse(const RecordSet& record, const std::string& what) {
    findings_.AddError(record.source, RecordText(record) + ": " + what);
  }
  // Once for each zone and policy: what is missing is missing for all of them.
  void WarnOnce(const char* policy,
                const RecordSet& record,
                const std::string& what,
                const std::string& consequence) {
    if (warned_.insert(policy).second) {
      findings_.AddWarning(record.source,
                           RecordText(record) + ": " + policy + " without " + what +
                               ": nothing is known of any client, " + consequence);
    }
  }
  // The region's index, or nothing when there is no table or it is not in one.
  std::optional<std::size_t> CheckRegion(const RecordSet& record, const char* field) {
    if (data_ == nullptr || data_->regions.empty()) {
      if (record.policy == Policy::kLatency) {
        WarnOnce("latency",
                 record,
                 "[location] regions or latency",
                 "the first region of the alphabet that is healthy answers");
      }
      return std::nullopt;
    }
    const auto& regions = data_->regions;
    const auto found = std::ranges::lower_bound(regions, record.where->region);
    if (found != regions.end() && *found == record.where->region) {
      return static_cast<std::size_t>(found - regions.begin());
    }
    Refuse(record,
           std::string(field) + " '" + record.where->region +
               "' is in no table of [location] regions or latency; " + OneOf(regions));
    return std::nullopt;
  }
  void CheckPlace(const RecordSet& record) {
    if (record.where->place) {
      return;
    }
    const auto region = CheckRegion(record, "AWSRegion or LocalZoneGroup");
    if (region && !data_->region_place[*region]) {
      Refuse(record,
             "region '" + record.where->region +
                 "' has no coordinates; expected a row with them in [location] regions");
    }
  }
  void CheckBlock(const RecordSet& record) {
    const RecordLocation& where = *record.where;
    static const std::vector<CidrCollection> kNone;
    const auto& all = data_ == nullptr ? kNone : data_->collections;
    const auto found = std::ranges::lower_bound(all, where.collection_id, {}, &CidrCollection::id);
    if (found == all.end() || found->id != where.collection_id) {
      std::vector<std::string> ids;
      std::ranges::transform(all, std::back_inserter(ids), &CidrCollection::id);
      Refuse(record,
             "The CIDR collection you specified, doesn't exist: CollectionId '" +
                 where.collection_id + "'; " +
                 (ids.empty() ? "expected a [cidr_collection.\"" + where.collection_id +
                                    "\"] in the node's file"
                              : OneOf(ids)));
      return;
    }
    if (where.cidr_location == "*") {
      return;
    }
    std::set<std::string> locations;
    std::ranges::transform(
        found->block, std::inserter(locations, locations.end()), &CidrBlock::location);
    if (!locations.contains(where.cidr_location)) {
      locations.insert("*");
      Refuse(record,
             "The CIDR collection location doesn't match any locations in your account: "
             "LocationName '" +
                 where.cidr_location + "' of collection '" + where.collection_id + "'; " +
                 OneOf({locations.begin(), locations.end()}));
    }
  }

  const LocationData* data_;
  Findings& findings_;
  std::set<std::string> warned_;
};

}  // namespace

void CheckLocations(const Zone& zone, const LocationData* data, Findings& findings) {
  LocationRules rules(data, findings);
  for (const RecordSet& record : zone.record_sets) {
    if (AsksTheClient(record.policy)) {
      rules.Check(record);
    }
  }
}

}  // namespace holdfast::control

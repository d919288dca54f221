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
  std::string text = "one of: ";
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
        if (CheckRegion(record) && data_->latency_class.size() == 1) {
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
          const bool named = data_ != nullptr && !data_->geo_file.empty();
          WarnOnce(
              "geolocation",
              record,
              named ? "a continent or country in any row of " + data_->geo_file : "[location] geo",
              "only a default record answers");
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
  // Whether a table has the region of a latency record.
  bool CheckRegion(const RecordSet& record) {
    if (data_ == nullptr || data_->regions.empty()) {
      WarnOnce("latency",
               record,
               "[location] regions or latency",
               "the first region of the alphabet that is healthy answers");
      return false;
    }
    if (std::ranges::binary_search(data_->regions, record.where->region)) {
      return true;
    }
    Refuse(record,
           "Region '" + record.where->region +
               "' is in no table of [location] regions or latency; expected " +
               OneOf(data_->regions));
    return false;
  }
  // A geoproximity record lies somewhere, or no client could ever be near it.
  void CheckPlace(const RecordSet& record) {
    const std::string& region = record.where->region;
    if (record.where->place || data_ == nullptr) {
      return;
    }
    std::vector<std::string> placed;
    for (std::size_t i = 0; i < data_->regions.size(); ++i) {
      if (data_->region_place[i]) {
        placed.push_back(data_->regions[i]);
      }
    }
    if (!std::ranges::binary_search(placed, region)) {
      Refuse(record,
             "AWSRegion or LocalZoneGroup '" + region + "' has no coordinates; expected a row " +
                 region + ",LATITUDE,LONGITUDE in " +
                 (data_->regions_file.empty() ? "a file that [location] regions names"
                                              : "[location] regions, " + data_->regions_file) +
                 (placed.empty() ? "" : ", or " + OneOf(placed)));
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
                              : "expected " + OneOf(ids)));
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
                 where.cidr_location + "' of collection '" + where.collection_id + "'; expected " +
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

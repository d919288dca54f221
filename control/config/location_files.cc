#include "control/config/location_files.h"

#include <algorithm>
#include <utility>

#include "control/config/cidr_blocks.h"
#include "control/config/csv.h"
#include "control/config/latency_csv.h"
#include "control/config/maxmind.h"
#include "control/config/places_csv.h"
#include "control/config/text_file.h"

namespace holdfast::control {
namespace {

// A block and its location take about 60 octets.
constexpr std::size_t kMaxBlocksOctets = std::size_t{256} << 20;

// Calls `read` with the content of a file that there is to be.
template <class Read>
void WithContent(const NamedFile& file, std::size_t limit, Findings& findings, Read read) {
  if (file.path.empty()) {
    return;
  }
  if (const auto content = ReadFile(file.path, limit)) {
    read(*content);
  } else {
    findings.AddError(file.named_at, content.error().message);
  }
}

class LocationLoader {
 public:
  LocationLoader(const LocationConfig& config, Findings& findings)
      : config_(config), findings_(findings) {}

  std::shared_ptr<const LocationData> Load() {
    ReadPlaces();
    ReadRegions();
    for (const CidrCollectionConfig& collection : config_.collections) {
      ReadCollection(collection);
    }
    if (!findings_.Ok()) {
      return nullptr;
    }
    for (const auto& [region, place] : regions_) {
      data_->regions.push_back(region);
      data_->region_place.push_back(place);
    }
    SetPlaces(places_map_, places_.Places(), *data_);
    SetLatencies(latencies_, *data_);
    data_->bias = config_.geoproximity_bias;
    data_->geo_file = config_.geo.path;
    data_->regions_file = config_.regions.path;
    data_->latency_file = config_.latency.path;
    return std::move(data_);
  }

 private:
  void ReadPlaces() {
    constexpr std::size_t kMaxOctets = std::max(kMaxCsvOctets, kMaxMaxMindOctets);
    WithContent(config_.geo, kMaxOctets, findings_, [this](const std::string& content) {
      places_map_ = ReadGeo(content, config_.geo.path, config_.grid_degrees, places_, findings_);
    });
  }
  void ReadRegions() {
    WithContent(config_.regions, kMaxCsvOctets, findings_, [this](const std::string& content) {
      ReadRegionsText(content, config_.regions.path, regions_, findings_);
    });
    WithContent(config_.latency, kMaxCsvOctets, findings_, [this](const std::string& content) {
      latencies_ = ReadLatencyText(content, config_.latency.path, regions_, findings_);
    });
  }
  void ReadCollection(const CidrCollectionConfig& config) {
    CidrCollection& collection = data_->collections.emplace_back();
    collection.id = config.id;
    collection.name = config.name;
    collection.file = config.blocks.path;
    WithContent(config.blocks, kMaxBlocksOctets, findings_, [&](const std::string& content) {
      ReadCidrBlocksText(content, config.blocks.path, collection, findings_);
    });
  }

  const LocationConfig& config_;
  Findings& findings_;
  PlaceNumbers places_;
  PrefixMap places_map_;
  Regions regions_;
  LatencyTable latencies_;
  std::shared_ptr<LocationData> data_ = std::make_shared<LocationData>();
};

}  // namespace

std::shared_ptr<const LocationData> LoadLocation(const NodeConfig& node, Findings& findings) {
  if (!node.location.HasFiles()) {
    return nullptr;
  }
  Findings own;
  auto data = LocationLoader(node.location, own).Load();
  findings.Add(own);
  return data;
}

PrefixMap ReadGeo(std::string_view content,
                  const std::string& file,
                  double grid_degrees,
                  PlaceNumbers& places,
                  Findings& findings) {
  return file.ends_with(".mmdb") || IsMaxMind(content)
             ? ReadMaxMind(content, file, grid_degrees, places, findings)
             : ReadPlacesText(content, file, grid_degrees, places, findings);
}

}  // namespace holdfast::control

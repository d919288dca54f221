// [location] and [cidr_collection."ID"] of the node's file: which files say where clients are, and
// how they are used. Read by node.cc; control core only.
#pragma once

#include <string>
#include <vector>

#include "control/config/fields.h"
#include "control/config/value.h"
#include "control/location/location.h"

namespace holdfast::control {

/// A file, and where the node's file names it, for messages: "n.toml:7:9: key 'geo'". Both empty:
/// there is none.
struct NamedFile {
  std::string path;
  std::string named_at;
  bool operator==(const NamedFile&) const = default;
};

struct CidrCollectionConfig {
  std::string id;    // what CidrRoutingConfig.CollectionId says; 1..64 characters
  std::string name;  // 1..64 characters; empty: none was given
  NamedFile blocks;  // JSON file as `aws route53 list-cidr-blocks` prints it
  bool operator==(const CidrCollectionConfig&) const = default;
};

struct LocationConfig {
  NamedFile geo;               // CSV or MaxMind DB
  NamedFile regions;           // CSV
  NamedFile latency;           // CSV
  double grid_degrees = 0.25;  // 0.05..10
  GeoproximityBias geoproximity_bias = GeoproximityBias::kCurrent;
  bool client_subnet = true;                      // whether EDNS Client Subnet of a query is used
  std::vector<CidrCollectionConfig> collections;  // ascending by id
  bool operator==(const LocationConfig&) const = default;

  /// Whether any file says where clients are.
  [[nodiscard]] bool HasFiles() const noexcept {
    return !geo.path.empty() || !regions.path.empty() || !latency.path.empty() ||
           !collections.empty();
  }
};

/// Reads [location]. @param path  of the node's file, which relative paths start from.
void ReadLocationTable(Fields& fields, const std::string& path, LocationConfig& location);

/// Reads the tables of [cidr_collection]. @param top  the file's own table.
void ReadCollectionTables(Fields& top,
                          const std::string& path,
                          LocationConfig& location,
                          Findings& findings);

}  // namespace holdfast::control

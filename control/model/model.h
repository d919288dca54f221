// The model: zones, rrsets, record sets and checks as people wrote them, already checked for form.
// config fills it, compile reads it, the store keeps it. Plain data, no behaviour; control core
// only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/location/location.h"
#include "control/model/digest.h"
#include "health/check.h"

namespace holdfast::control {

/// Where something was written, for messages: "zones/example.zone:12" or "records.json: www A".
struct Source {
  std::string file;
  std::uint32_t line = 0;  // 0: not known
  [[nodiscard]] std::string Text() const {
    return line == 0 ? file : file + ":" + std::to_string(line);
  }
};

/// A static rrset of a zone file. `owner` is in wire form with the letter case of the file; each
/// rdata is uncompressed wire form; duplicates are gone.
struct Rrset {
  std::string owner;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;  // seconds, 0..2^31-1
  std::vector<std::string> rdata;
  Source source;
};

enum class Policy {
  kSimple,
  kWeighted,
  kFailover,
  kMultivalue,
  kLatency,
  kGeolocation,
  kGeoproximity,
  kCidr  // IP-based
};
/// Whether it goes by where the client is.
constexpr bool AsksTheClient(Policy policy) noexcept {
  return policy >= Policy::kLatency;
}

/// Which clients a record set of such a policy is for; only its policy's fields are set.
struct RecordLocation {
  std::string region;                // latency, or geoproximity at a region
  GeoClass geo;                      // geolocation: one of its three, or country "*" for default;
                                     // a subdivision with its country
  std::optional<Coordinates> place;  // geoproximity at coordinates
  int bias = 0;                      // geoproximity, -99..99
  std::string collection_id;         // IP-based
  std::string cidr_location;         // IP-based; "*" for default
};

struct AliasTarget {
  std::string hosted_zone_id;  // must be the id of the record's own zone
  std::string name;            // wire form
  bool evaluate_target_health = false;
};

/// The group of a traffic policy's tree that a record set is of (control/traffic).
struct TrafficPart {
  std::string instance_id;  // one for the whole tree
  std::string title;        // "policy web v2 rule eu", for people
  bool hidden = false;      // below the root: aliases lead there, in DNS there is no such name
};

/// One Route 53 record set (spec/routing.md section 1). Either `alias` or `ttl` and `rdata`.
struct RecordSet {
  std::string name;  // wire form, folded
  std::uint16_t type = 0;
  std::string set_identifier;  // empty for simple
  Policy policy = Policy::kSimple;
  std::uint8_t weight = 0;  // weighted: 0..255
  bool primary = false;     // failover: PRIMARY, else SECONDARY
  std::uint32_t ttl = 0;    // seconds; without meaning for an alias
  std::vector<std::string> rdata;
  std::optional<AliasTarget> alias;
  std::string health_check_id;                  // empty: no check, always healthy
  std::shared_ptr<const RecordLocation> where;  // set when AsksTheClient(policy)
  std::shared_ptr<const TrafficPart> traffic;   // null for what people wrote
  Source source;
};

/// A file that was read to its end, as it was then.
struct Text {
  std::string path;
  Digest sha256{};

  bool operator==(const Text&) const = default;
};

struct Zone {
  std::string origin;  // wire form, folded
  std::string id;      // hosted zone id that aliases name; never empty
  std::vector<Rrset> rrsets;
  std::vector<RecordSet> record_sets;  // groups are the record sets with one (name, type)
  Source source;
  std::vector<Text> texts;  // all that it was read from
  bool stored = false;      // out of the store; no text was parsed for it
};

/// A traffic policy instance as the record sets that it adds to its zone.
struct TrafficTree {
  std::string instance_id;
  std::string origin;                  // of its zone; wire form, folded
  std::string name;                    // of its root, likewise
  std::string title;                   // "traffic policy instance www.example.test. A"
  std::vector<RecordSet> record_sets;  // empty when its document cannot be read
  std::string fault;                   // why it is not served; empty: it is
};

/// A traffic policy instance that is not served, and why.
struct FailedInstance {
  std::string id;
  std::string title;    // as TrafficTree's
  std::string message;  // a line for each fault
};

struct Model {
  std::vector<Zone> zones;  // origins are unique
  std::vector<health::CheckConfig> checks;
  std::shared_ptr<const LocationData> location;  // null: no file says where clients are
  std::vector<FailedInstance> failed_instances;  // of traffic policies
};

}  // namespace holdfast::control

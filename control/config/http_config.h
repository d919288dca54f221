// What the node's file says of HTTP: [http] who may ask control, [metric."REGION/NAME"] which
// alarms it asks or is told of, [[webhook]] whom it tells. Read by node.cc; control core only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/fields.h"
#include "control/config/value.h"
#include "dataplane/base/result.h"
#include "health/verdict/metric.h"

namespace holdfast::control {

struct HttpAddress {
  std::string address;  // literal IPv4 or IPv6
  std::uint16_t port = 0;
  bool operator==(const HttpAddress&) const = default;
  /// "127.0.0.1:9153", "[::1]:9153".
  [[nodiscard]] std::string Text() const;
};

struct HttpConfig {
  std::vector<HttpAddress> listen;  // empty: no listener
  std::string token_file;           // whose content POST requests must bear; empty: none
  bool operator==(const HttpConfig&) const = default;
};

/// How the values of one period become its point.
enum class Statistic : std::uint8_t { kNone, kAverage, kMinimum, kMaximum, kSum, kSampleCount };

/// Where an alarm's data come from.
struct MetricSource {
  enum class Kind : std::uint8_t { kPromql, kAlertmanager };

  std::string id;  // "REGION/NAME" as AlarmIdentifier has it
  Kind kind = Kind::kPromql;
  // kPromql: asked for a value each period.
  std::string url;    // of a Prometheus server, before "/api/v1/query"
  std::string query;  // PromQL that gives one value
  Statistic statistic = Statistic::kNone;
  health::MetricRule rule;
  std::uint32_t period_s = 60;  // 1..86400
  // kAlertmanager: tells by itself.
  std::uint32_t heartbeat_s = 18'000;  // silence for longer is insufficient data; 1..604800
  bool operator==(const MetricSource&) const = default;
};

struct WebhookConfig {
  std::string url;
  std::string secret_file;  // its content is the key of the signature
  bool transitions = false;
  bool last_resort = false;
  bool quorum = false;
  bool sns_envelope = false;
  std::string place;  // "FILE:LINE:COL" of the table; where it stands makes no other of it
  bool operator==(const WebhookConfig& other) const {
    return url == other.url && secret_file == other.secret_file &&
           transitions == other.transitions && last_resort == other.last_resort &&
           quorum == other.quorum && sns_envelope == other.sns_envelope;
  }
};

/// The addresses with ports that `name` lists, at most 8, each once.
std::vector<HttpAddress> ReadAddresses(Fields& fields, std::string_view name);

/// Reads [http]. @param path  of the node's file, which relative paths start from.
void ReadHttpTable(Fields& fields, const std::string& path, HttpConfig& http);
/// Reads the tables of [metric]. @param top  the file's own table.
void ReadMetricTables(Fields& top,
                      const std::string& path,
                      std::vector<MetricSource>& sources,
                      Findings& findings);
/// Reads one [[webhook]].
void ReadWebhookTable(Fields& fields,
                      const std::string& path,
                      std::vector<WebhookConfig>& webhooks);
/// What only the tables together show: an open receiver of alerts is refused.
void CheckHttpWhole(Fields& top, const HttpConfig& http, const std::vector<MetricSource>& sources);

/// The first line of a file with a token or key, 16..4096 characters without blanks, in a file that
/// not everybody may read. @return kIo or kInvalid with the path and what was expected.
Result<std::string> ReadSecret(const std::string& path);

}  // namespace holdfast::control

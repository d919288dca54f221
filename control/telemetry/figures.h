// What of a node is told to those who only watch it: plain copies, taken at one moment, so that
// whoever shows them holds nothing of the core.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::control {

/// Seconds that a phase of the probes took.
struct HistogramFigures {
  std::vector<std::pair<double, std::uint64_t>> buckets;  // upper bound, how many up to it
  std::uint64_t count = 0;
  double sum = 0;
};

/// What one checker measured of one check; a count of 0: its probes have no such phase.
struct LatencyFigures {
  std::string checker;
  std::string region;  // empty: none
  HistogramFigures connect;
  HistogramFigures tls;
  HistogramFigures first_byte;
};

struct CheckFigures {
  std::string id;
  std::string name;  // empty: none was given
  std::string type;
  bool healthy = true;  // what records see
  /// 0..100, of the reporters that say it is healthy; none for derived and disabled checks and
  /// before the first verdict.
  std::optional<double> percentage_healthy;
  std::optional<std::uint64_t> children_healthy;  // calculated checks only
  /// None before the first report, while disabled, and of a type on which nobody reports.
  std::optional<double> report_age_s;
  std::uint64_t changes = 0;  // of `healthy`
  bool probed = true;         // else the next three mean nothing
  std::uint64_t passes = 0;
  std::uint64_t failures = 0;
  std::uint64_t unknowns = 0;
  std::optional<bool> has_quorum;         // enough checkers report; none where nothing is probed
  std::vector<LatencyFigures> latencies;  // of those that measure it
};

/// A checker in another process.
struct CheckerFigures {
  std::string name;
  std::string region;
  bool up = false;
  bool uplink = true;                                          // means something while it is up
  std::optional<double> report_age_s;                          // none before the first report
  std::uint64_t assigned = 0;                                  // checks
  std::uint64_t taken = 0;                                     // reports
  std::vector<std::pair<std::string, std::uint64_t>> dropped;  // reports, by reason
};

struct RoleFigures {
  std::string role;  // "dataplane", "sockets"
  std::uint64_t readers = 0;
  std::vector<std::pair<std::string, std::uint64_t>> counters;  // summed over its readers
};

struct WebhookFigures {
  std::string target;  // host and port
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;   // attempts
  std::uint64_t dropped = 0;  // events that were pushed out of the queue
  std::uint64_t waiting = 0;
  std::string problem;  // of the last attempt; empty: it was taken
};

/// What only the control core knows, left for others at each tick.
struct CoreFigures {
  std::uint64_t generation = 0;
  bool behind = false;             // transitions wait for room in the tables
  std::uint64_t published = 0;     // transitions that became answers
  double last_publish_us = 0;      // of the last: from the queue to the answers
  double slowest_publish_us = 0;   // of the last thousand
  std::uint64_t damage_found = 0;  // by the scrub
};

/// Of the names that the node's own checker looks up.
struct ResolverFigures {
  std::uint64_t queries = 0;
  std::uint64_t answers = 0;
  std::vector<std::pair<std::string, std::uint64_t>> failures;  // by kind
  std::uint64_t cache_hits = 0;
  std::uint64_t last_good = 0;  // addresses behind their TTL, for want of an answer
  std::uint64_t names = 0;      // held
};

struct NodeFigures {
  std::string node;
  std::string version;
  CoreFigures core;
  bool mass = false;                 // many checks change at a time
  std::uint64_t missing_checks = 0;  // records that name a check which there is not
  std::vector<CheckFigures> checks;
  std::vector<RoleFigures> roles;
  std::vector<WebhookFigures> webhooks;
  std::uint64_t dropped_with_removed = 0;  // events that waited for webhooks which are no more
  std::vector<CheckerFigures> checkers;
  std::optional<std::uint64_t> checkers_refused;  // connections; none where none are taken
  ResolverFigures resolver;
};

}  // namespace holdfast::control

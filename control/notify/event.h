// What webhooks tell, and the form in which they do. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "health/transition.h"

namespace holdfast::control {

/// What a mass event has come to: since it began, by the time of the event.
struct MassFigures {
  std::uint64_t changes = 0;       // of the status of checks
  std::size_t checks = 0;          // that changed
  std::size_t unhealthy = 0;       // of those, by now
  std::uint64_t rule_changes = 0;  // of rules that began or ceased to answer by last resort
  /// Rules that answer by last resort by now, changed or not; none: no webhook asks for them.
  std::optional<std::size_t> at_last_resort{};
  std::size_t quorums_lost = 0;      // checks, each time
  std::size_t quorums_regained = 0;  // checks, each time
};

struct Event {
  enum class Kind : std::uint8_t { kTransition, kLastResort, kMass, kQuorum };

  Kind kind = Kind::kTransition;
  /// kTransition, kQuorum: of the check, or of the first of them; kLastResort: a name and type that
  /// the rule answers; kMass: "mass".
  std::string id;
  std::string name;  // of the check, where it has one
  std::string type;  // of the check, "HTTP"; kLastResort: of the records, "A"
  /// "healthy", "unhealthy"; kLastResort: "normal", "last_resort"; kMass: "normal", "mass";
  /// kQuorum: "quorum", "quorum_lost".
  std::string was;
  std::string is;
  std::string reason;
  std::int64_t time_ms = 0;                  // wall clock: since when it is so
  std::size_t checks = 1;                    // kQuorum: how many it is about
  std::vector<health::CheckerSide> views{};  // kTransition: where checkers probe
  std::optional<MassFigures> mass{};         // kMass
};

/// Of whom it comes: the same as long as this process runs, so that a receiver knows when the
/// sequence began anew.
struct Sender {
  std::string node;
  std::int64_t started_ms = 0;
};

/// {"event", "node", "started", "sequence", "time", "id", "name", "type", "old_status",
/// "new_status", "reason"}; a transition has "views" beside: a list of {"checker", "region",
/// "side", "age_ms", "reason"}; a mass event "mass": {"changes", "checks", "unhealthy",
/// "rule_changes", "at_last_resort", "quorums_lost", "quorums_regained"}.
/// @param sequence  from 1 on, for this target; a gap is what was dropped.
std::string EventBody(const Event& event, const Sender& sender, std::uint64_t sequence);

/// The same as the Message of a notification as SNS posts it to a subscriber.
std::string SnsBody(const Event& event, const Sender& sender, std::uint64_t sequence);

/// "Holdfast-Signature: t=SECONDS,v1=HEX": HMAC-SHA256 with `secret` over "SECONDS.BODY".
/// @param time_s  wall clock of this attempt, seconds since 1970.
std::string SignatureHeader(std::string_view secret, std::int64_t time_s, std::string_view body);

}  // namespace holdfast::control

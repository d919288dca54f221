// What webhooks tell, and the form in which they do. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::control {

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
  std::int64_t time_ms = 0;  // wall clock: since when it is so
};

/// Of whom it comes: the same as long as this process runs, so that a receiver knows when the
/// sequence began anew.
struct Sender {
  std::string node;
  std::int64_t started_ms = 0;
};

/// {"event", "node", "started", "sequence", "time", "id", "name", "type", "old_status",
/// "new_status", "reason"}. @param sequence  from 1 on, for this target; a gap is what was dropped.
std::string EventBody(const Event& event, const Sender& sender, std::uint64_t sequence);

/// The same as the Message of a notification as SNS posts it to a subscriber.
std::string SnsBody(const Event& event, const Sender& sender, std::uint64_t sequence);

/// "Holdfast-Signature: t=SECONDS,v1=HEX": HMAC-SHA256 with `secret` over "SECONDS.BODY".
/// @param time_s  wall clock of this attempt, seconds since 1970.
std::string SignatureHeader(std::string_view secret, std::int64_t time_s, std::string_view body);

}  // namespace holdfast::control

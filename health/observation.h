// What one probe found out, and what a checker makes of it: a probe makes an Observation, the
// threshold of its check counts it, and a Report tells it to whoever decides.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "health/transition.h"

namespace holdfast::health {

/// kUnknown: nothing was learnt about the endpoint, because something of our own was missing (a
/// descriptor, a port, a right, time on the processor, a resolver). It is never counted against the
/// endpoint.
enum class Outcome : std::uint8_t { kPass, kFail, kUnknown };

/// How long each phase of a probe took; zero where it was not reached or the type has none.
struct PhaseTimes {
  std::chrono::nanoseconds connect{};        // TCP handshake, without the name's resolution
  std::chrono::nanoseconds tls_handshake{};  // after the connection
  std::chrono::nanoseconds first_byte{};     // from the request (echo, question) sent to the reply
};

/// Every probe that is not abandoned ends in exactly one.
struct Observation {
  Outcome outcome = Outcome::kUnknown;
  std::string reason;              // "Success: ...", "Failure: ..." or "Unknown: ...", section 9
  std::chrono::nanoseconds rtt{};  // from the start of the probe to its end
  std::uint64_t at_ns = 0;         // CLOCK_MONOTONIC of the end
  PhaseTimes phases;
};

/// How often which side was seen, and the last failure; survives a restart.
struct Counters {
  std::uint64_t passes = 0;
  std::uint64_t failures = 0;
  std::uint64_t unknowns = 0;        // own shortages, counted for neither side
  std::int64_t last_failure_ms = 0;  // wall clock; 0: never
  std::string last_failure;          // its reason
  std::int64_t last_seen_ms = 0;     // of the last observation of any outcome; 0: none
  std::vector<std::int64_t>
      falls_ms;  // wall clock: when it fell within the last hour, oldest first
  bool operator==(const Counters&) const = default;
};

/// What one checker says of one check, after each observation.
struct Report {
  std::uint32_t slot = 0;        // of the assignment
  std::uint64_t version = 0;     // of the assignment: one about settings that are gone is dropped
  State side = State::kUnknown;  // by the threshold of section 4; kUnknown: has no opinion (now)
  Observation seen;
};

}  // namespace holdfast::health

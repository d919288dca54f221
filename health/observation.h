// What one probe found out: probe makes it, verdict counts it. Every probe that is not abandoned
// ends in exactly one.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace holdfast::health {

/// kUnknown: nothing was learnt about the endpoint, because something of our own was missing (a
/// descriptor, a port, time on the processor, a resolver). It is never counted against the
/// endpoint.
enum class Outcome : std::uint8_t { kPass, kFail, kUnknown };

struct Observation {
  std::string check_id;
  Outcome outcome = Outcome::kUnknown;
  std::string reason;              // "Success: ...", "Failure: ..." or "Unknown: ...", section 9
  std::chrono::nanoseconds rtt{};  // from the start of the probe to its end
  std::uint64_t at_ns = 0;         // CLOCK_MONOTONIC of the end
};

}  // namespace holdfast::health

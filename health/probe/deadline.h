// Whose fault is a deadline that passed? A loop that looked in time may blame the endpoint; one
// that was itself late cannot know whether the answer would have been there. Pure; used by every
// probe.
#pragma once

#include <chrono>

#include "health/observation.h"

namespace holdfast::health {

using ProbeClock = std::chrono::steady_clock;

/// How late the loop may look at a deadline and still hold the endpoint responsible: a quarter of
/// the timeout, but between 10 and 250 ms.
ProbeClock::duration LatenessAllowed(std::chrono::milliseconds timeout) noexcept;

/// @param now  not before `deadline`.
/// @return kFail, or kUnknown when our own loop was too late to tell.
Outcome JudgeTimeout(ProbeClock::time_point deadline,
                     std::chrono::milliseconds timeout,
                     ProbeClock::time_point now) noexcept;

/// True for errors of socket calls that say something of this machine and nothing of the endpoint:
/// no descriptor, no memory, no local port, an address family or a firewall of our own.
bool IsOwnShortage(int error) noexcept;

}  // namespace holdfast::health

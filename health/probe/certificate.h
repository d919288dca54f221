// What a check says to the certificate that an endpoint has shown: of the types TLS and HTTPS*.
// Health loop.
#pragma once

#include <chrono>
#include <string>

#include "health/check.h"
#include "health/probe/tls.h"

namespace holdfast::health {

/// Whole days of a span of either sign, without the sign: "1 day", "20 days".
std::string DaysText(std::chrono::seconds span);

/// Behind a handshake that was no resumption. Its times are looked at where days are asked for, the
/// chain and the name where it is to be verified.
/// @return what is wrong with it, as the end of a sentence; empty: nothing that was asked for.
std::string ProblemOf(const TlsSession& session, const TlsSettings& settings);

}  // namespace holdfast::health

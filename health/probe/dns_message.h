// The DNS check's one question and the judgement of what comes back: octets in, words out, no
// socket and no clock. Everything in a reply is outside bytes, read with bounds; this is what the
// fuzzer feeds. Health loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "health/check.h"
#include "health/observation.h"

namespace holdfast::health {

/// The query message: one question, class IN, no EDNS.
std::string DnsQuery(const DnsSettings& settings, std::uint16_t id);

struct DnsJudgement {
  Outcome outcome = Outcome::kFail;  // kPass or kFail
  std::string reason;
};

/// @return nothing when `message` is no reply to that question (another id or name, a query, cut
///         off before its end): it may be anybody's, and is waited past.
std::optional<DnsJudgement> JudgeDnsReply(std::span<const std::byte> message,
                                          const DnsSettings& settings,
                                          std::uint16_t id);

}  // namespace holdfast::health

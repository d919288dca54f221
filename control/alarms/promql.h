// Asking a Prometheus server for the value of an alarm, and reading what it says. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control/config/http_config.h"
#include "control/http/client.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// What a reply may have, in octets.
inline constexpr std::size_t kMaxPromqlReply = std::size_t{64} << 10;

/// The call that asks for the value of now. @param source  of kind kPromql.
HttpCall PromqlCall(const MetricSource& source);

/// The value of a reply of /api/v1/query: a scalar, or the one element of a vector; nothing when
/// the vector is empty or the value is no number (NaN).
/// @param status  of HTTP. @return kUnavailable with the server's words when it refused, kInvalid
/// when this is no such reply or has several elements.
Result<std::optional<double>> ReadPromqlReply(long status, std::string_view body);

}  // namespace holdfast::control

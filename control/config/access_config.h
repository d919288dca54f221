// [access] and [rate_limit] of the node's file: who is answered, and how often. Takes effect at a
// reload. Read by node.cc; control core only.
#pragma once

#include <span>
#include <vector>

#include "control/config/fields.h"
#include "control/location/prefix.h"
#include "dataplane/table/format.h"

namespace holdfast::control {

/// A network and what its queries are worth.
struct AccessRule {
  Prefix network;
  table::Access access = table::Access::kAnswer;
  bool operator==(const AccessRule&) const = default;
};

/// The most networks of [access].
inline constexpr std::size_t kMaxAccessRules = 100'000;

/// Reads the table's lists of networks: `answer`, `trust`, `refuse`, `drop`. A client goes by the
/// smallest network it is in, and is answered where it is in none.
/// @return ascending by network, none twice.
std::vector<AccessRule> ReadAccessTable(Fields& fields);

/// "answer", "trust", "refuse" or "drop".
const char* AccessText(table::Access access) noexcept;

/// The rule that a client goes by, of its smallest network; null: it is in none.
/// @param rules  as ReadAccessTable gives them.
const AccessRule* AccessOf(std::span<const AccessRule> rules, const Prefix& client) noexcept;

/// Reads the table. @return answers_per_second 0 when it was refused.
table::RateLimit ReadRateLimitTable(Fields& fields);

}  // namespace holdfast::control

// The keys of a [check."ID"] table that checks of either kind of table have: how reports become a
// verdict (agreement of several checkers, damping), and which addresses a name has
// (spec/health-checks.md section 11). Control core.
#pragma once

#include <cstdint>
#include <optional>

#include "control/config/fields.h"
#include "health/check.h"

namespace holdfast::control {

/// "v4", "v6" or "any" of the key address_family.
std::optional<health::AddressFamily> ReadAddressFamily(Fields& fields);

/// Unset: as the check has it.
struct VerdictKeys {
  std::optional<std::uint32_t> quorum_percent;      // 0..99
  std::optional<std::uint32_t> min_reporters;       // 1..64
  std::optional<std::uint32_t> report_ttl_ms;       // 1000..86400000
  std::optional<health::OnStale> on_stale;          // "keep", "healthy", "unhealthy"
  std::optional<std::uint32_t> hold_down_ms;        // 0..86400000
  std::optional<std::uint32_t> max_flaps_per_hour;  // 1..1000
  std::optional<bool> manual_failback;
};

/// Reads them out of a table that has other keys too. Errors go to the findings of `fields`.
VerdictKeys ReadVerdictKeys(Fields& fields);

void ApplyVerdictKeys(const VerdictKeys& keys, health::CheckConfig& check);

}  // namespace holdfast::control

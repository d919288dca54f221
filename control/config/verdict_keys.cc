#include "control/config/verdict_keys.h"

namespace holdfast::control {

std::optional<health::AddressFamily> ReadAddressFamily(Fields& fields) {
  const auto word = fields.Word("address_family", {"v4", "v6", "any"});
  return word ? std::optional(static_cast<health::AddressFamily>(*word)) : std::nullopt;
}

VerdictKeys ReadVerdictKeys(Fields& fields) {
  const auto number = [&fields](std::string_view name,
                                Range range) -> std::optional<std::uint32_t> {
    const auto value = fields.Integer(name, range);
    return value ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
  };
  VerdictKeys keys;
  keys.quorum_percent = number("quorum_percent", {0, 99});
  keys.min_reporters = number("min_reporters", {1, 64});
  keys.report_ttl_ms = number("report_ttl_ms", {1'000, 86'400'000});
  if (const auto word = fields.Word("on_stale", {"keep", "healthy", "unhealthy"})) {
    keys.on_stale = static_cast<health::OnStale>(*word);
  }
  keys.hold_down_ms = number("hold_down_ms", {0, 86'400'000});
  keys.max_flaps_per_hour = number("max_flaps_per_hour", {1, 1'000});
  keys.manual_failback = fields.Bool("manual_failback");
  return keys;
}

void ApplyVerdictKeys(const VerdictKeys& keys, health::CheckConfig& check) {
  health::Quorum& quorum = check.quorum;
  quorum.percent = keys.quorum_percent.value_or(quorum.percent);
  quorum.min_reporters = keys.min_reporters.value_or(quorum.min_reporters);
  if (keys.report_ttl_ms) {
    quorum.report_ttl = health::Milliseconds(*keys.report_ttl_ms);
  }
  quorum.on_stale = keys.on_stale.value_or(quorum.on_stale);
  health::DampingRule& damping = check.damping;
  if (keys.hold_down_ms) {
    damping.hold_down = health::Milliseconds(*keys.hold_down_ms);
  }
  damping.max_flaps_per_hour = keys.max_flaps_per_hour.value_or(damping.max_flaps_per_hour);
  damping.manual_failback = keys.manual_failback.value_or(damping.manual_failback);
}

}  // namespace holdfast::control

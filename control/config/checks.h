// Health checks as `aws route53 list-health-checks` prints them (spec/health-checks.md sections 1
// and 2), and the native extensions of the node's file (section 11) laid over them. Control core.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/node.h"
#include "control/model/findings.h"
#include "health/check.h"

namespace holdfast::control {

/// Reads {"HealthChecks": [{"Id", "HealthCheckConfig": {...}}]} behind those that `checks` has (the
/// native ones, whose ids are taken and may be children), defaults filled in.
/// Addresses that `targets` refuse are refused, and so are alarms that none of `sources` has.
/// Errors: "FILE:LINE: health check 'ID': Port is 0; ...".
void ReadChecks(const std::string& path,
                std::span<const MetricSource> sources,
                const health::TargetRules& targets,
                std::vector<health::CheckConfig>& checks,
                Findings& findings);

/// As ReadChecks, from text; `file` is for messages.
void ReadChecksText(std::string_view text,
                    const std::string& file,
                    std::span<const MetricSource> sources,
                    const health::TargetRules& targets,
                    std::vector<health::CheckConfig>& checks,
                    Findings& findings);

/// What a check looks at that is a literal address and that `targets` refuse: what was expected in
/// its place, for an error; nothing when it may be probed.
std::optional<std::string> ExpectedTarget(const health::CheckConfig& check,
                                          const health::TargetRules& targets);

/// Applies [check."ID"] tables. Errors: an ID that no check has, a key that the type of the check
/// has no use for, a timeout that is not below interval x unhealthy_threshold.
void ApplyOverlays(const std::vector<CheckOverlay>& overlays,
                   std::vector<health::CheckConfig>& checks,
                   Findings& findings);

}  // namespace holdfast::control

// The rules that no single record can break: those of a whole zone, of a group of record sets and
// of trees of aliases (spec/routing.md section 1; RFC 1034 3.6.2, 6672, 4592). Pure; control core
// only.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "control/model/findings.h"
#include "control/model/model.h"

namespace holdfast::control {

/// Record sets of one (name, type), at most (Route 53's quota).
inline constexpr std::size_t kMaxGroup = 100;
inline constexpr std::size_t kMaxGeoproximityGroup = 30;
/// Alias steps from a record set to the values that answer for it, at most.
inline constexpr std::size_t kMaxAliasSteps = 16;

/// What the owner names of a traffic policy's hidden groups begin with: a label that nobody writes
/// and CheckZone refuses to all others. The rest of the label is the policy's.
inline constexpr std::string_view kHiddenLabel{"\0policy/", 8};
bool IsHiddenOwner(std::string_view owner) noexcept;

/// Adds an error for each broken rule, and no warning. Errors name file and line of the record;
/// those of the zone as such, zone.source.
void CheckZone(const Zone& zone, Findings& findings);

/// Adds an error for each place that a record set names and this node does not know: a region, a
/// CIDR collection or a location of one; a warning where it knows no places at all.
/// @param data  null: no file says where clients are.
void CheckLocations(const Zone& zone, const LocationData* data, Findings& findings);

/// Warnings about where the zone's own NS, MX, SRV, CNAME, DNAME and DS lead: loops, servers
/// without an address, names that are aliases. O(records); part of LintZone.
void LintTargets(const Zone& zone, Findings& findings);

/// What spec/averting-problems.md advises against: unchecked records in a checked group, a TTL
/// above 60 s with a check, EvaluateTargetHealth No above checked records, a HealthCheckId that no
/// check has (the record then counts as unchecked), a check that resolves the name it decides
/// about. Records that mean nothing at a wildcard, record sets that a delegation hides. And what
/// LintSigned finds at this time.
void LintZone(const Zone& zone, const std::vector<health::CheckConfig>& checks, Findings& findings);

/// By which a zone is judged as a whole: CheckZone, and CheckLocations where that is possible.
using ZoneJudge = std::function<void(const Zone&, Findings&)>;

/// Both. @param data  as CheckLocations'; must outlive the judge.
ZoneJudge JudgeBy(const LocationData* data);

/// Faults of several lines as one, for a list of sentences.
std::string OneLine(std::string fault);

/// Judges a zone together with its trees of traffic policies. Those that add no error stand in it
/// then, in place of any that stood in it before; the others get their `fault` and are left out.
/// What is wrong without them, or because one is left out, is added to `findings`, with the faults.
/// @param trees  those of other zones are not looked at; of two that do not fit together the first
/// stands.
void JudgeWithTrees(Zone& zone,
                    std::span<TrafficTree> trees,
                    const ZoneJudge& judge,
                    Findings& findings);

}  // namespace holdfast::control

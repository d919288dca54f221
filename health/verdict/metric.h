// What a metric check makes of its alarm, and an alarm of its data (spec/health-checks.md section
// 8). The data stream is judged, no alarm's own state. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "health/check.h"
#include "health/transition.h"

namespace holdfast::health {

/// Of an alarm's data as of now. kNotYet: too few, but its source has not been asked for as many
/// periods as are looked at, so what was known before stands.
enum class AlarmState : std::uint8_t { kInsufficientData, kOk, kAlarm, kNotYet };
/// "INSUFFICIENT_DATA", "OK", "ALARM", "INSUFFICIENT_DATA so far".
const char* AlarmStateText(AlarmState state) noexcept;

/// When a value is one to be alarmed by; CloudWatch's words.
enum class Comparison : std::uint8_t {
  kGreaterThanOrEqualToThreshold,
  kGreaterThanThreshold,
  kLessThanThreshold,
  kLessThanOrEqualToThreshold
};
/// "GreaterThanThreshold"...
const char* ComparisonText(Comparison comparison) noexcept;

struct MetricRule {
  Comparison comparison = Comparison::kGreaterThanOrEqualToThreshold;
  double threshold = 0;                  // finite
  std::uint32_t evaluation_periods = 1;  // so many breaching points in a row are an alarm
  bool operator==(const MetricRule&) const = default;
};

/// How many of the last periods count: two more than are evaluated, so that one or two without data
/// do not end what the others say.
std::size_t PeriodsLookedAt(const MetricRule& rule) noexcept;

/// kAlarm when the newest `evaluation_periods` points that there are all breach, kOk when one of
/// them does not. Else there is none, or all breach that there are, but too few: kNotYet while
/// fewer periods have been asked than are looked at, then kInsufficientData.
/// @param points  one for each period that was asked, the newest last; nothing or a NaN where there
/// was no data.
AlarmState JudgePoints(const MetricRule& rule,
                       std::span<const std::optional<double>> points) noexcept;

/// "97.5 is GreaterThanThreshold 90": about a breaching point, else "97.5 is not ...".
std::string PointText(const MetricRule& rule, double value);

/// @param before  what the check had; kUnknown when there has never been data.
State MetricState(AlarmState alarm, InsufficientData setting, State before) noexcept;

}  // namespace holdfast::health

#include "health/verdict/metric.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

namespace holdfast::health {

namespace {

constexpr std::size_t kMoreLookedAt = 2;

bool Breaches(const MetricRule& rule, double value) noexcept {
  switch (rule.comparison) {
    case Comparison::kGreaterThanOrEqualToThreshold:
      return value >= rule.threshold;
    case Comparison::kGreaterThanThreshold:
      return value > rule.threshold;
    case Comparison::kLessThanThreshold:
      return value < rule.threshold;
    case Comparison::kLessThanOrEqualToThreshold:
      return value <= rule.threshold;
  }
  return false;
}

std::string NumberText(double value) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

}  // namespace

const char* AlarmStateText(AlarmState state) noexcept {
  switch (state) {
    case AlarmState::kInsufficientData:
      return "INSUFFICIENT_DATA";
    case AlarmState::kOk:
      return "OK";
    case AlarmState::kAlarm:
      return "ALARM";
    case AlarmState::kNotYet:
      return "INSUFFICIENT_DATA so far";
  }
  return "?";
}

const char* ComparisonText(Comparison comparison) noexcept {
  switch (comparison) {
    case Comparison::kGreaterThanOrEqualToThreshold:
      return "GreaterThanOrEqualToThreshold";
    case Comparison::kGreaterThanThreshold:
      return "GreaterThanThreshold";
    case Comparison::kLessThanThreshold:
      return "LessThanThreshold";
    case Comparison::kLessThanOrEqualToThreshold:
      return "LessThanOrEqualToThreshold";
  }
  return "?";
}

std::size_t PeriodsLookedAt(const MetricRule& rule) noexcept {
  return rule.evaluation_periods + kMoreLookedAt;
}

AlarmState JudgePoints(const MetricRule& rule,
                       std::span<const std::optional<double>> points) noexcept {
  if (points.size() > PeriodsLookedAt(rule)) {
    points = points.last(PeriodsLookedAt(rule));
  }
  std::size_t breaching = 0;
  for (auto at = points.rbegin(); at != points.rend() && breaching < rule.evaluation_periods;
       ++at) {
    const double point = at->value_or(std::numeric_limits<double>::quiet_NaN());
    if (std::isnan(point)) {
      continue;
    }
    if (!Breaches(rule, point)) {
      return AlarmState::kOk;
    }
    ++breaching;
  }
  if (breaching == rule.evaluation_periods) {
    return AlarmState::kAlarm;
  }
  // A process that has just begun must not take its own want of a past for the source's.
  return points.size() < PeriodsLookedAt(rule) ? AlarmState::kNotYet
                                               : AlarmState::kInsufficientData;
}

std::string PointText(const MetricRule& rule, double value) {
  return NumberText(value) + (Breaches(rule, value) ? " is " : " is not ") +
         ComparisonText(rule.comparison) + " " + NumberText(rule.threshold);
}

State MetricState(AlarmState alarm, InsufficientData setting, State before) noexcept {
  switch (alarm) {
    case AlarmState::kOk:
      return State::kHealthy;
    case AlarmState::kAlarm:
      return State::kUnhealthy;
    case AlarmState::kNotYet:
      return before;
    case AlarmState::kInsufficientData:
      break;
  }
  switch (setting) {
    case InsufficientData::kHealthy:
      return State::kHealthy;
    case InsufficientData::kUnhealthy:
      return State::kUnhealthy;
    case InsufficientData::kLastKnownStatus:
      break;
  }
  return before;
}

}  // namespace holdfast::health

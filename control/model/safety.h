// Routing controls and the rules that keep hands from switching too much off
// (spec/health-checks.md sections 8 and 10). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/result.h"

namespace holdfast::control {

/// On or Off of every control, by name.
using ControlStates = std::map<std::string, bool, std::less<>>;

struct ControlChange {
  std::string name;
  bool on = false;
  bool operator==(const ControlChange&) const = default;
};

struct SafetyRule {
  enum class Kind : std::uint8_t {
    kAtLeast,  // at least `on` of `controls` are On after a change
    kGating    // `controls` change only while at least `on` of `gates` are On
  };
  std::string name;  // 1..64 characters, unique
  Kind kind = Kind::kAtLeast;
  std::vector<std::string> controls;
  std::vector<std::string> gates;  // kGating alone
  std::uint32_t on = 1;            // 1..number of the controls or gates it counts
  bool operator==(const SafetyRule&) const = default;
};

/// Whether `changes`, all at once, may be made. Gates count as they are after the change. A rule of
/// kind kAtLeast that was broken already is no reason to refuse what switches nothing Off.
/// @param overridden  names of rules that an operator sets aside for this once.
/// @return kNotFound for a control or rule that is not there, kInvalid for none or a control named
///         twice, kConflict naming every rule that forbids it and what it asks for.
Status CheckSafety(const ControlStates& states,
                   std::span<const ControlChange> changes,
                   std::span<const SafetyRule> rules,
                   std::span<const std::string> overridden);

}  // namespace holdfast::control

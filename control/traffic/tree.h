// What no single leg of a traffic policy document can break: groups too large, places given twice,
// loops and depth. Used by document.cc alone.
#pragma once

#include <string>

#include "control/model/findings.h"
#include "control/traffic/document.h"

namespace holdfast::control {

/// Adds an error for each broken rule, and a warning for what nothing leads to.
/// @param document  whose references all lead somewhere. @param file  for messages.
void CheckTree(const TrafficDocument& document, const std::string& file, Findings& findings);

}  // namespace holdfast::control

// Figures in the text format of Prometheus. The only file that knows prometheus-cpp is
// exposition.cc.
#pragma once

#include <string>

#include "control/telemetry/figures.h"

namespace holdfast::control {

inline constexpr const char* kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

/// Pure; any thread.
std::string Exposition(const NodeFigures& figures);

}  // namespace holdfast::control

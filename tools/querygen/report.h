// What a run of querygen prints.
#pragma once

#include <optional>
#include <string>

#include "tools/querygen/run.h"
#include "tools/querygen/watch.h"

namespace holdfast::querygen {

struct Report {
  Outcome outcome;
  std::uint64_t tsc_hz = 1;
  std::size_t corpus = 0;         // distinct frames at most
  std::optional<Work> responder;  // during the run
  double worst_delay = -1;        // RunDelays::WorstShare
};

/// One JSON object and a newline.
std::string JsonOf(const Report& report);
/// Lines for people.
std::string WordsOf(const Report& report);
/// 0, or 1 when a reply was wrong or there was none at all.
int StatusOf(const Report& report);

}  // namespace holdfast::querygen

#include "health/verdict/history.h"

#include <utility>

namespace holdfast::health {

void History::See(std::uint32_t checker, State side, const Observation& seen, std::int64_t at_ms) {
  // Other checkers speak in between: back to the last change, it is still the same run.
  for (auto line = lines_.rbegin(); line != lines_.rend() && !line->is_change; ++line) {
    if (line->checker != checker) {
      continue;
    }
    if (line->outcome == seen.outcome && line->state == side && line->reason == seen.reason) {
      ++line->times;
      line->last_ms = at_ms;
      return;
    }
    break;
  }
  Add({.first_ms = at_ms,
       .last_ms = at_ms,
       .checker = checker,
       .outcome = seen.outcome,
       .state = side,
       .reason = seen.reason});
}

void History::Change(const Transition& told, std::int64_t at_ms) {
  Add({.is_change = true,
       .first_ms = at_ms,
       .last_ms = at_ms,
       .state = told.raw,
       .healthy = told.healthy,
       .reason = told.reason});
}

void History::Add(HistoryLine line) {
  if (lines_.size() == kMaxLines) {
    lines_.erase(lines_.begin());
  }
  lines_.push_back(std::move(line));
}

}  // namespace holdfast::health

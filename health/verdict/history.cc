#include "health/verdict/history.h"

#include <algorithm>
#include <functional>
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
    lines_.erase(LeastTelling());
  }
  lines_.push_back(std::move(line));
}

// The oldest observation that no change followed soon, but of the newest half none; where all the
// old ones led to something (it comes and goes), the oldest line.
std::vector<HistoryLine>::iterator History::LeastTelling() {
  const auto old_end = lines_.begin() + kMaxLines / 2;
  for (auto line = lines_.begin(); line != old_end; ++line) {
    if (std::none_of(line, line + kCause + 1, std::mem_fn(&HistoryLine::is_change))) {
      return line;
    }
  }
  return lines_.begin();
}

}  // namespace holdfast::health

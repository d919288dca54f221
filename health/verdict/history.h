// What led a check to where it is: the newest observations and changes of status, few enough to be
// kept for every check. Equal observations of one checker in a row are one line. A change and what
// led to it outlive younger observations that led to nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "health/observation.h"
#include "health/transition.h"

namespace holdfast::health {

struct HistoryLine {
  bool is_change = false;         // of status; else observations
  std::int64_t first_ms = 0;      // wall clock
  std::int64_t last_ms = 0;       // of the last of `times`
  std::uint64_t times = 1;        // equal observations in a row
  std::uint32_t checker = 0;      // of observations: index among all checkers
  Outcome outcome{};              // of observations
  State state = State::kUnknown;  // observations: the checker's side; changes: the verdict
  bool healthy = true;            // of changes: what records see from then on
  std::string reason;
};

class History {
 public:
  static constexpr std::size_t kMaxLines = 32;
  /// So many lines before a change stay with it.
  static constexpr std::size_t kCause = 4;

  void See(std::uint32_t checker, State side, const Observation& seen, std::int64_t at_ms);
  void Change(const Transition& told, std::int64_t at_ms);
  /// Oldest first.
  [[nodiscard]] const std::vector<HistoryLine>& lines() const noexcept { return lines_; }

 private:
  void Add(HistoryLine line);
  [[nodiscard]] std::vector<HistoryLine>::iterator LeastTelling();
  std::vector<HistoryLine> lines_;
};

}  // namespace holdfast::health

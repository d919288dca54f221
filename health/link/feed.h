// What one checker was told to watch, and what it has yet to be told: differences to what it knows,
// in parts, so that the other checkers are heard in between. On the hub's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "health/link/gate.h"
#include "health/monitor.h"

namespace holdfast::health {

class AssignmentFeed {
 public:
  /// A new connection: everything is told again.
  void Begin() noexcept { told_all_ = telling_ = false; }

  /// The next message to the checker; none when it knows all.
  /// @param index  the monitor's, of this checker. @param gate  takes reports on what is told.
  std::optional<std::string> Next(const Monitor& monitor, std::uint32_t index, ReportGate& gate);

  /// Checks that it is to watch, with what is being told.
  [[nodiscard]] std::size_t assigned() const noexcept { return assigned_.size(); }

 private:
  bool FindNews(const Monitor& monitor, std::uint32_t index, ReportGate& gate);

  std::unordered_map<std::uint32_t, std::uint64_t> assigned_;  // slot -> version, as the gate knows
  std::uint64_t told_version_ = 0;                             // of all assignments
  bool told_all_ = false;                                      // on this connection
  // What is being told.
  bool telling_ = false;
  bool reset_ = false;
  std::vector<std::uint32_t> remove_;
  std::vector<Assignment> set_;
  std::span<const std::uint32_t> remove_left_;
  std::span<const Assignment> set_left_;
};

}  // namespace holdfast::health

// What is looked at from outside while the generator runs: the responder's own counters, by its
// reader file, and whether threads had to wait for a processor. Cold.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dataplane/base/result.h"

namespace holdfast::querygen {

/// Of all polling threads of the data planes that read one run folder, since they started.
struct Work {
  std::uint64_t answers = 0;      // replies that a transmit queue took
  std::uint64_t busy_cycles = 0;  // TSC, of polls that gave frames
  std::vector<int> pids;
};

/// @return kUnavailable when no data plane has attached to the tables of that folder.
Result<Work> WorkOf(const std::string& run_dir);

/// Time that threads were ready to run and had to wait, by /proc/PID/task/*/schedstat.
class RunDelays {
 public:
  /// Begins to count. @param pids  whose threads; our own are always among them.
  explicit RunDelays(const std::vector<int>& pids);

  /// The greatest share, 0..1, of the time since the beginning that a busy thread waited. Busy is
  /// what ran for more than half of the time; negative when the kernel tells of no busy thread.
  [[nodiscard]] double WorstShare() const;

 private:
  struct Times {
    std::uint64_t ran_ns = 0;
    std::uint64_t waited_ns = 0;
  };
  using Threads = std::map<std::string, Times>;  // by folder
  static Threads Look(const std::vector<int>& pids);

  std::vector<int> pids_;
  std::uint64_t began_ns_;
  Threads before_;
};

}  // namespace holdfast::querygen

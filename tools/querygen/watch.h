// What is looked at from outside while the generator runs: the responder's own counters, by its
// reader file, and whether threads had a processor. Cold.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <sched.h>
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

/// Time that threads were ready to run and did not: they waited for a processor, by
/// /proc/PID/task/*/schedstat, or the host of a virtual machine ran something else on theirs, which
/// only `steal` of /proc/stat tells (proc(5)).
class RunDelays {
 public:
  /// Begins to count. @param pids  whose threads; our own are always among them.
  explicit RunDelays(const std::vector<int>& pids);

  /// The greatest share, 0..1, of the time since the beginning that a busy thread waited or that
  /// was stolen from a processor it may run on. Busy is what ran for more than half of the time;
  /// negative when the kernel tells of no busy thread.
  [[nodiscard]] double WorstShare() const;

  /// Clock ticks stolen from each processor, by its number.
  using Ticks = std::map<int, std::uint64_t>;
  /// @param stat  the text of /proc/stat; a line that is not as expected is passed over.
  static Ticks StolenIn(std::istream& stat);
  /// Most ticks stolen between two looks from one of `cpus`.
  static std::uint64_t MostStolen(const Ticks& before, const Ticks& after, const cpu_set_t& cpus);

 private:
  struct Times {
    std::uint64_t ran_ns = 0;
    std::uint64_t waited_ns = 0;
  };
  using Threads = std::map<std::string, Times>;  // by folder
  static Threads Look(const std::vector<int>& pids);
  static Ticks Stolen();

  std::vector<int> pids_;
  std::uint64_t began_ns_;
  Threads before_;
  Ticks stolen_before_;
};

}  // namespace holdfast::querygen

// Looks at what the children write to show that they move: the beat of each reader thread in its
// reader file, and control's in the root block. Main thread of the supervisor; nobody waits for it.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

#include "tools/supervise/beats.h"

namespace holdfast::tools {

struct HeartbeatLimits {
  std::chrono::milliseconds look{200};  // between two looks
  std::chrono::milliseconds reader_still{2000};
  // For the first beat after it attached: behind that come DPDK's start, hugepages to be cleared
  // and links to come up, which take long on large machines.
  std::chrono::milliseconds reader_first{120'000};
  std::chrono::milliseconds control_stale{5000};  // said aloud
  std::chrono::milliseconds control_still{10'000};
};

/// A child that is to be watched.
struct Watched {
  std::string name;
  pid_t pid = 0;
  bool is_control = false;
};

/// What a look found wrong.
struct StandStill {
  pid_t pid = 0;
  bool is_final = false;  // end it; else it is only worth a word
  std::string reason;
};

class Heartbeat {
 public:
  Heartbeat(std::string run_dir, HeartbeatLimits limits)
      : run_dir_(std::move(run_dir)), limits_(limits), beats_(limits.look * 2) {}

  /// One look at all `children`. A child that has no reader file yet (it waits for tables), or a
  /// control that has not beaten yet (it loads), is not judged.
  std::vector<StandStill> Look(std::span<const Watched> children, Beats::Time now);

  /// Whether every child but control has attached to the tables.
  [[nodiscard]] bool AllAttached(std::span<const Watched> children) const;

 private:
  void LookAtReaders(std::span<const Watched> children,
                     Beats::Time now,
                     std::vector<StandStill>& found);
  void LookAtControl(const Watched& control, Beats::Time now, std::vector<StandStill>& found);

  std::string run_dir_;
  HeartbeatLimits limits_;
  Beats beats_;
  pid_t said_stale_ = 0;  // the control whose staleness was reported
};

}  // namespace holdfast::tools

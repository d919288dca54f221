// RUN_DIR/processes.json: what the supervisor knows of its children, for `holdfast status`, which
// must be able to tell also when control is gone. Cold.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

#include "dataplane/base/result.h"

namespace holdfast::tools {

struct ProcessState {
  std::string name;
  pid_t pid = 0;                // 0: does not run
  std::int64_t started_ms = 0;  // wall clock of the last start, milliseconds since 1970
  std::uint64_t restarts = 0;
  std::string last_exit;  // empty: has not ended yet
};

struct ProcessList {
  pid_t supervisor = 0;
  std::int64_t started_ms = 0;
  std::vector<ProcessState> processes;
};

/// Replaces the file as a whole; a reader finds the old one or the new one.
Status WriteProcesses(const std::string& run_dir, const ProcessList& list);
/// @return kNotFound when no supervisor ever ran there, kInvalid when the file is of other making.
Result<ProcessList> ReadProcesses(const std::string& run_dir);

}  // namespace holdfast::tools

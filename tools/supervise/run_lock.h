// One supervisor per run folder: a locked file with its process id. Cold, main thread.
#pragma once

#include <string>
#include <sys/types.h>

#include "dataplane/base/result.h"

namespace holdfast::tools {

/// Holds RUN_DIR/holdfast.pid locked from Take() to the end of the process or of the object.
class RunLock {
 public:
  /// Makes the file, locks it and writes our process id.
  /// @return kConflict with the holder's process id, kIo when the folder does not let us.
  static Result<RunLock> Take(const std::string& run_dir);
  RunLock(RunLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  RunLock& operator=(RunLock&&) = delete;
  ~RunLock();

 private:
  explicit RunLock(int fd) noexcept : fd_(fd) {}
  int fd_ = -1;
};

/// The supervisor that holds the lock now; 0 when none does.
pid_t RunLockHolder(const std::string& run_dir);

}  // namespace holdfast::tools

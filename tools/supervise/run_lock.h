// One supervisor per run folder: a locked file with its process id. Cold, main thread.
#pragma once

#include <string>
#include <sys/types.h>
#include <utility>

#include "dataplane/base/result.h"

namespace holdfast::tools {

/// Holds RUN_DIR/holdfast.pid locked from Take() to the end of the process or of the object, which
/// takes the file away.
class RunLock {
 public:
  /// Makes the file, locks it and writes our process id.
  /// @return kConflict with the holder's process id, kInvalid when the file is somebody else's (it
  /// is left as it is), kIo when the folder does not let us.
  static Result<RunLock> Take(const std::string& run_dir);
  RunLock(RunLock&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        path_(std::move(other.path_)),
        locked_(std::exchange(other.locked_, false)) {}
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  RunLock& operator=(RunLock&&) = delete;
  ~RunLock();

 private:
  RunLock(int fd, std::string path) noexcept : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  std::string path_;
  bool locked_ = false;
};

/// The supervisor that holds the lock now; 0 when none does.
pid_t RunLockHolder(const std::string& run_dir);

}  // namespace holdfast::tools

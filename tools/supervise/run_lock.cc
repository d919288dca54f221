// A record lock, which the kernel gives up with the process and can name the holder of; see
// run_lock.h.
#include "tools/supervise/run_lock.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace holdfast::tools {

namespace {

std::string LockPath(const std::string& run_dir) {
  return run_dir + "/holdfast.pid";
}

pid_t HolderOf(int fd) {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

}  // namespace

Result<RunLock> RunLock::Take(const std::string& run_dir) {
  const std::string path = LockPath(run_dir);
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) {
    return Fail(ErrorCode::kIo, "cannot open " + path + ": " + std::strerror(errno));
  }
  RunLock held(fd);
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(fd, F_SETLK, &lock) != 0) {
    if (errno != EACCES && errno != EAGAIN) {
      return Fail(ErrorCode::kIo, "cannot lock " + path + ": " + std::strerror(errno));
    }
    return Fail(ErrorCode::kConflict,
                "process " + std::to_string(HolderOf(fd)) + " runs Holdfast on " + run_dir +
                    " already; end it, or give this node another run_dir");
  }
  const std::string text = std::to_string(getpid()) + "\n";
  if (ftruncate(fd, 0) != 0 ||
      pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return Fail(ErrorCode::kIo, "cannot write " + path + ": " + std::strerror(errno));
  }
  return held;
}

RunLock::~RunLock() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

pid_t RunLockHolder(const std::string& run_dir) {
  const int fd = open(LockPath(run_dir).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    return 0;
  }
  const pid_t holder = HolderOf(fd);
  close(fd);
  return holder;
}

}  // namespace holdfast::tools

// A record lock, which the kernel gives up with the process and can name the holder of; see
// run_lock.h.
#include "tools/supervise/run_lock.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
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

// The holder may have ended by now, or live in another PID namespace.
std::string HolderText(int fd) {
  const pid_t holder = HolderOf(fd);
  return holder > 0 ? "process " + std::to_string(holder) : "another process";
}

// A file of this name may be somebody else's: ours holds nothing, or a process id and a line end.
bool IsOurs(int fd) {
  struct stat st{};
  std::array<char, 16> text{};
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > static_cast<off_t>(text.size())) {
    return false;
  }
  const ssize_t octets = pread(fd, text.data(), text.size(), 0);
  const auto digits = std::find_if_not(
      text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  return octets == 0 || (octets > 1 && digits == text.begin() + octets - 1 && *digits == '\n');
}

bool IsAt(int fd, const std::string& path) {
  struct stat held{};
  struct stat named{};
  return fstat(fd, &held) == 0 && lstat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

}  // namespace

Result<RunLock> RunLock::Take(const std::string& run_dir) {
  const std::string path = LockPath(run_dir);
  for (;;) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (fd < 0 && errno != ELOOP && errno != EISDIR) {
      return Fail(ErrorCode::kIo, "cannot open " + path + ": " + std::strerror(errno));
    }
    RunLock held(fd, path);
    if (fd < 0 || !IsOurs(fd)) {
      return Fail(ErrorCode::kInvalid,
                  path +
                      " is not Holdfast's: expected a process id in it, or no such file; it is "
                      "left as it is: move it away, or give this node another run_dir");
    }
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(fd, F_SETLK, &lock) != 0) {
      if (errno != EACCES && errno != EAGAIN) {
        return Fail(ErrorCode::kIo, "cannot lock " + path + ": " + std::strerror(errno));
      }
      return Fail(ErrorCode::kConflict,
                  HolderText(fd) + " runs Holdfast on " + run_dir +
                      " already; end it, or give this node another run_dir");
    }
    if (!IsAt(fd, path)) {
      continue;  // its holder ended and took the name away in between
    }
    held.locked_ = true;
    const std::string text = std::to_string(getpid()) + "\n";
    // Emptied first: at no time does it hold what another one would take for somebody else's.
    if (ftruncate(fd, 0) != 0 ||
        pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
      return Fail(ErrorCode::kIo, "cannot write " + path + ": " + std::strerror(errno));
    }
    return held;
  }
}

RunLock::~RunLock() {
  if (locked_) {
    unlink(path_.c_str());  // while we have it: the next one finds no file, or one that is locked
  }
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

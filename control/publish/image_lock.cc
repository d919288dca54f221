// flock() on image files, and the name of who has one for the sentence that refuses another. Called
// by what makes, adopts and removes images; see image_lock.h.
#include "control/publish/image_lock.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace holdfast::control {
namespace {

constexpr int kTries = 20;
constexpr auto kPause = std::chrono::milliseconds(5);

// The process with the flock() on a file, out of /proc/locks; 0 when it is not shown there: those
// of other PID namespaces are not.
int HolderOf(const struct stat& file) {
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    int pid = 0;
    unsigned major = 0;
    unsigned minor = 0;
    unsigned long inode = 0;
    // "1: FLOCK  ADVISORY  WRITE 1234 00:1a:5678 0 EOF"
    if (std::sscanf(line.c_str(), "%*s FLOCK %*s %*s %d %x:%x:%lu", &pid, &major, &minor, &inode) ==
            4 &&
        makedev(major, minor) == file.st_dev && inode == file.st_ino) {
      return pid;
    }
  }
  return 0;
}

bool Lock(int fd, bool patient) {
  for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; ++i) {
    if (!patient || i == kTries) {
      return false;
    }
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

}  // namespace

std::string LockHolder(int fd) {
  struct stat file{};
  const int pid = fstat(fd, &file) == 0 ? HolderOf(file) : 0;
  if (pid <= 0) {
    return "a process that cannot be seen from here";
  }
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
  return "process " + std::to_string(pid) + (name.empty() ? "" : " (" + name + ")");
}

Result<ImageLock> ImageLock::Take(const std::string& path, bool patient) {
  // O_NONBLOCK: a pipe of that name must not hold anybody up.
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) {
    return Fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                "cannot open " + path + ": " + std::strerror(errno));
  }
  return Of(fd, path, patient);
}

Result<ImageLock> ImageLock::Of(int fd, const std::string& path, bool patient) {
  ImageLock lock(fd);
  struct stat st{};
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
    return Fail(ErrorCode::kInvalid, path + " is no file of this user");
  }
  if (!Lock(fd, patient)) {
    return Fail(ErrorCode::kConflict,
                path + " is held by " + LockHolder(fd) + "; nobody else may write it");
  }
  struct stat named{};
  if (lstat(path.c_str(), &named) != 0 || named.st_ino != st.st_ino || named.st_dev != st.st_dev) {
    return Fail(ErrorCode::kNotFound, path + " was removed or replaced meanwhile");
  }
  return lock;
}

ImageLock::ImageLock(ImageLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

ImageLock& ImageLock::operator=(ImageLock&& other) noexcept {
  if (this != &other) {
    Release();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void ImageLock::Release() noexcept {
  if (fd_ >= 0) {
    flock(fd_, LOCK_UN);
    close(fd_);
    fd_ = -1;
  }
}

}  // namespace holdfast::control

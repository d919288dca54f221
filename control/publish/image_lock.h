// The writer's lock on one image file. Two nodes whose run folders bear the same path (in mount
// namespaces of their own) may share the folder of their tables, where names come from that path:
// this lock keeps one's control from writing, or removing, what the other's writes. It goes with
// the process, however that ends; readers take none. Control core only.
#pragma once

#include <string>

#include "dataplane/base/result.h"

namespace holdfast::control {

/// Whoever has the flock() on an open file, for a sentence: "process 12 (holdfast-control)", or
/// that it cannot be seen from here (it is in another PID namespace, or has just ended).
std::string LockHolder(int fd);

class ImageLock {
 public:
  ImageLock() noexcept = default;
  /// Opens and locks what `path` names: a regular file of this user, no link.
  /// @param patient  waits up to 100 ms, since whoever just looks at a file locks it for a moment.
  /// @return kConflict with the holder, as far as it can be seen from here; kNotFound when there is
  /// no such file (any more); kInvalid when it is somebody else's or no file; else kIo.
  static Result<ImageLock> Take(const std::string& path, bool patient);
  /// The same for a file that is open for writing already. Takes the descriptor over.
  static Result<ImageLock> Of(int fd, const std::string& path, bool patient);
  ImageLock(ImageLock&& other) noexcept;
  ImageLock& operator=(ImageLock&& other) noexcept;
  ~ImageLock() { Release(); }

  /// Gives it back. Said to the kernel and not left to close(): a mapping made of the descriptor
  /// would keep the lock.
  void Release() noexcept;
  /// Of the locked file, closed on exec; -1 without one.
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  explicit ImageLock(int fd) noexcept : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace holdfast::control

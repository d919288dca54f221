// The lock first, then the readers: none can begin while the lock is held and the root block goes.
#include "control/publish/remove.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <unistd.h>

#include "dataplane/table/readers.h"

namespace holdfast::control {
namespace {

// A descriptor that is closed at the end, and its lock with it.
struct HeldFile {
  explicit HeldFile(const std::string& path)
      : fd(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)) {}
  ~HeldFile() {
    if (fd >= 0) {
      close(fd);
    }
  }
  HeldFile(const HeldFile&) = delete;
  HeldFile& operator=(const HeldFile&) = delete;
  int fd;
};

}  // namespace

Result<std::vector<std::string>> RemoveTables(const std::string& run_dir, const ImagePlace& place) {
  const std::string path = run_dir + "/root";
  const HeldFile held(path);
  if (held.fd < 0) {
    if (errno == ENOENT) {
      return std::vector<std::string>{};
    }
    return Fail(ErrorCode::kIo, "cannot open " + path + ": " + std::strerror(errno));
  }
  auto mapping = table::Mapping::Of(held.fd, path, false);
  if (!mapping) {
    return std::unexpected(mapping.error());
  }
  if (mapping->size() < sizeof(table::RootBlock)) {
    return Fail(ErrorCode::kInvalid, path + " is shorter than a root block");
  }
  const auto& root = *reinterpret_cast<const table::RootBlock*>(mapping->data());
  HF_TRY(table::CheckRoot(root, path));
  if (flock(held.fd, LOCK_EX | LOCK_NB) != 0) {
    return Fail(ErrorCode::kConflict,
                "holdfast-control (pid " + std::to_string(root.control_pid) +
                    ") writes the tables of " + run_dir + ": end that node first");
  }
  if (const auto readers = table::ListReaders(run_dir); !readers.empty()) {
    return Fail(ErrorCode::kConflict,
                readers.front().role + " (pid " + std::to_string(readers.front().pid) +
                    ") answers from the tables of " + run_dir + ": end that node first");
  }
  std::vector<std::string> gone;
  for (const auto& name : root.names) {
    const std::string image(name, strnlen(name, sizeof(name)));
    std::error_code error;
    if (!image.empty() && std::filesystem::exists(image, error)) {
      RemoveOldImage(place, image);
      if (std::filesystem::exists(image, error)) {
        return Fail(ErrorCode::kConflict,
                    image + " is held by another process, or is no file of this node and user");
      }
      gone.push_back(image);
    }
  }
  if (unlink(path.c_str()) != 0) {
    return Fail(ErrorCode::kIo, "cannot remove " + path + ": " + std::strerror(errno));
  }
  gone.push_back(path);
  return gone;
}

}  // namespace holdfast::control

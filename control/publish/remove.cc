// Called by `holdfast tables remove`, which holds the supervisor's lock meanwhile. Control's lock
// keeps another control out, but readers take none: so the root block loses its name before they
// are looked for the last time. A reader makes itself known and then looks whether that name still
// leads to its root block (Attachment): either it is seen here, or it sees that there are no
// tables.
#include "control/publish/remove.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <iterator>
#include <set>
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

using Paths = std::vector<std::string>;

Status RefuseReaders(const std::string& run_dir) {
  const auto readers = table::ListReaders(run_dir);
  return readers.empty()
             ? Status()
             : Fail(ErrorCode::kConflict,
                    readers.front().role + " (pid " + std::to_string(readers.front().pid) +
                        ") answers from the tables of " + run_dir + ": end that node first");
}

// The images that `root` names, which must all be ours to remove.
Result<std::vector<ImageLock>> LockImages(const table::RootBlock& root,
                                          const ImagePlace& place,
                                          Paths& paths) {
  std::vector<ImageLock> locks;
  for (const auto& name : root.names) {
    const std::string image(name, strnlen(name, sizeof(name)));
    std::error_code error;
    if (image.empty() || !std::filesystem::exists(image, error)) {
      continue;
    }
    auto lock = ImageLock::Take(image, true);
    if (!lock || !BearsStem(place, image)) {
      return Fail(ErrorCode::kConflict,
                  lock ? image + " does not bear this node's name" : lock.error().message);
    }
    locks.push_back(std::move(*lock));
    paths.push_back(image);
  }
  return locks;
}

// Takes the root block's name away unless a reader comes in between, which gets it back.
Status PutRootAside(const std::string& run_dir, const std::string& path, const std::string& aside) {
  if (rename(path.c_str(), aside.c_str()) != 0) {
    return Fail(ErrorCode::kIo, "cannot rename " + path + ": " + std::strerror(errno));
  }
  const Status refused = RefuseReaders(run_dir);
  if (!refused &&
      renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    return Fail(ErrorCode::kIo,
                refused.error().message + "; cannot rename " + aside + " to " + path + ": " +
                    std::strerror(errno));
  }
  return refused;
}

Paths Sweep(const ImagePlace& place, const std::set<std::string>& folders) {
  Paths gone;
  for (const std::string& folder : folders) {
    std::ranges::copy(RemoveLeftImages({folder, 0, place.stem}, true), std::back_inserter(gone));
  }
  return gone;
}

}  // namespace

Result<Paths> RemoveTables(const std::string& run_dir,
                           const ImagePlace& place,
                           const Paths& folders) {
  std::set<std::string> swept(folders.begin(), folders.end());
  HF_TRY(RefuseReaders(run_dir));
  const std::string path = run_dir + "/root";
  const HeldFile held(path);
  if (held.fd < 0) {
    if (errno == ENOENT) {
      return Sweep(place, swept);
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
                LockHolder(held.fd) + " writes the tables of " + run_dir + ": end that node first");
  }
  Paths gone;
  const auto locks = LockImages(root, place, gone);
  if (!locks) {
    return std::unexpected(locks.error());
  }
  const std::string aside = path + ".removed";
  HF_TRY(PutRootAside(run_dir, path, aside));
  for (const std::string& image : gone) {
    if (unlink(image.c_str()) != 0) {
      return Fail(ErrorCode::kIo, "cannot remove " + image + ": " + std::strerror(errno));
    }
    swept.insert(std::filesystem::path(image).parent_path());
  }
  std::ranges::copy(Sweep(place, swept), std::back_inserter(gone));
  if (unlink(aside.c_str()) != 0) {
    return Fail(ErrorCode::kIo, "cannot remove " + aside + ": " + std::strerror(errno));
  }
  gone.push_back(path);
  return gone;
}

}  // namespace holdfast::control

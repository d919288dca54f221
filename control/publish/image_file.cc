// Making image files on hugetlbfs or plain shared memory.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "control/publish/image_writer.h"
#include "dataplane/base/clock.h"

namespace holdfast::control {
namespace {

std::string NoRoom(const ImagePlace& place, std::uint64_t octets, std::uint64_t page, int error) {
  std::string text = "cannot reserve " + std::to_string(octets >> 20U) + " MiB for the tables in " +
                     place.directory + ": " + std::strerror(error);
  if (page > 4096) {
    text += "; free hugepages are too few: reserve them with 'echo " +
            std::to_string(octets / page) + " > /sys/kernel/mm/hugepages/hugepages-" +
            std::to_string(page / 1024) +
            "kB/nr_hugepages' (added to what is in use), or lower [tables] size";
  }
  return text + " (to build them anew or to move them takes room for two images)";
}

std::string StemOf(const ImagePlace& place) {
  return place.stem + "-image-";
}

bool Fits(int fd, const std::string& path) {
  const auto mapping = table::Mapping::Of(fd, path, false);
  return mapping && mapping->size() >= sizeof(table::ImageHeader) &&
         table::CheckImageHeader(
             *reinterpret_cast<const table::ImageHeader*>(mapping->data()), mapping->size(), path);
}

// A file that nothing was written into: whoever made it was killed before it had a header. Read and
// not mapped: a hole in hugetlbfs wants a page that may not be there.
bool IsBlank(int fd) {
  std::array<std::byte, sizeof(table::ImageHeader)> header{};
  return pread(fd, header.data(), header.size(), 0) >= 0 &&
         std::ranges::all_of(header, [](std::byte octet) { return octet == std::byte{0}; });
}

// An image that a control of this run folder left: the stem is the folder's own and the caller
// holds its lock. What does not fit in every respect is somebody's all the same; so is what another
// control holds, which `notes` gets to know.
/// @param blank  a file that nothing was written into is taken too.
bool RemoveIfFits(const std::string& path, bool blank, std::vector<std::string>& notes) {
  const auto lock = ImageLock::Take(path, false);
  if (lock && ((blank && IsBlank(lock->fd())) || Fits(lock->fd(), path))) {
    return unlink(path.c_str()) == 0;  // under the lock: whoever waits for it finds the name gone
  }
  if (!lock && lock.error().code == ErrorCode::kConflict) {
    notes.push_back(lock.error().message + ", so this node's tables get another number");
  }
  return false;
}

void WriteHeader(table::Mapping& mapping, std::uint16_t seq) {
  auto* header = reinterpret_cast<table::ImageHeader*>(mapping.data());
  header->magic = table::kImageMagic;
  header->version = table::kFormatVersion;
  header->endian = table::kEndianMark;
  header->octets = mapping.size();
  header->image_seq = seq;
  header->created_ms = WallMs();
  header->crc32c = table::HeaderCrc(*header);
}

}  // namespace

std::vector<std::string> RemoveLeftImages(const ImagePlace& place, bool blank) {
  std::vector<std::string> gone;
  std::vector<std::string> unsaid;  // of those in the way, CreateImage speaks
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(place.directory, error)) {
    if (BearsStem(place, entry.path().string()) &&
        RemoveIfFits(entry.path().string(), blank, unsaid)) {
      gone.push_back(entry.path().string());
    }
  }
  return gone;
}

bool BearsStem(const ImagePlace& place, const std::string& path) {
  return std::filesystem::path(path).filename().string().starts_with(StemOf(place));
}

void RemoveOldImage(const ImagePlace& place, const std::string& path) {
  if (!BearsStem(place, path)) {
    return;
  }
  if (const auto lock = ImageLock::Take(path, false)) {
    unlink(path.c_str());
  }
}

// A reader of another user is of that group; the umask of who started us must not keep it out.
Status CloseToOthers(int fd, const ImagePlace& place, const std::string& path) {
  if (fchown(fd, static_cast<uid_t>(-1), place.group.value_or(static_cast<gid_t>(-1))) != 0 ||
      fchmod(fd, 0640) != 0) {
    return Fail(
        ErrorCode::kIo,
        "cannot let the group of its readers alone read " + path + ": " + std::strerror(errno));
  }
  return {};
}

Result<std::uint64_t> PageOctets(const std::string& directory) {
  struct statfs fs{};
  if (statfs(directory.c_str(), &fs) != 0) {
    return Fail(ErrorCode::kIo, "cannot look at " + directory + ": " + std::strerror(errno));
  }
  return fs.f_type == HUGETLBFS_MAGIC ? static_cast<std::uint64_t>(fs.f_bsize) : 4096U;
}

Result<ImageFile> CreateImage(const ImagePlace& place,
                              std::uint16_t seq,
                              std::optional<std::uint16_t> kept,
                              std::vector<std::string>& notes) {
  const auto page = PageOctets(place.directory);
  if (!page) {
    return std::unexpected(page.error());
  }
  const std::uint64_t octets = WholePages(place.octets, *page);
  ImageFile made;
  int fd = -1;
  std::optional<ImageLock> lock;
  // Sixteen names that someone else holds in one folder mean that something is wrong there.
  for (int tries = 0; !lock && tries < 16; ++tries, ++seq) {
    if (kept && (seq - *kept) % table::kImageNames == 0) {
      ++seq;
    }
    made.seq = seq;
    made.path = place.directory + "/" + StemOf(place) + std::to_string(seq);
    RemoveIfFits(made.path, false, notes);
    fd = open(made.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno != EEXIST) {
      return Fail(ErrorCode::kIo, "cannot make " + made.path + ": " + std::strerror(errno));
    }
    if (fd < 0) {
      continue;
    }
    auto taken = ImageLock::Of(fd, made.path, true);
    if (taken) {
      lock = std::move(*taken);
    } else if (taken.error().code != ErrorCode::kNotFound) {
      unlink(made.path.c_str());
      return std::unexpected(taken.error());
    }  // else one of our stem took it for left, before it was locked: another name
  }
  if (!lock) {
    return Fail(ErrorCode::kConflict, "image files of that name exist already up to " + made.path);
  }
  made.lock = std::move(*lock);
  if (const auto closed = CloseToOthers(fd, place, made.path); !closed) {
    unlink(made.path.c_str());
    return std::unexpected(closed.error());
  }
  if (ftruncate(fd, static_cast<off_t>(octets)) != 0 ||
      fallocate(fd, 0, 0, static_cast<off_t>(octets)) != 0) {
    const int error = errno;
    unlink(made.path.c_str());
    return Fail(ErrorCode::kExhausted, NoRoom(place, octets, *page, error));
  }
  auto mapping = table::Mapping::Of(fd, made.path, true);
  if (!mapping) {
    unlink(made.path.c_str());
    return std::unexpected(mapping.error());
  }
  made.mapping = std::move(*mapping);
  WriteHeader(made.mapping, made.seq);
  return made;
}

}  // namespace holdfast::control

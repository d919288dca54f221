// Making image files on hugetlbfs or plain shared memory.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
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
  return text;
}

std::string StemOf(const ImagePlace& place) {
  return place.stem + "-image-";
}

// An image that a control of this run folder left: the stem is the folder's own and the caller
// holds its lock. What does not fit in every respect is somebody's all the same.
void RemoveIfFits(const std::string& path) {
  if (!IsFreeFile(path)) {
    return;
  }
  const auto mapping = table::Mapping::Map(path, false);
  if (mapping && mapping->size() >= sizeof(table::ImageHeader) &&
      table::CheckImageHeader(
          *reinterpret_cast<const table::ImageHeader*>(mapping->data()), mapping->size(), path)) {
    unlink(path.c_str());
  }
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

bool IsFreeFile(const std::string& path) {
  // O_NONBLOCK: a pipe of that name must not hold anybody up.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) {
    return false;
  }
  struct stat st{};
  const bool is_free = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
                       flock(fd, LOCK_EX | LOCK_NB) == 0;
  close(fd);
  return is_free;
}

void RemoveLeftImages(const ImagePlace& place) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(place.directory, error)) {
    if (entry.path().filename().string().starts_with(StemOf(place))) {
      RemoveIfFits(entry.path().string());
    }
  }
}

void RemoveOldImage(const ImagePlace& place, const std::string& path) {
  if (std::filesystem::path(path).filename().string().starts_with(StemOf(place)) &&
      IsFreeFile(path)) {
    unlink(path.c_str());
  }
}

Result<std::uint64_t> PageOctets(const std::string& directory) {
  struct statfs fs{};
  if (statfs(directory.c_str(), &fs) != 0) {
    return Fail(ErrorCode::kIo, "cannot look at " + directory + ": " + std::strerror(errno));
  }
  return fs.f_type == HUGETLBFS_MAGIC ? static_cast<std::uint64_t>(fs.f_bsize) : 4096U;
}

Result<table::Mapping> CreateImage(const ImagePlace& place, std::uint16_t& seq, std::string& path) {
  const auto page = PageOctets(place.directory);
  if (!page) {
    return std::unexpected(page.error());
  }
  const std::uint64_t octets = WholePages(place.octets, *page);
  int fd = -1;
  // Sixteen names that someone else holds in one folder mean that something is wrong there.
  for (int tries = 0; fd < 0 && tries < 16; ++tries, ++seq) {
    path = place.directory + "/" + StemOf(place) + std::to_string(seq);
    RemoveIfFits(path);
    fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 && errno != EEXIST) {
      return Fail(ErrorCode::kIo, "cannot make " + path + ": " + std::strerror(errno));
    }
  }
  --seq;
  if (fd < 0) {
    return Fail(ErrorCode::kConflict, "image files of that name exist already up to " + path);
  }
  // Readers are other users; the umask of who started us must not keep them out.
  if (fchmod(fd, 0644) != 0 || ftruncate(fd, static_cast<off_t>(octets)) != 0 ||
      fallocate(fd, 0, 0, static_cast<off_t>(octets)) != 0) {
    const int error = errno;
    close(fd);
    unlink(path.c_str());
    return Fail(ErrorCode::kExhausted, NoRoom(place, octets, *page, error));
  }
  close(fd);
  auto mapping = table::Mapping::Map(path, true);
  if (!mapping) {
    unlink(path.c_str());
    return mapping;
  }
  WriteHeader(*mapping, seq);
  return mapping;
}

}  // namespace holdfast::control

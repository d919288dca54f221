// Mapping whole files and judging their first page. Cold: start of a process, housekeeping, tools.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "dataplane/table/readers.h"

namespace holdfast::table {
namespace {

std::string Reason(const std::string& what, const std::string& path) {
  return what + " " + path + ": " + std::strerror(errno);
}

// What on the way to `path` is closed to this process, as a half sentence with the remedy; for the
// message of a failed open.
std::string Closed(const std::string& path, bool writable) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string folder = path.substr(0, at);
    if (access(folder.c_str(), X_OK) != 0) {
      if (errno != EACCES) {
        return "";
      }
      std::string text = "; user id " + std::to_string(getuid()) + " may not enter ";
      text.append(folder).append(": `chmod o+x ").append(folder).append("` lets it");
      return text;
    }
  }
  const std::string who = "; user id " + std::to_string(getuid());
  struct stat st{};
  if (!writable && stat(path.c_str(), &st) == 0 && (st.st_mode & S_IRGRP) != 0) {
    return who + " may not read it: its owner and its group may, whom `ls -l " + path + "` names";
  }
  return writable
             ? who + " may not write it: run this as its owner, whom `ls -l " + path + "` names"
             : who + " may not read it: `chmod o+r " + path + "` lets it";
}

}  // namespace

Result<Mapping> Mapping::Map(const std::string& path, bool writable) {
  const int fd = open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    const bool closed = errno == EACCES;
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
    const std::string reason = Reason("cannot open", path);
    return Fail(code, reason + (closed ? Closed(path, writable) : ""));
  }
  auto mapping = Of(fd, path, writable);
  close(fd);
  return mapping;
}

Result<Mapping> Mapping::Of(int fd, const std::string& name, bool writable) {
  struct stat st{};
  if (fstat(fd, &st) != 0 || st.st_size == 0) {
    return Fail(ErrorCode::kInvalid, name + " is empty; expected a Holdfast file");
  }
  const auto octets = static_cast<std::size_t>(st.st_size);
  void* data =
      mmap(nullptr, octets, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) {
    return Fail(ErrorCode::kIo, Reason("cannot map", name));
  }
  Mapping mapping;
  mapping.data_ = static_cast<std::byte*>(data);
  mapping.size_ = octets;
  return mapping;
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) {
    munmap(data_, size_);
  }
}

Status CheckRoot(const RootBlock& root, const std::string& path) {
  if (root.magic != kRootMagic) {
    return Fail(ErrorCode::kInvalid, path + " is not a Holdfast root block");
  }
  if (root.version != kFormatVersion || root.endian != kEndianMark) {
    return Fail(ErrorCode::kInvalid,
                path + " has format version " + std::to_string(root.version) + "; expected " +
                    std::to_string(kFormatVersion));
  }
  return {};
}

Status CheckImageHeader(const ImageHeader& header,
                        std::uint64_t file_octets,
                        const std::string& path) {
  if (header.magic != kImageMagic) {
    return Fail(ErrorCode::kInvalid, path + " is not a Holdfast table image");
  }
  if (header.version != kFormatVersion || header.endian != kEndianMark) {
    return Fail(ErrorCode::kInvalid,
                path + " has format version " + std::to_string(header.version) + "; expected " +
                    std::to_string(kFormatVersion));
  }
  if (header.octets != file_octets) {
    return Fail(ErrorCode::kInvalid,
                path + " says it has " + std::to_string(header.octets) + " octets, the file has " +
                    std::to_string(file_octets));
  }
  if (header.crc32c != HeaderCrc(header)) {
    return Fail(ErrorCode::kInvalid, path + ": the header's checksum does not fit its octets");
  }
  const std::uint64_t units = header.octets / kOffsetUnit;
  for (const auto* at :
       {&header.index_at, &header.health_at, &header.used_units, &header.settings_at}) {
    if (at->load(std::memory_order_relaxed) > units) {
      return Fail(ErrorCode::kInvalid, path + ": the header's directory leads past the file's end");
    }
  }
  return {};
}

std::uint32_t HeaderCrc(const ImageHeader& header) {
  std::byte fixed[offsetof(ImageHeader, index_at)];
  std::memcpy(fixed, &header, sizeof(fixed));
  std::memset(fixed + offsetof(ImageHeader, crc32c), 0, sizeof(header.crc32c));
  return Crc32c(fixed, sizeof(fixed));
}

}  // namespace holdfast::table

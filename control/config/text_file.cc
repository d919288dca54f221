#include "control/config/text_file.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <string_view>
#include <sys/stat.h>

namespace holdfast::control {

namespace {

using FilePtr = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

std::unexpected<Error> Failed(const char* what, const std::string& path) {
  return Fail(ErrorCode::kIo, std::string(what) + " " + path + ": " + std::strerror(errno));
}

// Hands the rest of a file out, piece by piece, to `take`, which may end it with an error.
template <class Take>
Status ReadOn(std::FILE* file, const std::string& path, Take take) {
  std::array<char, 65536> block{};
  while (std::feof(file) == 0) {
    const std::size_t got = std::fread(block.data(), 1, block.size(), file);
    if (std::ferror(file) != 0) {
      return Failed("cannot read", path);
    }
    HF_TRY(take(std::string_view(block.data(), got)));
  }
  return {};
}

// A pipe or a device would be waited for, or never end.
Result<FilePtr> OpenRegular(const std::string& path, struct stat& status) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  FilePtr file(fd < 0 ? nullptr : fdopen(fd, "r"), std::fclose);
  if (!file || fstat(fd, &status) != 0) {
    return Failed("cannot open", path);
  }
  if (!S_ISREG(status.st_mode)) {
    return Fail(ErrorCode::kInvalid,
                path + (S_ISDIR(status.st_mode) ? " is a folder" : " is no regular file") +
                    "; expected a file");
  }
  return file;
}

}  // namespace

Result<std::string> ReadFile(const std::string& path, std::size_t limit) {
  struct stat status{};
  const auto file = OpenRegular(path, status);
  if (!file) {
    return std::unexpected(file.error());
  }
  std::string text;
  if (status.st_size > 0 && static_cast<std::size_t>(status.st_size) <= limit) {
    text.reserve(static_cast<std::size_t>(status.st_size));
  }
  HF_TRY(ReadOn(file->get(), path, [&](std::string_view piece) -> Status {
    if (text.size() + piece.size() > limit) {
      return Fail(ErrorCode::kInvalid,
                  path + " is larger than " + std::to_string(limit) + " octets");
    }
    text += piece;
    return {};
  }));
  return text;
}

Result<Digest> DigestOfFile(const std::string& path) {
  struct stat status{};
  const auto file = OpenRegular(path, status);
  if (!file) {
    return std::unexpected(file.error());
  }
  Sha256 sha256;
  HF_TRY(ReadOn(file->get(), path, [&sha256](std::string_view piece) -> Status {
    sha256.Add(piece);
    return {};
  }));
  return sha256.Finish();
}

std::string PathFrom(const std::string& from_file, const std::string& path) {
  if (path.empty()) {
    return path;
  }
  // Whole, and by its one name: two nodes in folders that are spelled alike must not meet.
  std::error_code error;
  const auto whole = std::filesystem::absolute(from_file, error).parent_path();
  const auto folder = std::filesystem::weakly_canonical(whole, error);
  return ((error ? whole : folder) / path).lexically_normal().string();
}

}  // namespace holdfast::control

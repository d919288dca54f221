#include "control/config/text_file.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <sys/stat.h>

namespace holdfast::control {

Result<std::string> ReadFile(const std::string& path, std::size_t limit) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             std::fclose);
  if (!file) {
    return Fail(ErrorCode::kIo, "cannot open " + path + ": " + std::strerror(errno));
  }
  struct stat status{};
  if (fstat(fileno(file.get()), &status) != 0) {
    return Fail(ErrorCode::kIo, "cannot examine " + path + ": " + std::strerror(errno));
  }
  if (S_ISDIR(status.st_mode)) {
    return Fail(ErrorCode::kInvalid, path + " is a folder; expected a file");
  }
  std::string text;
  if (status.st_size > 0 && static_cast<std::size_t>(status.st_size) <= limit) {
    text.reserve(static_cast<std::size_t>(status.st_size));
  }
  std::array<char, 65536> block{};
  for (;;) {
    const std::size_t got = std::fread(block.data(), 1, block.size(), file.get());
    if (got == 0) {
      break;
    }
    if (text.size() + got > limit) {
      return Fail(ErrorCode::kInvalid,
                  path + " is larger than " + std::to_string(limit) + " octets");
    }
    text.append(block.data(), got);
  }
  if (std::ferror(file.get()) != 0) {
    return Fail(ErrorCode::kIo, "cannot read " + path + ": " + std::strerror(errno));
  }
  return text;
}

std::string PathFrom(const std::string& from_file, const std::string& path) {
  if (path.empty()) {
    return path;
  }
  return (std::filesystem::path(from_file).parent_path() / path).lexically_normal().string();
}

}  // namespace holdfast::control

#include "control/cookie_secret.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config/text_file.h"
#include "dataplane/table/format.h"

namespace holdfast::control {
namespace {

std::unexpected<Error> CannotMake(const std::string& path) {
  return Fail(ErrorCode::kIo, "cannot make " + path + ": " + std::strerror(errno));
}

Result<std::string> Made(const std::string& path) {
  std::string secret(table::kCookieSecretOctets, '\0');
  if (getrandom(secret.data(), secret.size(), 0) != static_cast<ssize_t>(secret.size())) {
    return CannotMake(path);
  }
  const std::string aside = path + ".new";
  unlink(aside.c_str());  // of a start that was killed
  const int fd = open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return CannotMake(path);
  }
  const bool written =
      write(fd, secret.data(), secret.size()) == static_cast<ssize_t>(secret.size()) &&
      fsync(fd) == 0;
  const bool closed = close(fd) == 0;
  if (!written || !closed || rename(aside.c_str(), path.c_str()) != 0) {
    const auto failure = CannotMake(path);
    unlink(aside.c_str());
    return failure;
  }
  return secret;
}

}  // namespace

Result<std::string> KeptCookieSecret(const std::string& path) {
  struct stat file{};
  if (stat(path.c_str(), &file) != 0 && errno == ENOENT) {
    return Made(path);
  }
  if ((file.st_mode & S_IROTH) != 0) {
    return Fail(ErrorCode::kInvalid,
                path +
                    ": everybody may read this secret; expected a file for its owner alone "
                    "(chmod 600)");
  }
  auto secret = ReadFile(path, table::kCookieSecretOctets + 1);
  if (secret && secret->size() != table::kCookieSecretOctets) {
    return Fail(ErrorCode::kInvalid,
                path + " has " + std::to_string(secret->size()) + " octets; expected " +
                    std::to_string(table::kCookieSecretOctets) +
                    " (remove it, and the next start makes another)");
  }
  return secret;
}

}  // namespace holdfast::control

// Looking at the readers from outside: control's reclamation, the supervisor's heartbeat and
// `status`.
#include "dataplane/table/readers.h"

#include <algorithm>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace holdfast::table {

Result<ReaderWatch> ReaderWatch::Open(const std::string& path) {
  auto mapping = Mapping::Map(path, false);
  if (!mapping) {
    return std::unexpected(mapping.error());
  }
  const auto* file = reinterpret_cast<const ReaderFile*>(mapping->data());
  if (mapping->size() < sizeof(ReaderFile) ||
      __atomic_load_n(&file->magic, __ATOMIC_ACQUIRE) != kReaderMagic ||
      file->version != kFormatVersion || file->threads == 0 || file->threads > kMaxReaderThreads ||
      mapping->size() < sizeof(ReaderFile) + (std::size_t{file->threads} * kCounters * 8)) {
    return Fail(ErrorCode::kInvalid, path + " is not a reader file of this format");
  }
  ReaderWatch watch;
  watch.threads_ = file->threads;
  watch.mapping_ = std::move(*mapping);
  watch.path_ = path;
  return watch;
}

const ReaderFile& ReaderWatch::file() const noexcept {
  return *reinterpret_cast<const ReaderFile*>(mapping_.data());
}

std::uint64_t ReaderWatch::MinPassed() const noexcept {
  std::uint64_t least = kOffline;
  for (unsigned i = 0; i < threads_; ++i) {
    least = std::min(least, file().thread[i].passed.load(std::memory_order_acquire));
  }
  return least;
}

bool ReaderWatch::Alive() const {
  const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    return false;
  }
  // The lock of a living reader refuses ours. Closing gives ours back.
  const bool dead = flock(fd, LOCK_SH | LOCK_NB) == 0;
  close(fd);
  return !dead;
}

ReaderInfo ReaderWatch::Info() const {
  const ReaderFile& f = file();
  ReaderInfo info;
  info.path = path_;
  info.role.assign(f.role, strnlen(f.role, sizeof(f.role)));
  info.pid = pid();
  info.mapped_seq = f.mapped_seq.load(std::memory_order_acquire);
  const auto* counters =
      reinterpret_cast<const std::uint64_t*>(mapping_.data() + sizeof(ReaderFile));
  for (unsigned i = 0; i < threads_; ++i) {
    info.passed.push_back(f.thread[i].passed.load(std::memory_order_acquire));
    info.beats.push_back(f.thread[i].beat.load(std::memory_order_relaxed));
    auto& row = info.counters.emplace_back(kCounters);
    for (unsigned c = 0; c < kCounters; ++c) {
      row[c] = __atomic_load_n(&counters[(std::size_t{i} * kCounters) + c], __ATOMIC_RELAXED);
    }
  }
  return info;
}

std::vector<std::string> ReaderFiles(const std::string& run_dir) {
  const std::string folder = run_dir + "/readers";
  std::vector<std::string> paths;
  DIR* dir = opendir(folder.c_str());
  if (dir == nullptr) {
    return paths;  // no reader was ever here
  }
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] != '.') {
      paths.push_back(folder + "/" + entry->d_name);
    }
  }
  closedir(dir);
  std::ranges::sort(paths);
  return paths;
}

std::vector<ReaderInfo> ListReaders(const std::string& run_dir) {
  std::vector<ReaderInfo> readers;
  for (const std::string& path : ReaderFiles(run_dir)) {
    const auto watch = ReaderWatch::Open(path);
    if (watch && watch->pid() != 0 && watch->Alive()) {
      readers.push_back(watch->Info());
    }
  }
  return readers;
}

}  // namespace holdfast::table

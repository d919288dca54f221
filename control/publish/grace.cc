#include "control/publish/grace.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::control {

// New readers appear by rename, which touches the folder. A reader that appears after this look
// loads the published generation later still, so it cannot hold what died at or before the current
// one.
void Grace::Rescan() {
  struct stat st{};
  const std::string folder = run_dir_ + "/readers";
  if (stat(folder.c_str(), &st) != 0) {
    readers_.clear();
    return;
  }
  const std::int64_t mtime_ns =
      (std::int64_t{st.st_mtim.tv_sec} * 1'000'000'000) + st.st_mtim.tv_nsec;
  // A folder that changed in the same clock tick as the last look would be missed: the clock of
  // file times is coarse. So a recent change is looked at again until it is clearly in the past.
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t now_ns = (std::int64_t{now.tv_sec} * 1'000'000'000) + now.tv_nsec;
  if (mtime_ns == seen_mtime_ns_ && now_ns - mtime_ns > 50'000'000) {
    return;
  }
  seen_mtime_ns_ = mtime_ns;
  const auto paths = table::ReaderFiles(run_dir_);
  std::erase_if(readers_, [&](const table::ReaderWatch& reader) {
    return !std::ranges::binary_search(paths, reader.path());
  });
  for (const std::string& path : paths) {
    if (std::ranges::any_of(readers_, [&](const auto& r) { return r.path() == path; })) {
      continue;
    }
    // What does not open as a reader file of this format is not ours to touch.
    if (auto watch = table::ReaderWatch::Open(path)) {
      readers_.push_back(std::move(*watch));
    }
  }
  // A file has its lock before its name, so one that is free is of a reader that died. Most readers
  // die offline, lag nowhere, and may not remove their file themselves.
  for (std::size_t i = readers_.size(); i-- > 0;) {
    if (!readers_[i].Alive()) {
      Sweep(i);
    }
  }
}

void Grace::Sweep(std::size_t i) {
  unlink(readers_[i].path().c_str());
  readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(i));
}

std::uint64_t Grace::MinPassed(std::uint64_t wanted, std::string* laggard) {
  // What was published before must be seen by whoever comes online after this look: its exchange
  // and this fence stand on either side of the two stores.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  Rescan();
  std::uint64_t least = table::kOffline;
  for (std::size_t i = 0; i < readers_.size();) {
    const std::uint64_t passed = readers_[i].MinPassed();
    if (passed < wanted && !readers_[i].Alive()) {
      Sweep(i);
      continue;
    }
    if (passed < wanted && passed < least && laggard != nullptr) {
      *laggard = readers_[i].path();
    }
    least = std::min(least, passed);
    ++i;
  }
  return least;
}

bool Grace::AllMapped(std::uint32_t seq, std::string* laggard) {
  Rescan();
  for (std::size_t i = 0; i < readers_.size();) {
    if (readers_[i].pid() != 0 && readers_[i].mapped_seq() != seq) {
      if (readers_[i].Alive()) {
        *laggard = "reader " + std::filesystem::path(readers_[i].path()).filename().string() +
                   " (pid " + std::to_string(readers_[i].pid()) + ")";
        return false;
      }
      Sweep(i);
      continue;
    }
    ++i;
  }
  return true;
}

}  // namespace holdfast::control

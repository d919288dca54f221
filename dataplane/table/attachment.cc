// The reader's side of sharing: attach, register, keep house. The housekeeping thread wakes every
// few milliseconds and does what an lcore must not: open, map and check files, acknowledge images.
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/table/readers.h"

namespace holdfast::table {
namespace {

constexpr auto kHousekeepingPause = std::chrono::milliseconds(5);

std::string Reason(const std::string& what, const std::string& path) {
  return what + " " + path + ": " + std::strerror(errno);
}

// Makes the file under a hidden name, locks it, then gives it its name: whoever finds the name
// finds it locked.
Result<int> MakeReaderFile(const std::string& folder, const std::string& path, std::size_t octets) {
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    return Fail(ErrorCode::kIo, Reason("cannot make", folder));
  }
  const std::string hidden = folder + "/." + std::to_string(getpid()) + ".new";
  unlink(hidden.c_str());
  const int fd = open(hidden.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) {
    return Fail(ErrorCode::kIo, Reason("cannot make", hidden));
  }
  if (ftruncate(fd, static_cast<off_t>(octets)) != 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 ||
      rename(hidden.c_str(), path.c_str()) != 0) {
    const std::string reason = Reason("cannot set up", path);
    unlink(hidden.c_str());
    close(fd);
    return Fail(ErrorCode::kIo, reason);
  }
  return fd;
}

}  // namespace

Result<std::unique_ptr<Attachment>> Attachment::Open(const std::string& run_dir,
                                                     const std::string& role,
                                                     unsigned threads) {
  HF_CHECK(threads >= 1 && threads <= kMaxReaderThreads);
  HF_CHECK(!role.empty() && role.size() < sizeof(ReaderFile::role));
  const std::string root_path = run_dir + "/root";
  auto root = Mapping::Map(root_path, false);
  if (!root) {
    return Fail(
        root.error().code == ErrorCode::kNotFound ? ErrorCode::kUnavailable : root.error().code,
        root.error().message + "; holdfast-control makes it");
  }
  if (root->size() < sizeof(RootBlock)) {
    return Fail(ErrorCode::kInvalid, root_path + " is shorter than a root block");
  }
  std::unique_ptr<Attachment> attachment(new Attachment());
  attachment->root_map_ = std::move(*root);
  attachment->root_ = reinterpret_cast<const RootBlock*>(attachment->root_map_.data());
  HF_TRY(CheckRoot(*attachment->root_, root_path));
  if (attachment->root_->published.load(std::memory_order_acquire) == 0) {
    return Fail(ErrorCode::kUnavailable, "nothing is published in " + run_dir + " yet");
  }
  HF_TRY(attachment->Register(run_dir + "/readers", role, threads));
  HF_TRY(attachment->MapAnnounced());
  attachment->housekeeping_ =
      std::jthread([a = attachment.get()](const std::stop_token& stop) { a->Housekeep(stop); });
  return attachment;
}

Status Attachment::Register(const std::string& folder, const std::string& role, unsigned threads) {
  file_path_ = folder + "/" + role + "." + std::to_string(getpid());
  const std::size_t octets =
      sizeof(ReaderFile) + (std::size_t{threads} * kCounters * sizeof(std::uint64_t));
  auto fd = MakeReaderFile(folder, file_path_, octets);
  if (!fd) {
    return std::unexpected(fd.error());
  }
  file_fd_ = *fd;
  auto mapping = Mapping::Map(file_path_, true);
  if (!mapping) {
    return std::unexpected(mapping.error());
  }
  file_map_ = std::move(*mapping);
  file_ = reinterpret_cast<ReaderFile*>(file_map_.data());
  file_->version = kFormatVersion;
  file_->threads = threads;
  file_->pid = static_cast<std::uint32_t>(getpid());
  std::memcpy(file_->role, role.data(), role.size());
  for (unsigned i = 0; i < threads; ++i) {
    file_->thread[i].passed.store(kOffline, std::memory_order_relaxed);
  }
  __atomic_store_n(&file_->magic, kReaderMagic, __ATOMIC_RELEASE);
  return {};
}

Attachment::~Attachment() {
  if (housekeeping_.joinable()) {
    housekeeping_.request_stop();
    housekeeping_.join();
  }
  if (file_fd_ >= 0) {
    unlink(file_path_.c_str());
    close(file_fd_);
  }
}

std::span<std::uint64_t> Attachment::Counters(unsigned thread) noexcept {
  HF_CHECK(thread < file_->threads);
  return {reinterpret_cast<std::uint64_t*>(file_map_.data() + sizeof(ReaderFile)) +
              (std::size_t{thread} * kCounters),
          kCounters};
}

Snapshot Attachment::Resolve(Published published) const noexcept {
  const Mapped* mapped =
      mapped_[published.ImageSeq() % kImageNames].load(std::memory_order_acquire);
  if (mapped == nullptr || mapped->seq != published.ImageSeq()) {
    return {};
  }
  return Snapshot(mapped->view, published.generation());
}

// Maps the announced image and the published one (they differ while an image is being taken over).
Status Attachment::MapAnnounced() {
  const std::uint32_t announced = root_->announced_seq.load(std::memory_order_acquire);
  const Published published{root_->published.load(std::memory_order_acquire)};
  for (const std::uint32_t seq : {std::uint32_t{published.ImageSeq()}, announced}) {
    auto& place = mapped_[seq % kImageNames];
    const Mapped* known = place.load(std::memory_order_relaxed);
    if (known != nullptr && known->seq == seq) {
      continue;
    }
    char name[sizeof(root_->names[0])];
    std::memcpy(name, root_->names[seq % kImageNames], sizeof(name));
    name[sizeof(name) - 1] = '\0';
    auto mapping = Mapping::Map(name, false);
    if (!mapping) {
      return std::unexpected(mapping.error());
    }
    if (mapping->size() < sizeof(ImageHeader)) {
      return Fail(ErrorCode::kInvalid, std::string(name) + " is shorter than an image header");
    }
    const View view(mapping->data(), mapping->size());
    HF_TRY(CheckImageHeader(view.header(), mapping->size(), name));
    // Never unmapped while the process lives: an lcore may be in the middle of a burst on the image
    // before. At most a handful of images come in a process's life.
    images_.push_back(std::make_unique<Image>(
        Image{std::move(*mapping), Mapped{view, static_cast<std::uint16_t>(seq)}}));
    place.store(&images_.back()->mapped, std::memory_order_release);
  }
  file_->mapped_seq.store(announced, std::memory_order_release);
  return {};
}

void Attachment::Housekeep(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (root_->announced_seq.load(std::memory_order_acquire) !=
        file_->mapped_seq.load(std::memory_order_relaxed)) {
      // A failure is tried again at the next round; control waits for the acknowledgement and says
      // which reader does not give it.
      (void)MapAnnounced();
    }
    std::this_thread::sleep_for(kHousekeepingPause);
  }
}

}  // namespace holdfast::table

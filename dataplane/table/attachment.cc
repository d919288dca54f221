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

std::size_t FileOctets(unsigned threads) {
  return sizeof(ReaderFile) + (std::size_t{threads} * kCounters * sizeof(std::uint64_t));
}

// Everything but the process, so that who finds the file by name finds a reader that holds nothing.
void WriteReader(ReaderFile& file, const std::string& role, unsigned threads) {
  file.version = kFormatVersion;
  file.threads = threads;
  role.copy(file.role, sizeof(file.role) - 1);
  for (unsigned i = 0; i < threads; ++i) {
    file.thread[i].passed.store(kOffline, std::memory_order_relaxed);
  }
  __atomic_store_n(&file.magic, kReaderMagic, __ATOMIC_RELEASE);
}

}  // namespace

// Makes the file under a hidden name, locks it, then gives it its name: whoever finds the name
// finds it whole and locked.
Result<ReaderFds> MakeReaderFile(const std::string& run_dir,
                                 const std::string& name,
                                 const std::string& role,
                                 unsigned threads) {
  HF_CHECK(threads >= 1 && threads <= kMaxReaderThreads);
  HF_CHECK(!role.empty() && role.size() < sizeof(ReaderFile::role));
  const std::string folder = run_dir + "/readers";
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    return Fail(ErrorCode::kIo, Reason("cannot make", folder));
  }
  const std::string path = folder + "/" + name;
  const std::string hidden = folder + "/." + name + ".new";
  unlink(hidden.c_str());
  ReaderFds fds;
  const auto made = [&]() -> Status {
    fds.page = open(hidden.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    fds.lock = open(hidden.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fds.page < 0 || fds.lock < 0) {
      return Fail(ErrorCode::kIo, Reason("cannot make", hidden));
    }
    if (ftruncate(fds.page, static_cast<off_t>(FileOctets(threads))) != 0 ||
        flock(fds.lock, LOCK_EX | LOCK_NB) != 0) {
      return Fail(ErrorCode::kIo, Reason("cannot set up", hidden));
    }
    const auto mapping = Mapping::Of(fds.page, hidden, true);
    if (!mapping) {
      return std::unexpected(mapping.error());
    }
    WriteReader(*reinterpret_cast<ReaderFile*>(mapping->data()), role, threads);
    if (rename(hidden.c_str(), path.c_str()) != 0) {
      return Fail(ErrorCode::kIo, Reason("cannot set up", path));
    }
    return {};
  }();
  if (!made) {
    unlink(hidden.c_str());
    close(fds.page);
    close(fds.lock);
    return std::unexpected(made.error());
  }
  return fds;
}

Result<std::unique_ptr<Attachment>> Attachment::Open(const std::string& run_dir,
                                                     const std::string& role,
                                                     unsigned threads) {
  auto attachment = OpenRoot(run_dir);
  if (!attachment) {
    return attachment;
  }
  const std::string name = role + "." + std::to_string(getpid());
  const auto fds = MakeReaderFile(run_dir, name, role, threads);
  if (!fds) {
    return std::unexpected(fds.error());
  }
  (*attachment)->file_path_ = run_dir + "/readers/" + name;
  if (const Status registered = (*attachment)->Register(*fds, name, threads); !registered) {
    close(fds->page);
    close(fds->lock);
    return std::unexpected(registered.error());
  }
  return attachment;
}

Result<std::unique_ptr<Attachment>> Attachment::Open(const std::string& run_dir,
                                                     ReaderFds fds,
                                                     unsigned threads) {
  auto attachment = OpenRoot(run_dir);
  if (!attachment) {
    return attachment;
  }
  HF_TRY((*attachment)->Register(fds, "the reader file that was passed", threads));
  return attachment;
}

Result<std::unique_ptr<Attachment>> Attachment::OpenRoot(const std::string& run_dir) {
  const std::string root_path = run_dir + "/root";
  // Before it is mapped: another one that comes in between is taken for a change later on.
  struct stat named{};
  (void)stat(root_path.c_str(), &named);
  auto root = Mapping::Map(root_path, false);
  if (!root) {
    if (root.error().code != ErrorCode::kNotFound) {
      return std::unexpected(root.error());
    }
    return Fail(ErrorCode::kUnavailable, root.error().message + "; holdfast-control makes it");
  }
  if (root->size() < sizeof(RootBlock)) {
    return Fail(ErrorCode::kInvalid, root_path + " is shorter than a root block");
  }
  std::unique_ptr<Attachment> attachment(new Attachment());
  attachment->root_map_ = std::move(*root);
  attachment->root_path_ = root_path;
  attachment->root_device_ = named.st_dev;
  attachment->root_inode_ = named.st_ino;
  attachment->root_ = reinterpret_cast<const RootBlock*>(attachment->root_map_.data());
  HF_TRY(CheckRoot(*attachment->root_, root_path));
  if (attachment->root_->published.load(std::memory_order_acquire) == 0) {
    return Fail(ErrorCode::kUnavailable, "nothing is published in " + run_dir + " yet");
  }
  return attachment;
}

bool Attachment::RootIsInPlace() const {
  struct stat named{};
  return stat(root_path_.c_str(), &named) == 0 && named.st_dev == root_device_ &&
         named.st_ino == root_inode_;
}

// Takes the file for this process: from here on control waits for it.
Status Attachment::Register(ReaderFds fds, const std::string& name, unsigned threads) {
  auto mapping = Mapping::Of(fds.page, name, true);
  if (!mapping) {
    return std::unexpected(mapping.error());
  }
  file_map_ = std::move(*mapping);
  file_ = reinterpret_cast<ReaderFile*>(file_map_.data());
  if (file_map_.size() != FileOctets(threads) ||
      __atomic_load_n(&file_->magic, __ATOMIC_ACQUIRE) != kReaderMagic ||
      file_->version != kFormatVersion || file_->threads != threads) {
    return Fail(ErrorCode::kInvalid,
                name + " is none of this format for " + std::to_string(threads) + " threads");
  }
  __atomic_store_n(&file_->pid, static_cast<std::uint32_t>(getpid()), __ATOMIC_SEQ_CST);
  // Whoever removes tables takes the root block's name away and then looks for readers: either it
  // sees us, or we see that.
  if (!RootIsInPlace()) {
    __atomic_store_n(&file_->pid, 0U, __ATOMIC_SEQ_CST);
    return Fail(ErrorCode::kUnavailable, root_path_ + " was removed or replaced meanwhile");
  }
  HF_TRY(MapAnnounced());
  close(fds.page);
  lock_fd_ = fds.lock;
  housekeeping_ = std::jthread([this](const std::stop_token& stop) { Housekeep(stop); });
  return {};
}

Attachment::~Attachment() {
  if (housekeeping_.joinable()) {
    housekeeping_.request_stop();
    housekeeping_.join();
  }
  if (!file_path_.empty()) {
    unlink(file_path_.c_str());
  }
  if (lock_fd_ >= 0) {
    close(lock_fd_);
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
    images_.push_back(std::make_unique<Image>(
        Image{std::move(*mapping), Mapped{view, static_cast<std::uint16_t>(seq)}}));
    place.store(&images_.back()->mapped, std::memory_order_release);
  }
  file_->mapped_seq.store(announced, std::memory_order_release);
  return {};
}

// An image goes when every thread has passed a generation of the one that is published now, or
// holds nothing: none can be in the middle of a burst on it, nor come to it again.
void Attachment::UnmapLeft() {
  if (images_.size() < 2) {
    return;
  }
  const Published published{root_->published.load(std::memory_order_acquire)};
  for (unsigned i = 0; i < file_->threads; ++i) {
    if (file_->thread[i].passed.load(std::memory_order_acquire) < published.generation().value()) {
      return;
    }
  }
  const std::uint32_t announced = root_->announced_seq.load(std::memory_order_acquire);
  std::erase_if(images_, [&](const std::unique_ptr<Image>& image) {
    const std::uint16_t seq = image->mapped.seq;
    if (seq == published.ImageSeq() || seq == announced) {
      return false;
    }
    auto& place = mapped_[seq % kImageNames];
    if (place.load(std::memory_order_relaxed) == &image->mapped) {
      place.store(nullptr, std::memory_order_relaxed);
    }
    return true;
  });
}

void Attachment::Housekeep(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (root_->announced_seq.load(std::memory_order_acquire) !=
        file_->mapped_seq.load(std::memory_order_relaxed)) {
      // A failure is tried again at the next round; control waits for the acknowledgement and says
      // which reader does not give it.
      (void)MapAnnounced();
    }
    UnmapLeft();
    std::this_thread::sleep_for(kHousekeepingPause);
  }
}

}  // namespace holdfast::table

// Taking hold of a run folder: the root block and its lock, the image that is there or a new one.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "control/publish/publisher.h"
#include "control/publish/recovery.h"
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"

namespace holdfast::control {
namespace {

constexpr auto kMapPause = std::chrono::milliseconds(1);

std::string Reason(const std::string& what, const std::string& path) {
  return what + " " + path + ": " + std::strerror(errno);
}

// A root block as it is before anything was published.
bool WriteRoot(int fd) {
  table::RootBlock root{};
  root.magic = table::kRootMagic;
  root.version = table::kFormatVersion;
  root.endian = table::kEndianMark;
  return ftruncate(fd, 0) == 0 && pwrite(fd, &root, sizeof(root), 0) == sizeof(root);
}

}  // namespace

Result<std::unique_ptr<Publisher>> Publisher::Open(const PublisherOptions& options,
                                                   std::vector<std::string>& notes) {
  std::unique_ptr<Publisher> publisher(new Publisher(options));
  HF_TRY(publisher->OpenRoot(notes));
  publisher->grace_ = std::make_unique<Grace>(options.run_dir);
  if (publisher->root_->published.load(std::memory_order_acquire) == 0) {
    HF_TRY(publisher->NewImage(notes));
  } else if (const auto adopted = publisher->AdoptImage(notes); !adopted) {
    notes.push_back(adopted.error().message + "; the tables are built anew");
    HF_TRY(publisher->ReplaceDamaged(notes));
  } else if (!publisher->HasWantedSize() || !publisher->LiesAsWanted()) {
    // What the published answers were compiled from goes along; the tables are put again.
    publisher->inherited_ = publisher->Health();
    if (const auto made = publisher->StartAnew(notes); !made) {
      notes.push_back("warning: " + publisher->StayText(made.error()));
    }
  }
  return publisher;
}

// The root block's file, ours and locked; made when it is not there.
Status Publisher::LockRoot(const std::string& path, struct stat& st) {
  root_fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (root_fd_ < 0) {
    return Fail(ErrorCode::kIo, Reason("cannot open", path));
  }
  if (flock(root_fd_, LOCK_EX | LOCK_NB) != 0) {
    return Fail(ErrorCode::kConflict,
                LockHolder(root_fd_) + " holds the tables of " + options_.run_dir + " already");
  }
  if (fstat(root_fd_, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
    return Fail(ErrorCode::kInvalid,
                path + " is not a file of this user; give this node another run_dir");
  }
  // Readers are other users; the umask of who started us must not keep them out.
  if (fchmod(root_fd_, 0644) != 0 || (st.st_size == 0 && !WriteRoot(root_fd_))) {
    return Fail(ErrorCode::kIo, Reason("cannot set up", path));
  }
  return {};
}

Status Publisher::MapRoot(const std::string& path) {
  auto mapping = table::Mapping::Map(path, true);
  if (!mapping) {
    return std::unexpected(mapping.error());
  }
  if (mapping->size() < sizeof(table::RootBlock)) {
    return Fail(ErrorCode::kInvalid, path + " is shorter than a root block");
  }
  root_map_ = std::move(*mapping);
  root_ = reinterpret_cast<table::RootBlock*>(root_map_.data());
  return table::CheckRoot(*root_, path);
}

// A root block that is damaged, or of another format, makes way under another name: what it led to
// is lost to everybody but readers that have it mapped. While such a reader lives it stays.
Status Publisher::SetRootAside(const std::string& path, const Error& why) {
  if (const auto readers = table::ListReaders(options_.run_dir); !readers.empty()) {
    return Fail(ErrorCode::kConflict,
                why.message + "; process " + std::to_string(readers.front().pid) +
                    " still answers from it: end that first");
  }
  const std::string aside = path + ".unfit-" + std::to_string(WallMs());
  if (renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, aside.c_str(), RENAME_NOREPLACE) != 0) {
    return Fail(ErrorCode::kIo, why.message + "; " + Reason("cannot rename it to", aside));
  }
  unfit_fd_ = std::exchange(root_fd_, -1);  // its lock goes on telling who else wanted that file
  return {};
}

Status Publisher::OpenRoot(std::vector<std::string>& notes) {
  if (mkdir(options_.run_dir.c_str(), 0755) != 0 && errno != EEXIST) {
    return Fail(ErrorCode::kIo, Reason("cannot make", options_.run_dir));
  }
  const std::string path = options_.run_dir + "/root";
  struct stat st{};
  HF_TRY(LockRoot(path, st));
  if (const auto mapped = MapRoot(path); !mapped) {
    HF_TRY(SetRootAside(path, mapped.error()));
    notes.push_back(mapped.error().message + "; it was set aside");
    HF_TRY(LockRoot(path, st));
    HF_TRY(MapRoot(path));
  }
  root_->control_pid = static_cast<std::uint32_t>(getpid());
  if (st.st_size == 0) {
    notes.push_back("new run folder " + options_.run_dir);
  }
  return {};
}

void Publisher::SetUp(table::Mapping mapping, ImageLock lock) {
  left_lock_ = std::exchange(lock_, std::move(lock));
  writer_ = std::make_unique<ImageWriter>(std::move(mapping));
  shared_ = std::make_unique<SharedBlobs>(*writer_);
  blobs_ = std::make_unique<Blobs>(
      *writer_,
      [this](const RuleDigest& rule) { return UsePool(rule); },
      [this](std::uint32_t slot_at) { ReleasePool(slot_at); });
  index_ = std::make_unique<NameIndex>(*writer_, 0);
  pools_ = {};
  zones_.clear();
  waiting_.clear();
}

Status Publisher::AdoptImage(std::vector<std::string>& notes) {
  const table::Published published{root_->published.load(std::memory_order_acquire)};
  const std::string path = ImageName(published.ImageSeq());
  auto lock = ImageLock::Take(path, true);
  if (!lock) {
    return std::unexpected(lock.error());
  }
  // Made by a version that let everybody read it, or for readers of another group.
  HF_TRY(CloseToOthers(lock->fd(), options_.image, path));
  auto mapping = table::Mapping::Of(lock->fd(), path, true);
  if (!mapping) {
    return std::unexpected(mapping.error());
  }
  if (mapping->size() < sizeof(table::ImageHeader)) {
    return Fail(ErrorCode::kInvalid, path + " is shorter than an image header");
  }
  HF_TRY(table::CheckImageHeader(
      *reinterpret_cast<const table::ImageHeader*>(mapping->data()), mapping->size(), path));
  SetUp(std::move(*mapping), std::move(*lock));
  if (const auto recovered = Recovery(*this).Run(); !recovered) {
    return Fail(recovered.error().code, path + ": " + recovered.error().message);
  }
  image_path_ = path;
  image_seq_ = published.ImageSeq();
  adopted_ = announced_ = true;
  // Left by a control that died right behind a change of image. What was announced and never
  // published stays until the next one is: readers may have mapped it.
  RemoveImagesBut({published.ImageSeq(), AnnouncedSeq()});
  notes.push_back("adopted " + path + " at generation " + std::to_string(generation().value()) +
                  ": " + std::to_string(index_->entries()) + " names, " +
                  std::to_string(pools_.size()) + " pools");
  return {};
}

Status Publisher::NewImage(std::vector<std::string>& notes) {
  ImagePlace place = options_.image;
  if (place.directory.empty()) {
    auto chosen = options_.choose_directory(notes);
    if (!chosen) {
      return std::unexpected(chosen.error());
    }
    place.directory = std::move(*chosen);
  }
  return MakeImage(place, notes);
}

// Readers go on with what is damaged, and it keeps its room until they have left it. A control that
// gave up here would leave them without any.
Status Publisher::ReplaceDamaged(std::vector<std::string>& notes) {
  auto made = NewImage(notes);
  if (made || (made.error().code != ErrorCode::kExhausted &&
               made.error().code != ErrorCode::kUnavailable)) {
    return made;
  }
  ImagePlace spare = options_.image;
  spare.directory = options_.spare_directory;
  if (const auto elsewhere = MakeImage(spare, notes); !elsewhere) {
    return Fail(made.error().code, made.error().message + "; " + elsewhere.error().message);
  }
  notes.push_back(
      "warning: the tables are built in " + spare.directory +
      " and not as [tables] asks, until control can move them at a start: " + made.error().message);
  return {};
}

Status Publisher::MakeImage(const ImagePlace& place, std::vector<std::string>& notes) {
  // A number that no reader knows, not even of an image that was announced and never published; and
  // not in the place of the published one's name.
  const table::Published published{root_->published.load(std::memory_order_acquire)};
  if (published.word == 0) {
    RemoveLeftImages(place, false);
  }
  const auto kept = published.word == 0 ? std::nullopt : std::optional(published.ImageSeq());
  auto made = CreateImage(place, static_cast<std::uint16_t>(AnnouncedSeq() + 1), kept, notes);
  if (!made) {
    return std::unexpected(made.error());
  }
  if (made->path.size() >= sizeof(root_->names[0])) {
    unlink(made->path.c_str());
    return Fail(ErrorCode::kInvalid, "the path of the tables is too long: " + made->path);
  }
  image_seq_ = made->seq;
  image_path_ = std::move(made->path);
  SetUp(std::move(made->mapping), std::move(made->lock));
  announced_ = false;
  notes.push_back("new tables " + image_path_ + ", " +
                  std::to_string(writer_->view().octets() >> 20U) + " MiB");
  return {};
}

Status Publisher::StartAnew(std::vector<std::string>& notes) {
  HF_CHECK(announced_ && !writer_->poked() && fresh_.empty() && replaced_.empty());
  before_ = Before{image_path_,
                   image_seq_,
                   std::move(lock_),
                   std::move(writer_),
                   std::move(shared_),
                   std::move(blobs_),
                   std::move(index_),
                   std::exchange(pools_, {}),
                   std::exchange(zones_, {}),
                   std::exchange(waiting_, {})};
  auto made = NewImage(notes);
  if (!made) {
    GoBack();
  }
  return made;
}

// Readers that were told of the new image leave it when they are told of the old one under a number
// that is new to them: who has mapped an image under a number does not look at its file again.
void Publisher::GoBack() {
  HF_CHECK(before_.has_value());
  Before before = *std::move(before_);
  before_.reset();
  // Not when there was no room to make one: the number is the old one's still.
  const bool told = image_seq_ != before.image_seq && AnnouncedSeq() == image_seq_;
  auto seq = static_cast<std::uint16_t>(image_seq_ + 1);
  image_path_ = std::move(before.image_path);
  image_seq_ = before.image_seq;
  lock_ = std::move(before.lock);
  index_ = std::move(before.index);
  blobs_ = std::move(before.blobs);
  shared_ = std::move(before.shared);
  writer_ = std::move(before.writer);
  pools_ = std::move(before.pools);
  zones_ = std::move(before.zones);
  waiting_ = std::move(before.waiting);
  announced_ = true;
  if (told) {
    if ((seq - image_seq_) % table::kImageNames == 0) {
      ++seq;
    }
    Tell(seq, image_path_);
  }
}

std::string Publisher::StayText(const Error& why) const {
  return "the tables stay " + image_path_ +
         " and not as [tables] asks, until control can move them at a start: " + why.message;
}

bool Publisher::HasWantedSize() {
  const auto page = PageOctets(std::filesystem::path(image_path_).parent_path());
  return !page || writer_->view().octets() == WholePages(options_.image.octets, *page);
}

bool Publisher::LiesAsWanted() const {
  return !options_.lies_as_wanted ||
         options_.lies_as_wanted(std::filesystem::path(image_path_).parent_path());
}

std::uint16_t Publisher::AnnouncedSeq() const noexcept {
  return static_cast<std::uint16_t>(root_->announced_seq.load(std::memory_order_acquire));
}

std::string Publisher::ImageName(std::uint16_t seq) const {
  const char* name = root_->names[seq % table::kImageNames];
  return {name, strnlen(name, sizeof(root_->names[0]))};
}

// Only the names go: a reader that has an image mapped keeps it until it has left it.
void Publisher::RemoveImagesBut(std::initializer_list<std::uint16_t> kept) {
  for (std::uint16_t place = 0; place < table::kImageNames; ++place) {
    const auto here = [place](std::uint16_t seq) { return seq % table::kImageNames == place; };
    if (std::ranges::none_of(kept, here)) {
      RemoveOldImage(options_.image, ImageName(place));
      std::memset(root_->names[place], 0, sizeof(root_->names[place]));
    }
  }
}

void Publisher::Tell(std::uint16_t seq, const std::string& path) {
  char* name = root_->names[seq % table::kImageNames];
  std::memset(name, 0, sizeof(root_->names[0]));
  std::ranges::copy(path, name);
  root_->announced_seq.store(seq, std::memory_order_release);
}

// Lets the readers map the new image before the generation leads them to it. Returns who did not.
std::string Publisher::Announce() {
  Tell(image_seq_, image_path_);
  announced_ = true;
  std::string laggard;
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.map_wait_ms);
  while (!grace_->AllMapped(image_seq_, &laggard)) {
    if (std::chrono::steady_clock::now() >= deadline) {
      return laggard + " cannot map the new ones; it must be able to enter " +
             std::filesystem::path(image_path_).parent_path().string();
    }
    std::this_thread::sleep_for(kMapPause);
  }
  return {};
}

void Publisher::Beat() noexcept {
  root_->control_beat.store(MonotonicNs(), std::memory_order_relaxed);
}

TableUse Publisher::Use() {
  TableUse use;
  use.total_octets = writer_->arena().total_units() * kOffsetUnit;
  use.free_octets = writer_->arena().free_units() * kOffsetUnit;
  use.names = index_->entries();
  use.pools = pools_.size();
  use.blobs = blobs_->size() + shared_->size();
  use.waiting = waiting_.size();
  return use;
}

}  // namespace holdfast::control

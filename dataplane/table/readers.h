// How processes share an image: a reader process attaches (maps what control announces, tells per
// thread which generation it has passed), control looks at all readers. Readers' side: dataplane
// and sockets. Control's side: publish. The per-burst part is Attachment::Take and ReaderSlot.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/table/view.h"

namespace holdfast::table {

/// A mapping of a whole file, unmapped at the end.
class Mapping {
 public:
  Mapping() noexcept = default;
  /// Maps `path` from its start to its end. @param writable  else read-only.
  static Result<Mapping> Map(const std::string& path, bool writable);
  /// Maps an open file; `name` is for messages. The descriptor stays the caller's.
  static Result<Mapping> Of(int fd, const std::string& name, bool writable);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();
  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// What one reader thread tells control, on a cache line of its own. That thread only.
class ReaderSlot {
 public:
  explicit ReaderSlot(ReaderThread& line) noexcept : line_(&line) {}
  /// Before the first Take of a thread, and after Offline(). Nothing is reused under it from here
  /// on.
  void Online() noexcept { line_->passed.exchange(0, std::memory_order_seq_cst); }
  /// The thread holds nothing of the tables until Online(): before it waits in the kernel, and at
  /// end.
  void Offline() noexcept { line_->passed.store(kOffline, std::memory_order_release); }
  /// After each burst and each empty poll: nothing that died at or before `g` is held any more.
  void Passed(Generation g) noexcept {
    if (line_->passed.load(std::memory_order_relaxed) != g.value()) {
      line_->passed.store(g.value(), std::memory_order_release);
    }
  }
  /// Once per round of the loop: shows the supervisor that the thread moves.
  void Beat() noexcept {
    line_->beat.store(line_->beat.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

 private:
  ReaderThread* line_;
};

/// What a reader's file is used through; whoever has them closes them. Two, so that a reader that
/// was taken over by a stranger holds nothing it could shorten the file with, which those who look
/// at it have mapped.
struct ReaderFds {
  int page = -1;  // for writing; of no use once the file is mapped
  int lock = -1;  // for reading, with the lock: the reader lives until its last copy is closed
};

/// Makes RUN_DIR/readers/NAME, complete and locked, with all threads offline and no process yet:
/// for a reader that may not write the folder itself, and gets the descriptors at its start.
/// @param name     never used before while the same control runs.
/// @param role     "sockets"; 1..31 characters. @param threads  1..kMaxReaderThreads.
/// @return descriptors that are closed on exec; kIo with the path. Main thread.
Result<ReaderFds> MakeReaderFile(const std::string& run_dir,
                                 const std::string& name,
                                 const std::string& role,
                                 unsigned threads);

/// A reader process's hold on the tables: its reader file (locked while it lives), the mapped
/// images and one housekeeping thread that maps, checks and acknowledges what control announces, so
/// that the packet path never has to. Create and destroy from the main thread.
class Attachment {
 public:
  /// @param run_dir  folder of `root` and `readers/`.
  /// @param role     "dataplane", "sockets"; 1..31 characters.
  /// @param threads  1..kMaxReaderThreads.
  /// @return kUnavailable when there is no root block or nothing was published yet (call again
  /// later); kInvalid when root or image is of another format, names the file and what was
  /// expected.
  static Result<std::unique_ptr<Attachment>> Open(const std::string& run_dir,
                                                  const std::string& role,
                                                  unsigned threads);
  /// The same through a file of MakeReaderFile, whose descriptors were passed to this process. They
  /// are the attachment's when this succeeds, else still the caller's.
  /// @return also kInvalid when it is no such file, or one for another number of threads.
  static Result<std::unique_ptr<Attachment>> Open(const std::string& run_dir,
                                                  ReaderFds fds,
                                                  unsigned threads);
  ~Attachment();
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

  /// The published state, to be taken after the packets of a burst were received. Not ok() when the
  /// published image is not mapped here yet: drop the burst. Reader threads; two loads when nothing
  /// changed. `cache` belongs to the calling thread.
  [[nodiscard]] const Snapshot& Take(Snapshot& cache, std::uint64_t& cached_word) const noexcept {
    // Acquire: pairs with the release store of a publish; everything of that generation is visible.
    const std::uint64_t word = root_->published.load(std::memory_order_acquire);
    if (word != cached_word) {
      cache = Resolve(Published{word});
      cached_word = cache.ok() ? word : 0;
    }
    return cache;
  }

  [[nodiscard]] ReaderSlot Slot(unsigned thread) noexcept {
    return ReaderSlot(file_->thread[thread]);
  }
  /// kCounters counters of a thread in the reader file; written by that thread alone.
  [[nodiscard]] std::span<std::uint64_t> Counters(unsigned thread) noexcept;
  [[nodiscard]] const RootBlock& root() const noexcept { return *root_; }

 private:
  struct Mapped {
    View view;
    std::uint16_t seq = 0;
  };
  struct Image {
    Mapping mapping;
    Mapped mapped;
  };
  Attachment() = default;
  [[nodiscard]] Snapshot Resolve(Published published) const noexcept;
  static Result<std::unique_ptr<Attachment>> OpenRoot(const std::string& run_dir);
  [[nodiscard]] bool RootIsInPlace() const;
  Status Register(ReaderFds fds, const std::string& name, unsigned threads);
  Status MapAnnounced();
  void UnmapLeft();
  void Housekeep(const std::stop_token& stop);

  const RootBlock* root_ = nullptr;
  ReaderFile* file_ = nullptr;
  Mapping root_map_;
  std::string root_path_;
  std::uint64_t root_device_ = 0;  // and inode: which file of that name was mapped
  std::uint64_t root_inode_ = 0;
  Mapping file_map_;
  int lock_fd_ = -1;
  std::string file_path_;  // to be removed at the end; empty: not ours to remove
  std::array<std::atomic<const Mapped*>, kImageNames> mapped_{};
  std::vector<std::unique_ptr<Image>> images_;  // housekeeping's
  std::jthread housekeeping_;
};

/// One reader process as control and `status` see it.
struct ReaderInfo {
  std::string path;
  std::string role;
  std::uint32_t pid = 0;  // 0: the process has not attached yet
  std::uint32_t mapped_seq = 0;
  std::vector<std::uint64_t> passed;                 // per thread; kOffline
  std::vector<std::uint64_t> beats;                  // per thread
  std::vector<std::vector<std::uint64_t>> counters;  // per thread
};

/// A look at one reader file. Cold side; any thread of one process at a time.
class ReaderWatch {
 public:
  /// kInvalid when the file is not a reader file of this format (it is left alone).
  static Result<ReaderWatch> Open(const std::string& path);
  /// Least generation that any of its threads has passed; kOffline when none holds anything.
  [[nodiscard]] std::uint64_t MinPassed() const noexcept;
  /// Whether the process still holds the file's lock. Two system calls.
  [[nodiscard]] bool Alive() const;
  [[nodiscard]] std::uint32_t mapped_seq() const noexcept {
    return file().mapped_seq.load(std::memory_order_acquire);
  }
  /// 0: made for a process that has not attached yet, so it holds nothing.
  [[nodiscard]] std::uint32_t pid() const noexcept {
    return __atomic_load_n(&file().pid, __ATOMIC_ACQUIRE);
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] ReaderInfo Info() const;

 private:
  [[nodiscard]] const ReaderFile& file() const noexcept;
  Mapping mapping_;
  std::string path_;
  unsigned threads_ = 0;  // as checked at Open; the file's own word is not asked again
};

/// Paths of what lies in `readers/`, sorted; may hold files of dead readers or foreign ones.
std::vector<std::string> ReaderFiles(const std::string& run_dir);
/// The readers of a run folder that live and have attached.
std::vector<ReaderInfo> ListReaders(const std::string& run_dir);

/// Whether a page is the root block / the header of an image of this format; kInvalid says why not.
Status CheckRoot(const RootBlock& root, const std::string& path);
Status CheckImageHeader(const ImageHeader& header,
                        std::uint64_t file_octets,
                        const std::string& path);
/// CRC32C of the header's fixed part, its own field taken as zero.
std::uint32_t HeaderCrc(const ImageHeader& header);

}  // namespace holdfast::table

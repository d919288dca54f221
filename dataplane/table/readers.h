// How processes share an image: a reader process attaches (maps what control announces, tells per
// thread which generation it has passed), control looks at all readers. Readers' side: dataplane
// and sockets. Control's side: publish. The per-burst part is Attachment::Take and ReaderSlot.
#pragma once

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
  Attachment() = default;
  [[nodiscard]] Snapshot Resolve(Published published) const noexcept;
  Status MapAnnounced();
  void Housekeep(const std::stop_token& stop);

  const RootBlock* root_ = nullptr;
  ReaderFile* file_ = nullptr;
  std::size_t file_octets_ = 0;
  int file_fd_ = -1;
  std::string file_path_;
  std::array<std::atomic<const Mapped*>, kImageNames> mapped_{};
  std::jthread housekeeping_;
};

/// One reader process as control and `status` see it.
struct ReaderInfo {
  std::string path;
  std::string role;
  std::uint32_t pid = 0;
  std::uint32_t mapped_seq = 0;
  std::vector<std::uint64_t> passed;                 // per thread; kOffline
  std::vector<std::uint64_t> beats;                  // per thread
  std::vector<std::vector<std::uint64_t>> counters;  // per thread
};

/// The readers of a run folder that live (their lock is held). Files of dead ones are removed when
/// `sweep`; files that are not ours are left alone. Cold: opens and maps each file.
Result<std::vector<ReaderInfo>> ListReaders(const std::string& run_dir, bool sweep);

/// A mapping of a whole file, unmapped at the end.
class Mapping {
 public:
  Mapping() noexcept = default;
  /// Maps `path` from its start to its end. @param writable  else read-only.
  static Result<Mapping> Map(const std::string& path, bool writable);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();
  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Whether a page is the root block / the header of an image of this format; kInvalid says why not.
Status CheckRoot(const RootBlock& root, const std::string& path);
Status CheckImageHeader(const ImageHeader& header,
                        std::uint64_t file_octets,
                        const std::string& path);

}  // namespace holdfast::table

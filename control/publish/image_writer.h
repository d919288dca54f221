// The writer's hold on one mapped image: its arena, and the log of stores into what readers can
// reach. Every change of something reachable goes through Poke, so that a transaction can be undone
// store by store; new blobs are written freely, nobody knows them yet. Control core only.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <sys/types.h>
#include <unordered_map>
#include <vector>

#include "control/publish/arena.h"
#include "control/publish/image_lock.h"
#include "dataplane/base/result.h"
#include "dataplane/table/readers.h"
#include "dataplane/table/verify.h"

namespace holdfast::control {

/// What a Put that finds no room says.
inline std::unexpected<Error> TablesFull() {
  return Fail(ErrorCode::kExhausted, "the tables are full; raise [tables] size");
}

class ImageWriter {
 public:
  /// @param mapping  writable, of a whole image file whose header is right.
  explicit ImageWriter(table::Mapping mapping)
      : mapping_(std::move(mapping)),
        arena_(sizeof(table::ImageHeader) / kOffsetUnit,
               static_cast<std::uint32_t>(mapping_.size() / kOffsetUnit)) {}

  [[nodiscard]] table::View view() const noexcept { return {mapping_.data(), mapping_.size()}; }
  [[nodiscard]] table::ImageHeader& header() noexcept {
    return *reinterpret_cast<table::ImageHeader*>(mapping_.data());
  }
  Arena& arena() noexcept { return arena_; }
  [[nodiscard]] const Arena& arena() const noexcept { return arena_; }

  /// The T at an offset of our own; not bounded (see table::View for octets that are not trusted).
  template <class T>
  [[nodiscard]] T* At(std::uint32_t at) noexcept {
    return reinterpret_cast<T*>(mapping_.data() + (std::uint64_t{at} * kOffsetUnit));
  }

  /// Stores into something reachable and remembers what was there. Relaxed: the release store of
  /// the generation makes it visible where it matters.
  void Poke(std::uint32_t& where, std::uint32_t value) {
    log_.push_back({&where, where});
    __atomic_store_n(&where, value, __ATOMIC_RELAXED);
  }
  void Poke(std::atomic<std::uint32_t>& where, std::uint32_t value) {
    Poke(reinterpret_cast<std::uint32_t&>(where), value);
  }
  /// Overwrites an object word by word, in address order.
  template <class T>
  void PokeAll(T& where, const T& value) {
    static_assert(sizeof(T) % sizeof(std::uint32_t) == 0);
    auto* words = reinterpret_cast<std::uint32_t*>(&where);
    for (std::size_t i = 0; i < sizeof(T) / sizeof(std::uint32_t); ++i) {
      std::uint32_t word = 0;
      std::memcpy(&word, reinterpret_cast<const char*>(&value) + (i * sizeof(word)), sizeof(word));
      if (words[i] != word) {
        Poke(words[i], word);
      }
    }
  }
  [[nodiscard]] bool poked() const noexcept { return !log_.empty(); }
  void Forget() { log_.clear(); }
  /// Takes back every Poke since the last Forget, newest first.
  void Undo() {
    for (auto it = log_.rbegin(); it != log_.rend(); ++it) {
      __atomic_store_n(it->where, it->old, __ATOMIC_RELAXED);
    }
    log_.clear();
  }
  /// Remembers the first thing that was found changed under us. It is never trusted from then on:
  /// what it takes and leads to stays taken.
  void Damaged(table::Rule rule, std::uint32_t at) {
    if (!damage_) {
      damage_ = table::Defect{rule, at};
    }
  }
  [[nodiscard]] const std::optional<table::Defect>& damage() const noexcept { return damage_; }
  /// How many entries each health table has: no checksum covers what it says itself.
  std::unordered_map<std::uint32_t, std::uint32_t>& health_counts() noexcept {
    return health_counts_;
  }

  /// Where settings lie that are not free yet, and where their access rules.
  std::unordered_map<std::uint32_t, std::uint32_t>& settings() noexcept { return settings_; }

  /// Tells tools how far the arena was ever used. Before each publish.
  void NoteHighWater() noexcept {
    header().used_units.store(arena_.high_water(), std::memory_order_relaxed);
  }

 private:
  struct Store {
    std::uint32_t* where;
    std::uint32_t old;
  };
  table::Mapping mapping_;
  Arena arena_;
  std::vector<Store> log_;
  std::optional<table::Defect> damage_;
  std::unordered_map<std::uint32_t, std::uint32_t> health_counts_;
  std::unordered_map<std::uint32_t, std::uint32_t> settings_;
};

/// Units that `octets` octets take.
constexpr std::uint32_t UnitsOf(std::size_t octets) noexcept {
  return static_cast<std::uint32_t>((octets + kOffsetUnit - 1) / kOffsetUnit);
}

/// Where an image is to lie.
struct ImagePlace {
  std::string directory;  // hugetlbfs mount, or any folder (plain shared memory when it is tmpfs)
  std::uint64_t octets = 0;  // rounded up to the page size of the folder
  std::string stem;          // file name without the number: "holdfast-ns1"
  // Who reads it beside its owner: it holds the cookie secrets. Nothing: the owner's group.
  std::optional<gid_t> group = std::nullopt;
};

/// Lets owner and group read an image, and nobody else.
Status CloseToOthers(int fd, const ImagePlace& place, const std::string& path);

/// Removes the images of this place's stem that nothing leads to any more: those that nobody has
/// locked and that fit this format. For a run folder whose root block is new, or goes.
/// @param blank  those without any header too, whose maker was killed: what a person asked to be
///               removed; a start leaves them, since they might be anybody's.
/// @return the paths that are gone.
std::vector<std::string> RemoveLeftImages(const ImagePlace& place, bool blank);

/// Whether `path` is named as this place's images are.
bool BearsStem(const ImagePlace& place, const std::string& path);

/// Removes the image that the root block led to before, whole or damaged, if nobody has it locked
/// and it bears this place's stem. Readers that have it mapped keep it.
void RemoveOldImage(const ImagePlace& place, const std::string& path);

/// An image file that this process may write, and nobody else.
struct ImageFile {
  std::string path;
  std::uint16_t seq = 0;
  ImageLock lock;
  table::Mapping mapping;  // writable
};

/// Makes a new image file "STEM-image-SEQ", locked, all of it allocated now so that no store can
/// fail later. A file of that name that is not free or does not fit is never touched: the next free
/// number is used, and `notes` says who holds one that is locked. One without a header is removed.
/// @param seq   the first number to try.
/// @param kept  the number of an image whose place among the root block's names must stay.
/// @return kExhausted with the remedy when the folder has no room (hugepages), kIo otherwise.
Result<ImageFile> CreateImage(const ImagePlace& place,
                              std::uint16_t seq,
                              std::optional<std::uint16_t> kept,
                              std::vector<std::string>& notes);

/// `octets` rounded up to whole pages.
constexpr std::uint64_t WholePages(std::uint64_t octets, std::uint64_t page) noexcept {
  return (octets + page - 1) / page * page;
}

/// Page size of the file system of `directory`: 4096, or a hugepage's for hugetlbfs.
Result<std::uint64_t> PageOctets(const std::string& directory);

}  // namespace holdfast::control

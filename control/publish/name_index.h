// The name index as its writer sees it: entering, taking out, growing. Readers' half: table/view.h.
// Control core only.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/publish/image_writer.h"
#include "dataplane/table/view.h"

namespace holdfast::control {

/// The folded name of a record, wherever it lies.
std::string_view NameOf(ImageWriter& writer, const table::NameRecord& record);

/// A name made ready for look-ups: padded and hashed. Keeps its own copy.
class PaddedName {
 public:
  PaddedName(std::string_view folded, const table::HashKey& key);
  [[nodiscard]] table::NameKey key() const noexcept { return {octets_, size_, hash_}; }

 private:
  std::byte octets_[256 + table::kHashPadding];
  std::size_t size_;
  std::uint64_t hash_;
};

class NameIndex {
 public:
  /// @param index_at  the IndexVersion to write to; 0: none yet, Grow makes the first.
  NameIndex(ImageWriter& writer, std::uint32_t index_at) : writer_(writer), index_at_(index_at) {}

  /// Whether `more` names can be entered before the index should Grow.
  [[nodiscard]] bool HasRoomFor(std::uint64_t more) const;
  /// Hash of a record's name with the key of the current version.
  [[nodiscard]] std::uint64_t HashOf(std::uint32_t record_at) const {
    return HashOf(Version(index_at_), record_at);
  }
  /// Enters a record. False when the bucket bound does not hold: Grow, which takes another key.
  /// @param hash  what HashOf gives for it.
  bool Enter(std::uint32_t record_at, std::uint64_t hash);
  /// Takes a record out for good, unlogged; the readers must have passed its end. No-op when it is
  /// not there (an index that grew since never took it over).
  /// @param died  when it did; an index born before must know it, or it is damaged.
  /// @return false when it may still be referred to.
  bool TakeOut(std::uint32_t record_at, std::uint64_t died);

  /// Makes a new version with room for `names` names out of the records that are visible at `next`,
  /// born there, and pokes it into the header. The version before stays for readers of before.
  /// @return the version before (0: none); kExhausted when there is no room.
  Result<std::uint32_t> Grow(std::uint64_t names, Generation next);
  /// A version that was found in the image, and judged. What a version says is not read back from
  /// the image after that: no checksum covers it.
  void Know(std::uint32_t at, const table::IndexVersion& version) { known_[at] = version; }
  /// After an Undo of the poked header: back to the version before.
  void Return(std::uint32_t index_at, std::uint64_t entries) {
    index_at_ = index_at;
    entries_ = entries;
  }

  [[nodiscard]] std::uint32_t index_at() const noexcept { return index_at_; }
  [[nodiscard]] std::uint64_t entries() const noexcept { return entries_; }
  void set_entries(std::uint64_t entries) noexcept { entries_ = entries; }
  [[nodiscard]] table::HashKey key() const noexcept;
  /// Every record the current version refers to (dead and unpublished ones too).
  [[nodiscard]] std::vector<std::uint32_t> Records() const;
  void Free(std::uint32_t index_at);

 private:
  [[nodiscard]] const table::IndexVersion& Version(std::uint32_t at) const { return known_.at(at); }
  void Compare() const;
  [[nodiscard]] std::uint64_t HashOf(const table::IndexVersion& version,
                                     std::uint32_t record_at) const;
  bool Place(const table::IndexVersion& version,
             std::uint32_t record_at,
             std::uint64_t hash,
             bool logged);

  ImageWriter& writer_;
  std::uint32_t index_at_;
  std::uint64_t entries_ = 0;
  std::unordered_map<std::uint32_t, table::IndexVersion> known_;  // until they are freed
};

}  // namespace holdfast::control

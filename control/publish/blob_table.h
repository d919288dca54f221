// Where each blob lies and how often it is referred to, found by the hash of its content: open
// addressing in one array, so that a look costs one miss of the cache where a map of nodes costs
// several. A restart looks three times for each blob of the image. Control core only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/base/check.h"

namespace holdfast::control {

enum class BlobKind : std::uint8_t { kImage, kRrsetTable, kName, kOrdered };

class BlobTable {
 public:
  struct Blob {
    std::uint32_t at = 0;  // 0: the place is free
    std::uint32_t hash = 0;
    std::uint32_t references = 0;
    BlobKind kind = BlobKind::kImage;
  };

  /// The blob of that hash for which `same` is true, or null. Valid until the next Add or Remove.
  template <class Same>
  [[nodiscard]] Blob* Find(std::uint32_t hash, Same same) {
    if (size_ == 0) {
      return nullptr;
    }
    for (std::size_t i = HomeOf(hash); blobs_[i].at != 0; i = Next(i)) {
      if (blobs_[i].hash == hash && same(blobs_[i])) {
        return &blobs_[i];
      }
    }
    return nullptr;
  }

  void Add(const Blob& blob) {
    HF_CHECK(blob.at != 0);
    if ((size_ + 1) * 3 > blobs_.size() * 2) {
      std::vector<Blob> before(blobs_.empty() ? kLeast : blobs_.size() * 2);
      before.swap(blobs_);
      ForEach(before, [this](const Blob& each) { Place(each); });
    }
    Place(blob);
    ++size_;
  }

  void Remove(const Blob* blob) {
    auto hole = static_cast<std::size_t>(blob - blobs_.data());
    // What lies behind moves up, unless it would leave the stretch that begins at its home.
    for (std::size_t i = Next(hole); blobs_[i].at != 0; i = Next(i)) {
      if (Distance(HomeOf(blobs_[i].hash), i) >= Distance(hole, i)) {
        blobs_[hole] = blobs_[i];
        hole = i;
      }
    }
    blobs_[hole] = {};
    --size_;
  }

  template <class Each>
  void ForEach(Each each) const {
    ForEach(blobs_, each);
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  static constexpr std::size_t kLeast = 16;

  template <class Each>
  static void ForEach(const std::vector<Blob>& blobs, Each each) {
    for (const Blob& blob : blobs) {
      if (blob.at != 0) {
        each(blob);
      }
    }
  }
  [[nodiscard]] std::size_t HomeOf(std::uint32_t hash) const noexcept {
    return (std::uint64_t{hash} * blobs_.size()) >> 32U;
  }
  [[nodiscard]] std::size_t Next(std::size_t i) const noexcept {
    return i + 1 == blobs_.size() ? 0 : i + 1;
  }
  [[nodiscard]] std::size_t Distance(std::size_t from, std::size_t to) const noexcept {
    return to >= from ? to - from : to + blobs_.size() - from;
  }
  void Place(const Blob& blob) {
    std::size_t i = HomeOf(blob.hash);
    while (blobs_[i].at != 0) {
      i = Next(i);
    }
    blobs_[i] = blob;
  }

  std::vector<Blob> blobs_;
  std::size_t size_ = 0;
};

}  // namespace holdfast::control

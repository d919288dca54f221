// A hash table in one array with open addressing, so that a look costs one miss of the cache where
// a map of nodes costs several. A restart looks three times for each blob of the image, and a
// transition may look for 100,000 pools. Control core only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/base/check.h"

namespace holdfast::control {

/// @tparam Entry  with `at` (0: the place is free) and `hash`, all 32 bits of which count.
template <class Entry>
class OpenTable {
 public:
  /// The entry of that hash for which `same` is true, or null. Valid until the next Add or Remove.
  template <class Same>
  [[nodiscard]] Entry* Find(std::uint32_t hash, Same same) {
    if (size_ == 0) {
      return nullptr;
    }
    for (std::size_t i = HomeOf(hash); entries_[i].at != 0; i = Next(i)) {
      if (entries_[i].hash == hash && same(entries_[i])) {
        return &entries_[i];
      }
    }
    return nullptr;
  }
  /// Sends for what Find will look at first.
  void Prefetch(std::uint32_t hash) const noexcept {
    __builtin_prefetch(entries_.data() + HomeOf(hash));
  }

  void Add(const Entry& entry) {
    HF_CHECK(entry.at != 0);
    if ((size_ + 1) * 3 > entries_.size() * 2) {
      std::vector<Entry> before(entries_.empty() ? kLeast : entries_.size() * 2);
      before.swap(entries_);
      ForEach(before, [this](const Entry& each) { Place(each); });
    }
    Place(entry);
    ++size_;
  }

  void Remove(const Entry* entry) {
    auto hole = static_cast<std::size_t>(entry - entries_.data());
    // What lies behind moves up, unless it would leave the stretch that begins at its home.
    for (std::size_t i = Next(hole); entries_[i].at != 0; i = Next(i)) {
      if (Distance(HomeOf(entries_[i].hash), i) >= Distance(hole, i)) {
        entries_[hole] = entries_[i];
        hole = i;
      }
    }
    entries_[hole] = {};
    --size_;
  }

  template <class Each>
  void ForEach(Each each) const {
    ForEach(entries_, each);
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  static constexpr std::size_t kLeast = 16;

  template <class Each>
  static void ForEach(const std::vector<Entry>& entries, Each each) {
    for (const Entry& entry : entries) {
      if (entry.at != 0) {
        each(entry);
      }
    }
  }
  [[nodiscard]] std::size_t HomeOf(std::uint32_t hash) const noexcept {
    return (std::uint64_t{hash} * entries_.size()) >> 32U;
  }
  [[nodiscard]] std::size_t Next(std::size_t i) const noexcept {
    return i + 1 == entries_.size() ? 0 : i + 1;
  }
  [[nodiscard]] std::size_t Distance(std::size_t from, std::size_t to) const noexcept {
    return to >= from ? to - from : to + entries_.size() - from;
  }
  void Place(const Entry& entry) {
    std::size_t i = HomeOf(entry.hash);
    while (entries_[i].at != 0) {
      i = Next(i);
    }
    entries_[i] = entry;
  }

  std::vector<Entry> entries_;
  std::size_t size_ = 0;
};

}  // namespace holdfast::control

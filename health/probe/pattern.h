// The string search of probes: Hyperscan behind three small classes, so that it can be replaced
// here alone. All strings that a checker looks for are one database, compiled on the caller's
// thread; searches run on the health loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/base/result.h"

struct hs_database;
struct hs_stream;

namespace holdfast::health {

/// Any number of literals in one database, for searching streams piece by piece. Immutable: may be
/// shared by any number of searches and threads.
class PatternSet {
 public:
  /// @param texts  1..255 octets of any value each, searched as they are, case and all. The same
  ///               text given twice is one pattern.
  /// @return kInvalid for another length, kUnavailable when this processor cannot run the search.
  static Result<std::shared_ptr<const PatternSet>> Compile(std::vector<std::string> texts);
  ~PatternSet();
  PatternSet(const PatternSet&) = delete;
  PatternSet& operator=(const PatternSet&) = delete;

  /// Sorted, each once: the place of a text is its id.
  [[nodiscard]] const std::vector<std::string>& texts() const noexcept { return texts_; }

 private:
  friend class PatternSearch;
  PatternSet(std::vector<std::string> texts, hs_database* database) noexcept;
  hs_stream* TakeStream() const;
  void GiveBack(hs_stream* stream) const noexcept;

  const std::vector<std::string> texts_;
  hs_database* const database_;
  const std::uint64_t number_;  // never given again, from 1
  // Streams of searches that have ended, for those to come: a check that waits has none.
  mutable std::mutex mutex_;
  mutable std::vector<hs_stream*> idle_;
};

/// One literal of a set, which it keeps; or none.
class Pattern {
 public:
  Pattern() = default;
  /// @param text  one of the set's, else the result is none.
  Pattern(std::shared_ptr<const PatternSet> set, std::string_view text) noexcept;
  explicit operator bool() const noexcept { return set_ != nullptr; }

 private:
  friend class PatternSearch;
  std::shared_ptr<const PatternSet> set_;
  unsigned id_ = 0;
};

/// One pass over one body for one pattern; that others of its set occur changes nothing. On one
/// thread at a time.
class PatternSearch {
 public:
  /// @return nothing when memory ran out.
  static std::optional<PatternSearch> Open(Pattern pattern);
  ~PatternSearch();
  PatternSearch(PatternSearch&& other) noexcept
      : pattern_(std::move(other.pattern_)), stream_(std::exchange(other.stream_, nullptr)) {}
  PatternSearch& operator=(PatternSearch&&) = delete;

  /// Searches the next octets, matches across the seam included. @return true once it was found.
  bool Feed(std::span<const std::byte> octets);

 private:
  PatternSearch(Pattern pattern, hs_stream* stream) noexcept
      : pattern_(std::move(pattern)), stream_(stream) {}
  Pattern pattern_;
  hs_stream* stream_;
  bool found_ = false;
};

}  // namespace holdfast::health

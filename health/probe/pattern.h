// The string search of *_STR_MATCH checks: Hyperscan behind two small classes, so that it can be
// replaced here alone. Patterns are compiled on the caller's thread; searches run on the health
// loop.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "dataplane/base/result.h"

struct hs_database;
struct hs_stream;

namespace holdfast::health {

/// One literal, compiled for searching a stream piece by piece. Immutable: may be shared by any
/// number of searches and threads.
class Pattern {
 public:
  /// @param text  1..255 octets of any value, searched as they are, case and all.
  /// @return kInvalid for another length, kUnavailable when this processor cannot run the search.
  static Result<std::shared_ptr<const Pattern>> Compile(const std::string& text);
  ~Pattern();
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

 private:
  friend class PatternSearch;
  explicit Pattern(hs_database* database) noexcept : database_(database) {}
  hs_database* database_;
};

/// One pass over one body. Any thread, but only the one that made it.
class PatternSearch {
 public:
  /// @return nothing when memory ran out.
  static std::unique_ptr<PatternSearch> Open(std::shared_ptr<const Pattern> pattern);
  ~PatternSearch();
  PatternSearch(const PatternSearch&) = delete;
  PatternSearch& operator=(const PatternSearch&) = delete;

  /// Searches the next octets, matches across the seam included. @return true once it was found.
  bool Feed(std::span<const std::byte> octets);

 private:
  PatternSearch(std::shared_ptr<const Pattern> pattern, hs_stream* stream) noexcept
      : pattern_(std::move(pattern)), stream_(stream) {}
  std::shared_ptr<const Pattern> pattern_;
  hs_stream* stream_;
  bool found_ = false;
};

}  // namespace holdfast::health

// The string search of probes: Hyperscan behind three small classes, so that it can be replaced
// here alone. All that a checker looks for is one database, compiled on the caller's thread;
// searches run on the health loop.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/base/result.h"

struct hs_database;
struct hs_stream;

namespace holdfast::health {

/// What is looked for.
struct SearchTerm {
  SearchTerm() = default;
  // A literal, wherever a text is given for one.
  SearchTerm(std::string literal) : text(std::move(literal)) {}  // NOLINT(google-explicit-*)
  SearchTerm(const char* literal) : text(literal) {}             // NOLINT(google-explicit-*)
  SearchTerm(std::string text_or_regex, bool regex)
      : text(std::move(text_or_regex)), is_regex(regex) {}

  std::string text;       // 1..1020 octets of any value, searched as they are, case and all; or
  bool is_regex = false;  // 1..255 octets of what Hyperscan knows of PCRE, octets without flags
  auto operator<=>(const SearchTerm&) const = default;
};

/// Any number of terms in one database, for searching streams piece by piece. Immutable: may be
/// shared by any number of searches and threads.
class PatternSet {
 public:
  /// @param terms  the same given twice is one pattern.
  /// @return kInvalid for another length and for what is no regular expression that can be searched
  ///         as a stream, with the reason; kUnavailable when this processor cannot run the search.
  static Result<std::shared_ptr<const PatternSet>> Compile(std::vector<SearchTerm> terms);
  ~PatternSet();
  PatternSet(const PatternSet&) = delete;
  PatternSet& operator=(const PatternSet&) = delete;

  /// Sorted, each once: the place of a term is its id.
  [[nodiscard]] const std::vector<SearchTerm>& terms() const noexcept { return terms_; }

 private:
  friend class PatternSearch;
  PatternSet(std::vector<SearchTerm> terms, hs_database* database) noexcept;
  hs_stream* TakeStream() const;
  void GiveBack(hs_stream* stream) const noexcept;

  const std::vector<SearchTerm> terms_;
  hs_database* const database_;
  const std::uint64_t number_;  // never given again, from 1
  // Streams of searches that have ended, for those to come: a check that waits has none.
  mutable std::mutex mutex_;
  mutable std::vector<hs_stream*> idle_;
};

/// One term of a set, which it keeps; or none.
class Pattern {
 public:
  Pattern() = default;
  /// @param term  one of the set's, else the result is none.
  Pattern(std::shared_ptr<const PatternSet> set, const SearchTerm& term) noexcept;
  explicit operator bool() const noexcept { return set_ != nullptr; }
  [[nodiscard]] bool is_regex() const noexcept {
    return set_ != nullptr && set_->terms()[id_].is_regex;
  }

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
  /// Nothing more comes: what a regular expression wants at the very end ("$") is there now. Once,
  /// last. @return whether it was found, here or before.
  bool End();

 private:
  PatternSearch(Pattern pattern, hs_stream* stream) noexcept
      : pattern_(std::move(pattern)), stream_(stream) {}
  Pattern pattern_;
  hs_stream* stream_;
  bool found_ = false;
};

}  // namespace holdfast::health

// Hyperscan in streaming mode. The scratch space it needs is one per thread: it grows to fit the
// largest set a thread has searched with and is freed with the thread. Fitting it is slow
// (Hyperscan sums up the whole database: 0.3 ms for a thousand strings), so it is done once for
// each set.
#include "health/probe/pattern.h"

#include <algorithm>
#include <atomic>

#include <hs.h>

#include "health/check.h"

namespace holdfast::health {

namespace {

constexpr std::size_t kMaxIdleStreams = 64;
constexpr std::size_t kMaxRegexOctets = 255;

struct Scratch {
  Scratch() = default;
  ~Scratch() { hs_free_scratch(space); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  hs_scratch_t* space = nullptr;
  std::uint64_t fits = 0;  // the number of a set; 0: none
};
thread_local Scratch scratch;
std::atomic<std::uint64_t> sets_made = 0;

struct Wanted {
  unsigned id;
  bool found;
};

// Others of the set come by too, each once.
int OnMatch(unsigned id,
            unsigned long long /*from*/,
            unsigned long long /*to*/,
            unsigned /*flags*/,
            void* context) {
  Wanted& wanted = *static_cast<Wanted*>(context);
  wanted.found = id == wanted.id;
  return wanted.found ? 1 : 0;  // no need to look further
}

Status CheckLength(const SearchTerm& term) {
  const std::size_t most = term.is_regex ? kMaxRegexOctets : kMaxSearchOctets;
  if (!term.text.empty() && term.text.size() <= most &&
      (!term.is_regex || !term.text.contains('\0'))) {
    return {};
  }
  return Fail(ErrorCode::kInvalid,
              std::string(term.is_regex ? "regular expression" : "search string") + " has " +
                  std::to_string(term.text.size()) + " octets, expected 1 to " +
                  std::to_string(most) + (term.is_regex ? ", none of them NUL" : ""));
}

// As a regular expression: one database has one way to write what it looks for.
std::string AsRegex(const SearchTerm& term) {
  if (term.is_regex) {
    return term.text;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string regex;
  regex.reserve(term.text.size() * 4);
  for (const char c : term.text) {
    const auto octet = static_cast<unsigned char>(c);
    regex += {'\\', 'x', kDigits[octet >> 4U], kDigits[octet & 15U]};
  }
  return regex;
}

// What Hyperscan says, without its names of flags.
std::string CompileProblem(hs_compile_error_t* error, std::size_t terms) {
  std::string said = error != nullptr ? error->message : "no reason given";
  hs_free_compile_error(error);
  if (said.starts_with("Pattern matches empty buffer")) {
    said = "it matches the empty body too";
  }
  return terms == 1 ? said : std::to_string(terms) + " search terms cannot be compiled: " + said;
}

Result<hs_database_t*> CompileAll(const std::vector<SearchTerm>& terms) {
  if (hs_valid_platform() != HS_SUCCESS) {
    return Fail(ErrorCode::kUnavailable,
                "string search needs a processor with SSSE3, which Hyperscan requires");
  }
  // Literals alone compile several times as fast as what they are as regular expressions.
  const bool literals = std::ranges::none_of(terms, &SearchTerm::is_regex);
  std::vector<std::string> texts;
  std::vector<const char*> starts;
  std::vector<std::size_t> octets;
  std::vector<unsigned> ids;
  texts.reserve(terms.size());
  octets.reserve(terms.size());
  ids.reserve(terms.size());
  starts.reserve(terms.size());
  for (const SearchTerm& term : terms) {
    HF_TRY(CheckLength(term));
    texts.push_back(literals ? term.text : AsRegex(term));
    octets.push_back(texts.back().size());
    ids.push_back(static_cast<unsigned>(ids.size()));
  }
  for (const std::string& text : texts) {
    starts.push_back(text.c_str());
  }
  const std::vector<unsigned> flags(terms.size(), HS_FLAG_SINGLEMATCH);
  const auto count = static_cast<unsigned>(terms.size());
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  const auto made = literals ? hs_compile_lit_multi(starts.data(),
                                                    flags.data(),
                                                    ids.data(),
                                                    octets.data(),
                                                    count,
                                                    HS_MODE_STREAM,
                                                    nullptr,
                                                    &database,
                                                    &error)
                             : hs_compile_multi(starts.data(),
                                                flags.data(),
                                                ids.data(),
                                                count,
                                                HS_MODE_STREAM,
                                                nullptr,
                                                &database,
                                                &error);
  if (made != HS_SUCCESS) {
    return Fail(ErrorCode::kInvalid, CompileProblem(error, terms.size()));
  }
  return database;
}

}  // namespace

Result<std::shared_ptr<const PatternSet>> PatternSet::Compile(std::vector<SearchTerm> terms) {
  std::ranges::sort(terms);
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  auto database = CompileAll(terms);
  if (!database) {
    return std::unexpected(std::move(database.error()));
  }
  return std::shared_ptr<const PatternSet>(new PatternSet(std::move(terms), *database));
}

PatternSet::PatternSet(std::vector<SearchTerm> terms, hs_database* database) noexcept
    : terms_(std::move(terms)), database_(database), number_(++sets_made) {}

PatternSet::~PatternSet() {
  for (hs_stream* stream : idle_) {
    hs_close_stream(stream, nullptr, nullptr, nullptr);
  }
  hs_free_database(database_);
}

hs_stream* PatternSet::TakeStream() const {
  hs_stream* stream = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      stream = idle_.back();
      idle_.pop_back();
    }
  }
  if (stream != nullptr) {
    hs_reset_stream(stream, 0, nullptr, nullptr, nullptr);
    return stream;
  }
  return hs_open_stream(database_, 0, &stream) == HS_SUCCESS ? stream : nullptr;
}

void PatternSet::GiveBack(hs_stream* stream) const noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kMaxIdleStreams) {
      idle_.push_back(stream);
      return;
    }
  }
  hs_close_stream(stream, nullptr, nullptr, nullptr);
}

Pattern::Pattern(std::shared_ptr<const PatternSet> set, const SearchTerm& term) noexcept {
  if (set == nullptr) {
    return;
  }
  const auto at = std::ranges::lower_bound(set->terms(), term);
  if (at != set->terms().end() && *at == term) {
    id_ = static_cast<unsigned>(at - set->terms().begin());
    set_ = std::move(set);
  }
}

std::optional<PatternSearch> PatternSearch::Open(Pattern pattern) {
  const PatternSet& set = *pattern.set_;
  if (scratch.fits != set.number_) {
    if (hs_alloc_scratch(set.database_, &scratch.space) != HS_SUCCESS) {
      return std::nullopt;
    }
    scratch.fits = set.number_;
  }
  hs_stream* stream = set.TakeStream();
  if (stream == nullptr) {
    return std::nullopt;
  }
  return PatternSearch(std::move(pattern), stream);
}

PatternSearch::~PatternSearch() {
  if (stream_ != nullptr) {
    pattern_.set_->GiveBack(stream_);
  }
}

bool PatternSearch::Feed(std::span<const std::byte> octets) {
  if (!found_ && !octets.empty()) {
    Wanted wanted{.id = pattern_.id_, .found = false};
    hs_scan_stream(stream_,
                   reinterpret_cast<const char*>(octets.data()),
                   static_cast<unsigned>(octets.size()),
                   0,
                   scratch.space,
                   &OnMatch,
                   &wanted);
    found_ = wanted.found;
  }
  return found_;
}

bool PatternSearch::End() {
  if (!found_) {
    Wanted wanted{.id = pattern_.id_, .found = false};
    hs_reset_stream(stream_, 0, scratch.space, &OnMatch, &wanted);
    found_ = wanted.found;
  }
  return found_;
}

}  // namespace holdfast::health

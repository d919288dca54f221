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

Result<hs_database_t*> CompileAll(const std::vector<std::string>& texts) {
  std::vector<const char*> starts;
  std::vector<std::size_t> octets;
  std::vector<unsigned> ids;
  for (const std::string& text : texts) {
    if (text.empty() || text.size() > kMaxSearchOctets) {
      return Fail(
          ErrorCode::kInvalid,
          "search string has " + std::to_string(text.size()) + " octets, expected 1 to 1020");
    }
    starts.push_back(text.data());
    octets.push_back(text.size());
    ids.push_back(static_cast<unsigned>(ids.size()));
  }
  if (hs_valid_platform() != HS_SUCCESS) {
    return Fail(ErrorCode::kUnavailable,
                "string search needs a processor with SSSE3, which Hyperscan requires");
  }
  const std::vector<unsigned> flags(texts.size(), HS_FLAG_SINGLEMATCH);
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_compile_lit_multi(starts.data(),
                           flags.data(),
                           ids.data(),
                           octets.data(),
                           static_cast<unsigned>(texts.size()),
                           HS_MODE_STREAM,
                           nullptr,
                           &database,
                           &error) != HS_SUCCESS) {
    std::string message = std::to_string(texts.size()) + " search strings cannot be compiled: ";
    message += error != nullptr ? error->message : "no reason given";
    hs_free_compile_error(error);
    return Fail(ErrorCode::kInvalid, message);
  }
  return database;
}

}  // namespace

Result<std::shared_ptr<const PatternSet>> PatternSet::Compile(std::vector<std::string> texts) {
  std::ranges::sort(texts);
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  auto database = CompileAll(texts);
  if (!database) {
    return std::unexpected(std::move(database.error()));
  }
  return std::shared_ptr<const PatternSet>(new PatternSet(std::move(texts), *database));
}

PatternSet::PatternSet(std::vector<std::string> texts, hs_database* database) noexcept
    : texts_(std::move(texts)), database_(database), number_(++sets_made) {}

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

Pattern::Pattern(std::shared_ptr<const PatternSet> set, std::string_view text) noexcept {
  if (set == nullptr) {
    return;
  }
  const auto at = std::ranges::lower_bound(set->texts(), text);
  if (at != set->texts().end() && *at == text) {
    id_ = static_cast<unsigned>(at - set->texts().begin());
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

}  // namespace holdfast::health

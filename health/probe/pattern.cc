// Hyperscan in streaming mode. The scratch space it needs is one per thread: it grows to fit the
// largest pattern a thread has searched for and is freed with the thread.
#include "health/probe/pattern.h"

#include <utility>

#include <hs.h>

namespace holdfast::health {

namespace {

constexpr std::size_t kMaxPatternOctets = 255;

struct Scratch {
  Scratch() = default;
  ~Scratch() { hs_free_scratch(space); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  hs_scratch_t* space = nullptr;
};
thread_local Scratch scratch;

int OnMatch(unsigned /*id*/,
            unsigned long long /*from*/,
            unsigned long long /*to*/,
            unsigned /*flags*/,
            void* context) {
  *static_cast<bool*>(context) = true;
  return 1;  // no need to look further
}

}  // namespace

Result<std::shared_ptr<const Pattern>> Pattern::Compile(const std::string& text) {
  if (text.empty() || text.size() > kMaxPatternOctets) {
    return Fail(ErrorCode::kInvalid,
                "search string has " + std::to_string(text.size()) + " octets, expected 1 to 255");
  }
  if (hs_valid_platform() != HS_SUCCESS) {
    return Fail(ErrorCode::kUnavailable,
                "string search needs a processor with SSSE3, which Hyperscan requires");
  }
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_compile_lit(text.data(),
                     HS_FLAG_SINGLEMATCH,
                     text.size(),
                     HS_MODE_STREAM,
                     nullptr,
                     &database,
                     &error) != HS_SUCCESS) {
    std::string message = "search string cannot be compiled: ";
    message += error != nullptr ? error->message : "no reason given";
    hs_free_compile_error(error);
    return Fail(ErrorCode::kInvalid, message);
  }
  return std::shared_ptr<const Pattern>(new Pattern(database));
}

Pattern::~Pattern() {
  hs_free_database(database_);
}

std::unique_ptr<PatternSearch> PatternSearch::Open(std::shared_ptr<const Pattern> pattern) {
  if (hs_alloc_scratch(pattern->database_, &scratch.space) != HS_SUCCESS) {
    return nullptr;
  }
  hs_stream_t* stream = nullptr;
  if (hs_open_stream(pattern->database_, 0, &stream) != HS_SUCCESS) {
    return nullptr;
  }
  return std::unique_ptr<PatternSearch>(new PatternSearch(std::move(pattern), stream));
}

PatternSearch::~PatternSearch() {
  hs_close_stream(stream_, nullptr, nullptr, nullptr);
}

bool PatternSearch::Feed(std::span<const std::byte> octets) {
  if (!found_ && !octets.empty()) {
    hs_scan_stream(stream_,
                   reinterpret_cast<const char*>(octets.data()),
                   static_cast<unsigned>(octets.size()),
                   0,
                   scratch.space,
                   &OnMatch,
                   &found_);
  }
  return found_;
}

}  // namespace holdfast::health

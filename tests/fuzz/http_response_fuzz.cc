// What an HTTP endpoint may send back, through the same parser, inflater and search as the probe.
// The first octet chooses: bit 0 whether something is searched for, bit 1 whether that is a regular
// expression, bit 2 whether a HEAD is answered, the rest the size of the pieces. The judgement must
// not depend on the pieces, and a pass must have had a status for it.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "dataplane/base/check.h"
#include "health/probe/response_reader.h"

namespace holdfast::health {
namespace {

using Progress = ResponseReader::Progress;

// Others occur too, and one is the beginning of the wanted one.
Pattern Wanted(bool regex) {
  static const SearchTerm kRegex("h[a-p]l.{0,9}d$|^old", true);
  static const auto kSet = PatternSet::Compile({"hold", "ho", "old", "HTTP", kRegex}).value();
  return {kSet, regex ? kRegex : SearchTerm("hold")};
}

struct Ask {
  bool search;
  bool regex;
  bool head;
};

Outcome Judge(std::span<const std::byte> octets, Ask ask, bool to_reuse, std::size_t piece) {
  const bool search = ask.search && !ask.head;
  ResponseReader reader(
      search ? Wanted(ask.regex) : Pattern(), to_reuse, {.status = {}, .to_head = ask.head});
  Progress last = Progress::kHeader;
  while (!octets.empty()) {
    const auto now = octets.first(std::min(piece, octets.size()));
    octets = octets.subspan(now.size());
    const Progress progress = reader.Feed(now);
    HF_CHECK(progress >= last && progress == reader.progress());
    HF_CHECK(search || progress != Progress::kBody);
    HF_CHECK(to_reuse || progress != Progress::kRest);
    last = progress;
  }
  reader.Finish();
  HF_CHECK(reader.progress() == Progress::kDone);
  HF_CHECK(!reader.reusable() || (to_reuse && reader.outcome() == Outcome::kPass));
  const std::string& reason = reader.reason();
  if (reader.outcome() == Outcome::kPass) {
    HF_CHECK(reason.starts_with("Success: HTTP Status Code 2") ||
             reason.starts_with("Success: HTTP Status Code 3"));
  } else {
    HF_CHECK(reason.starts_with("Failure: "));
  }
  for (const char c : reason) {
    HF_CHECK(c >= 0x20 && c < 0x7F);
  }
  return reader.outcome();
}

}  // namespace
}  // namespace holdfast::health

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::health;
  if (size == 0) {
    return 0;
  }
  const Ask ask{
      .search = (data[0] & 1U) != 0, .regex = (data[0] & 2U) != 0, .head = (data[0] & 4U) != 0};
  const std::size_t piece = 1 + (data[0] >> 3U);
  const auto octets = std::as_bytes(std::span(data, size)).subspan(1);
  const Outcome whole = Judge(octets, ask, false, octets.size());
  HF_CHECK(Judge(octets, ask, true, octets.size()) == whole);
  // Beyond this, where a chunk's framing is given up depends on how it came.
  if (size <= kMaxHeaderOctets) {
    HF_CHECK(Judge(octets, ask, false, piece) == whole);
    HF_CHECK(Judge(octets, ask, true, piece) == whole);
  }
  return 0;
}

// Answers a number of queries from a fixed corpus and ends: what `tools/bench guard` counts
// instructions of. Callgrind collects inside AnswerBurst alone (--toggle-collect), so neither the
// making of the tables nor the copy of the queries is in the figure.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <span>
#include <string_view>

#include "bench/micro/answer_tables.h"
#include "bench/micro/burst.h"
#include "dataplane/answer/answer.h"

namespace holdfast::bench {

/// One burst as an lcore has it: the answers and their UDP checksums. Never inlined: callgrind
/// finds it by its name.
[[gnu::noinline]] void AnswerBurst(const table::Snapshot& snapshot,
                                   std::span<answer::Job> jobs,
                                   answer::Scratch& scratch) noexcept {
  answer::Answer(snapshot, jobs, scratch);
  Burst::Checksum(jobs);
}

namespace {

int Run(std::size_t wanted) {
  const Load load({.names = 1000});
  std::array<std::uint64_t, static_cast<std::size_t>(answer::Counter::kCount)> counters{};
  const auto scratch = answer::MakeScratch({.seed = 1}, counters);
  Burst burst;
  for (std::size_t done = 0; done < wanted;) {
    const auto jobs =
        burst.Fill(load.queries(), load.clients(), done, std::min(kBurst, wanted - done));
    AnswerBurst(load.snapshot(), jobs, *scratch);
  }
  const auto right = counters[static_cast<std::size_t>(answer::Counter::kNoError)];
  std::printf("%llu\n", static_cast<unsigned long long>(right));
  return right == wanted ? 0 : 1;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  std::size_t queries = 0;
  if (argc == 2) {
    const std::string_view text = argv[1];
    std::from_chars(text.data(), text.data() + text.size(), queries);
  }
  if (queries == 0) {
    std::fprintf(stderr, "usage: answer_count QUERIES (at least 1)\n");
    return 2;
  }
  return holdfast::bench::Run(queries);
}

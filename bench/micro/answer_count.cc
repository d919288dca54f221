// Answers a number of queries from a fixed corpus and ends: what `tools/bench guard` counts
// instructions of. Callgrind collects inside AnswerBurst alone (--toggle-collect), so neither the
// making of the tables nor the copy of the queries is in the figure.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "bench/micro/answer_tables.h"
#include "dataplane/answer/answer.h"
#include "dataplane/base/bytes.h"
#include "dataplane/wire/checksum.h"

namespace holdfast::bench {

constexpr std::size_t kBurst = 32;
constexpr std::size_t kRoom = 2304;
constexpr std::size_t kUdpHeader = 8;

/// One burst as an lcore has it: the answers and their UDP checksums. Never inlined: callgrind
/// finds it by its name.
[[gnu::noinline]] void AnswerBurst(const table::Snapshot& snapshot,
                                   std::span<answer::Job> jobs,
                                   answer::Scratch& scratch) noexcept {
  answer::Answer(snapshot, jobs, scratch);
  const std::array<std::byte, 8> addresses{std::byte{192}, std::byte{0}, std::byte{2}};
  for (auto& job : jobs) {
    std::byte* udp = job.message - kUdpHeader;
    const std::size_t octets = kUdpHeader + job.reply_octets;
    StoreBe16(udp, 53);
    StoreBe16(udp + 2, 5353);
    StoreBe16(udp + 4, static_cast<std::uint16_t>(octets));
    StoreAs(udp + 6, std::uint16_t{0});
    StoreAs(udp + 6, wire::UdpChecksum(addresses.data(), addresses.size(), udp, octets));
  }
}

namespace {

int Run(std::size_t wanted) {
  const Load load({.names = 1000});
  std::array<std::uint64_t, static_cast<std::size_t>(answer::Counter::kCount)> counters{};
  const auto scratch = answer::MakeScratch({.seed = 1}, counters);
  const auto memory = std::make_unique<std::byte[]>(kBurst * kRoom);
  std::array<answer::Job, kBurst> jobs;
  const auto& queries = load.queries();
  for (std::size_t done = 0; done < wanted;) {
    const std::size_t burst = std::min(kBurst, wanted - done);
    for (std::size_t i = 0; i < burst; ++i) {
      const std::string_view query = queries[done++ % queries.size()];
      jobs[i].message = &memory[(i * kRoom) + kUdpHeader];
      jobs[i].room_octets = kRoom - kUdpHeader;
      jobs[i].query_octets = static_cast<std::uint32_t>(query.size());
      std::memcpy(jobs[i].message, query.data(), query.size());
    }
    AnswerBurst(load.snapshot(), std::span(jobs).first(burst), *scratch);
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

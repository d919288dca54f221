// Cycles of a complete reply: message octets in, reply octets with their UDP checksum out, in
// bursts of 32. The counter `cycles/query` is the whole, TSC cycles, and holds the copy of the
// query into its buffer, which a NIC would have done; row `copy` is that alone. It is the median
// over stretches of 2,048 queries, so that what else runs on the machine does not count; `mean` has
// it all.
#include <algorithm>
#include <array>
#include <benchmark/benchmark.h>
#include <memory>
#include <vector>

#include "bench/micro/answer_tables.h"
#include "bench/micro/burst.h"
#include "bench/tables/must.h"
#include "dataplane/answer/answer.h"
#include "dataplane/answer/rate_table.h"
#include "dataplane/base/clock.h"

namespace holdfast::bench {
namespace {

using answer::Counter;
using control::Policy;

// The clock stands still, so these are answers in all.
constexpr std::uint32_t kNeverReached = 1'000'000;
constexpr std::uint32_t kNextToNone = 1;
constexpr std::size_t kStretch = 64;  // bursts between two looks at the clock

/// Runs `burst` for as long as the library says and reports cycles per query.
template <class F>
void Measure(benchmark::State& state, F burst) {
  std::vector<double> stretches;
  const std::uint64_t start = Tsc();
  for (auto _ : state) {
    const std::uint64_t before = Tsc();
    for (std::size_t i = 0; i < kStretch; ++i) {
      burst();
      benchmark::ClobberMemory();
    }
    stretches.push_back(static_cast<double>(Tsc() - before) / (kStretch * kBurst));
  }
  const auto queries = static_cast<double>(state.iterations()) * kStretch * kBurst;
  state.counters["mean"] = static_cast<double>(Tsc() - start) / queries;
  const auto middle = stretches.begin() + static_cast<std::ptrdiff_t>(stretches.size() / 2);
  std::ranges::nth_element(stretches, middle);
  state.counters["cycles/query"] = *middle;
  state.SetItemsProcessed(static_cast<std::int64_t>(queries));
}

// A row's tables: what is in them, and how many answers each /32 gets, without slip.
struct Kind {
  LoadKind load;
  std::uint32_t answers_per_second = 0;  // 0: not limited
  bool operator==(const Kind&) const = default;
};

void Switch(control::Publisher& publisher, const Kind& kind) {
  if (kind.answers_per_second == 0 && !kind.load.cookies) {
    return;
  }
  control::CompiledSettings settings;
  if (kind.load.cookies) {
    settings.cookies = table::CookieMode::kOn;
    settings.cookie_secrets = {std::string(table::kCookieSecretOctets, 's')};
  }
  const std::uint32_t answers_per_second = kind.answers_per_second;
  settings.rate.answers_per_second = settings.rate.burst = answers_per_second;
  settings.rate.ipv4_prefix = 32;
  settings.rate.ipv6_prefix = 64;
  Must(publisher.PutSettings(settings));
  Must(publisher.Commit());
}

// Asks every query once, and puts the cookie of its reply into it.
void TakeCookies(Load& load) {
  std::array<std::uint64_t, static_cast<std::size_t>(Counter::kCount)> counters{};
  const auto scratch = answer::MakeScratch({.seed = 1}, counters);
  std::vector<std::string> messages;
  Burst burst;
  for (std::size_t next = 0; next < load.queries().size();) {
    const std::string_view query = load.queries()[next];
    const auto jobs = burst.Fill(load.queries(), load.clients(), next, 1);
    answer::Answer(load.snapshot(), jobs, *scratch);
    const std::string_view reply(reinterpret_cast<const char*>(jobs[0].message),
                                 jobs[0].reply_octets);
    constexpr std::size_t kClient = 8;
    constexpr std::size_t kWhole = 24;
    std::string message(query.substr(0, query.size() - kClient));
    message += reply.substr(reply.size() - kWhole);
    message[message.size() - kWhole - 1] = kWhole;
    message[message.size() - kWhole - 5] = kWhole + 4;
    messages.push_back(std::move(message));
  }
  load.Replace(messages);
}

void AnswerBursts(benchmark::State& state, const Kind& kind) {
  // Google Benchmark calls each row several times; the tables of the last row asked for are kept.
  static std::unique_ptr<Load> load;
  static Kind loaded{.load = {.names = 0}};
  if (loaded != kind) {
    load.reset();
    load = std::make_unique<Load>(kind.load, [&](auto& publisher) { Switch(publisher, kind); });
    if (kind.load.cookies) {
      TakeCookies(*load);
    }
    loaded = kind;
  }
  std::array<std::uint64_t, static_cast<std::size_t>(Counter::kCount)> counters{};
  const auto rates = Must(answer::RateTable::Make());
  const auto scratch = answer::MakeScratch({.seed = 1, .rates = rates.get()}, counters);
  const table::Snapshot snapshot = load->snapshot();
  Burst burst;
  std::size_t next = 0;
  Measure(state, [&] {
    const auto jobs = burst.Fill(load->queries(), load->clients(), next);
    answer::Answer(snapshot, jobs, *scratch);
    Burst::Checksum(jobs);
  });
  // A row that answered something else than it says would be no measurement.
  const auto counted = [&](Counter counter) { return counters[static_cast<std::size_t>(counter)]; };
  if (kind.load.cookies && counted(Counter::kValidCookie) != next) {
    state.SkipWithError("cookies that are not valid");
  }
  const bool is_over = kind.answers_per_second == kNextToNone;
  const auto right = is_over           ? Counter::kDroppedLimited
                     : kind.load.exist ? Counter::kNoError
                                       : Counter::kNxDomain;
  const std::size_t others = is_over ? load->clients().size() : 0;  // each is answered once
  if (counted(right) > next || counted(right) + others < next || counted(Counter::kNodata) != 0) {
    state.SkipWithError("replies of another kind than the row's");
  }
}

void CopyAlone(benchmark::State& state) {
  const Load load({.names = 1000});
  Burst burst;
  std::size_t next = 0;
  Measure(state, [&] { burst.Fill(load.queries(), load.clients(), next); });
}

void RegisterRows() {
  struct Row {
    const char* name;
    Kind kind;
  };
  static constexpr Row kRows[] = {
      {"hit/1", {{.names = 1}}},
      {"hit/1k", {{.names = 1000}}},
      {"hit/100k", {{.names = 100'000}}},
      {"hit/1M", {{.names = 1'000'000}}},
      {"nxdomain/1M", {{.names = 1'000'000, .exist = false}}},
      {"weighted/1k", {{.names = 1000, .policy = Policy::kWeighted}}},
      {"multivalue/1k", {{.names = 1000, .policy = Policy::kMultivalue}}},
      {"geo/1k", {{.names = 1000, .policy = Policy::kGeolocation}}},
      {"latency/1k", {{.names = 1000, .policy = Policy::kLatency}}},
      {"cidr/1k", {{.names = 1000, .policy = Policy::kCidr}}},
      {"cookie/1k", {{.names = 1000, .cookies = true}}},
      {"limited/1k", {{.names = 1000}, kNeverReached}},
      {"over/1k", {{.names = 1000}, kNextToNone}},
  };
  for (const Row& row : kRows) {
    benchmark::RegisterBenchmark(row.name, AnswerBursts, row.kind);
  }
  benchmark::RegisterBenchmark("copy", CopyAlone);
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  holdfast::bench::RegisterRows();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

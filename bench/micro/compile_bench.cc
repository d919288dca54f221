// How fast rules become decisions: the work of the control core between a transition and its
// publish; and how fast a zone becomes names and images. Figures are per pool and per name.
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <thread>

#include "control/compile/compile.h"
#include "control/compile/explain.h"
#include "dataplane/wire/name.h"

namespace {

using holdfast::control::AliasTarget;
using holdfast::control::Compile;
using holdfast::control::Compiled;
using holdfast::control::CompiledHealth;
using holdfast::control::CompiledPool;
using holdfast::control::Evaluation;
using holdfast::control::Model;
using holdfast::control::Policy;
using holdfast::control::RecordSet;
using holdfast::control::Zone;

// Reference counts are cheaper in a process that never had a second thread; control has several.
const bool kHadThreads = [] {
  std::thread([] {}).join();
  return true;
}();

std::string Name(const std::string& text) {
  return holdfast::wire::FromText(text).value();
}

std::string Address(std::size_t n) {
  return {10, static_cast<char>(n >> 16U), static_cast<char>(n >> 8U), static_cast<char>(n)};
}

Zone EmptyZone() {
  Zone zone{.origin = Name("example.test."), .id = "Z1"};
  zone.rrsets.push_back(
      {.owner = zone.origin,
       .type = 6,
       .ttl = 3600,
       .rdata = {Name("ns.example.test.") + Name("h.example.test.") + std::string(20, '\1')}});
  return zone;
}

void AddFailover(Zone& zone, const std::string& name, const std::string& check, std::size_t n) {
  for (const bool primary : {true, false}) {
    zone.record_sets.push_back({.name = Name(name + ".example.test."),
                                .type = 1,
                                .set_identifier = primary ? "p" : "s",
                                .policy = Policy::kFailover,
                                .primary = primary,
                                .ttl = 30,
                                .rdata = {Address(n * 2 + (primary ? 0 : 1))},
                                .health_check_id = primary ? check : ""});
  }
}

Compiled CompileOrExit(const Model& model) {
  auto compiled = Compile(model, {}, 0);
  if (!compiled) {
    std::abort();
  }
  return *std::move(compiled);
}

// @return how many pools were decided.
std::int64_t RecompileOrExit(Evaluation& evaluation, const CompiledHealth& changed) {
  std::int64_t pools = 0;
  const auto take = [&pools](std::span<const CompiledPool> decided) -> holdfast::Status {
    benchmark::DoNotOptimize(decided.data());
    pools += static_cast<std::int64_t>(decided.size());
    return {};
  };
  if (!evaluation.Recompile({&changed, 1}, take)) {
    std::abort();
  }
  return pools;
}

// One check fails and recovers under `range` rules of their own, all decided anew each time.
void BM_TransitionPrivateRules(benchmark::State& state) {
  benchmark::DoNotOptimize(kHadThreads);
  Model model{.zones = {EmptyZone()}, .checks = {{.id = "c"}}};
  const auto rules = static_cast<std::size_t>(state.range(0));
  for (std::size_t i = 0; i < rules; ++i) {
    AddFailover(model.zones[0], "n" + std::to_string(i), "c", i);
  }
  auto compiled = CompileOrExit(model);
  CompiledHealth status{.id = "c"};
  for ([[maybe_unused]] auto _ : state) {
    status.healthy = !status.healthy;
    RecompileOrExit(*compiled.evaluation, status);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_TransitionPrivateRules)->Arg(1000)->Arg(100000);

// The same under names that share one rule: one pool, whatever their number.
void BM_TransitionSharedRule(benchmark::State& state) {
  Model model{.zones = {EmptyZone()}, .checks = {{.id = "c"}}};
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    AddFailover(model.zones[0], "n" + std::to_string(i), "c", 0);
  }
  auto compiled = CompileOrExit(model);
  CompiledHealth status{.id = "c"};
  for ([[maybe_unused]] auto _ : state) {
    status.healthy = !status.healthy;
    RecompileOrExit(*compiled.evaluation, status);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_TransitionSharedRule)->Arg(100000);

// Weighted groups over failover targets that many of them share.
void BM_TransitionTrees(benchmark::State& state) {
  Model model{.zones = {EmptyZone()}, .checks = {{.id = "c"}}};
  auto& zone = model.zones[0];
  for (std::size_t i = 0; i < 100; ++i) {
    AddFailover(zone, "t" + std::to_string(i), "c", i);
  }
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    for (unsigned leg = 0; leg < 4; ++leg) {
      RecordSet set{.name = Name("n" + std::to_string(i) + ".example.test."),
                    .type = 1,
                    .set_identifier = std::to_string(leg),
                    .policy = Policy::kWeighted};
      set.weight = static_cast<std::uint8_t>(1 + (i % 200));
      set.alias = AliasTarget{
          .hosted_zone_id = "Z1",
          .name = Name("t" + std::to_string((static_cast<unsigned>(i) * 7 + leg) % 100) +
                       ".example.test."),
          .evaluate_target_health = true};
      zone.record_sets.push_back(set);
    }
  }
  auto compiled = CompileOrExit(model);
  CompiledHealth status{.id = "c"};
  std::int64_t pools = 0;
  for ([[maybe_unused]] auto _ : state) {
    status.healthy = !status.healthy;
    pools += RecompileOrExit(*compiled.evaluation, status);
  }
  state.SetItemsProcessed(pools);
}
BENCHMARK(BM_TransitionTrees)->Arg(20000);

// A zone file with one A record per name, from the model to names and images.
void BM_CompileZone(benchmark::State& state) {
  Model model{.zones = {EmptyZone()}};
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    model.zones[0].rrsets.push_back({.owner = Name("host-" + std::to_string(i) + ".example.test."),
                                     .type = 1,
                                     .ttl = 300,
                                     .rdata = {Address(static_cast<std::size_t>(i))}});
  }
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(CompileOrExit(model));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_CompileZone)->Arg(100000)->Arg(1000000)->Unit(benchmark::kMillisecond);

// The same names under private failover rules, digests and all.
void BM_CompileRoutedZone(benchmark::State& state) {
  Model model{.zones = {EmptyZone()}, .checks = {{.id = "c"}}};
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    AddFailover(model.zones[0], "host-" + std::to_string(i), "c", static_cast<std::size_t>(i));
  }
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(CompileOrExit(model));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_CompileRoutedZone)->Arg(100000)->Unit(benchmark::kMillisecond);

// What an operator's question costs the control core.
void BM_ExplainInLargeZone(benchmark::State& state) {
  Model model{.zones = {EmptyZone()}, .checks = {{.id = "c"}}};
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    model.zones[0].rrsets.push_back({.owner = Name("host-" + std::to_string(i) + ".example.test."),
                                     .type = 1,
                                     .ttl = 300,
                                     .rdata = {Address(static_cast<std::size_t>(i))}});
  }
  AddFailover(model.zones[0], "www", "c", 1);
  const auto name = Name("www.example.test.");
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(holdfast::control::Explain(model, {}, name, 1));
  }
}
BENCHMARK(BM_ExplainInLargeZone)->Arg(1000000)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();

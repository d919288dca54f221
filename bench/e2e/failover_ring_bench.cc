// Failover as the product does it: health pushes a transition on the real queue, control wakes,
// recompiles and publishes, the real poll loop answers on one core over DPDK rings, and a generator
// on another stamps what it gets. Three threads are busy, so two of them share a core:
// --control-core says which. Then a storm of transitions under pulses of queries. Prints one JSON
// object with every sample; `tools/bench failover` makes the table. Status 1 when an answer was
// torn, stale or wrong.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <poll.h>
#include <sched.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <rte_launch.h>
#include <rte_lcore.h>

#include "bench/e2e/failover_generator.h"
#include "bench/e2e/failover_prober.h"
#include "bench/e2e/failover_storm.h"
#include "bench/e2e/failover_tables.h"
#include "bench/tables/must.h"
#include "dataplane/base/clock.h"
#include "dataplane/io/eal.h"
#include "tools/querygen/responder.h"
#include "tools/querygen/run.h"

namespace holdfast::bench {
namespace {

using querygen::Corpus;
using querygen::Device;
using querygen::Exchange;
using querygen::Pool;
using querygen::RingPair;
using querygen::TableResponder;
using Mode = FailoverGenerator::Mode;

constexpr unsigned kResponderLcore = 1;
constexpr unsigned kGeneratorLcore = 2;
constexpr int kStretch = 10;
constexpr double kMostDelay = 0.02;  // of a stretch, which is thrown away above it
constexpr int kMostTries = 10;       // as many stretches for one good one
constexpr auto kSettle = std::chrono::milliseconds(1);
constexpr auto kNap = std::chrono::microseconds(200);
constexpr std::uint64_t kPatienceNs = 5'000'000'000;

struct Settings {
  FailoverShape shape;
  int transitions = 200;
  int runs = 3;
  unsigned outstanding = 64;
  unsigned responder_core = 0;
  unsigned generator_core = 1;
  unsigned control_core = 1;
  StormPlan storm;  // per_second 0: none
  bool no_huge = false;
};

struct Sample {
  double published_us;
  double first_changed_us;
  double last_old_us;
  double last_passed_us;
};

std::uint64_t RunDelayNs(int tid) {
  std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/schedstat");
  std::uint64_t ran = 0;
  std::uint64_t waited = 0;
  if (!(file >> ran >> waited)) {
    GiveUp("/proc/self/task/*/schedstat is not readable; the kernel must have CONFIG_SCHED_INFO");
  }
  return waited;
}

// Runs as soon as it wakes, before whoever polls on the same core; ends or sleeps soon.
bool RunFirst(pid_t tid) {
  const sched_param first{.sched_priority = 1};
  return ::sched_setscheduler(tid, SCHED_FIFO, &first) == 0;
}

io::EalOptions EalOf(const Settings& settings) {
  io::EalOptions eal;
  eal.file_prefix = "failover_" + std::to_string(::getpid());
  eal.cpus = {settings.responder_core, settings.generator_core};
  eal.other_cpus = {settings.control_core};
  eal.no_huge = settings.no_huge;
  eal.memory_mb = 128;
  return eal;
}

Corpus CorpusOf(const Settings& settings, const querygen::Ends& ends) {
  return Must(Corpus::Create(
      settings.shape.names,
      [](std::size_t n) {
        return querygen::Question{.owner = FailoverOwner(n),
                                  .rcodes = querygen::kNoError,
                                  .least_answers = 2,
                                  .most_answers = 2,
                                  .address = {}};
      },
      ends));
}

int TidOn(unsigned lcore) {
  static constexpr auto kTell = [](void* tid) {
    *static_cast<int*>(tid) = ::gettid();
    return 0;
  };
  int tid = 0;
  rte_eal_remote_launch(+kTell, &tid, lcore);
  rte_eal_wait_lcore(lcore);
  return tid;
}

class Bench {
 public:
  explicit Bench(const Settings& settings)
      : settings_(settings),
        eal_(Must(io::Eal::Start(EalOf(settings)))),
        pool_(Must(Pool::Create("failover"))),
        rings_(Must(RingPair::Create())),
        device_(Must(Device::Start(rings_.generator(), pool_))),
        tables_(settings.shape),
        queue_(Must(health::TransitionQueue::Create(1024))) {
    querygen::Ends ends{.from_mac = device_.Mac(),
                        .from = Must(io::ParseAddress("10.9.0.2")),
                        .to = Must(io::ParseAddress("10.9.0.1"))};
    responder_ = Must(TableResponder::Create(tables_.run_dir(), rings_.responder(), ends.to));
    ends.to_mac = responder_->Mac();
    corpus_.emplace(CorpusOf(settings, ends));
    exchange_.emplace(*corpus_, device_.id(), pool_.get());
    reader_.emplace(Must(table::ReaderWatch::Open(table::ReaderFiles(tables_.run_dir()).at(0))));
    generator_.emplace(*exchange_, *reader_, settings.outstanding);
    responder_tid_ = TidOn(kResponderLcore);
    generator_tid_ = TidOn(kGeneratorLcore);
    Must(responder_->Start(kResponderLcore));
    rte_eal_remote_launch(RunGenerator, &*generator_, kGeneratorLcore);
    per_us_ = static_cast<double>(TscPerMicrosecond());
    while (generator_->answers() < 10'000) {
      std::this_thread::sleep_for(kSettle);
    }
  }

  ~Bench() { Stop(); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // One run of transitions; the samples of disturbed stretches are left out.
  void Flips(bool first_of_all);
  void Storm();
  void Stop() {
    generator_->SetMode(Mode::kStop);
    rte_eal_wait_lcore(kGeneratorLcore);
    responder_->Stop();
  }
  // Says what must not be; after Stop. @return whether there was any of it.
  bool TellWrong();

 private:
  static int RunGenerator(void* generator) {
    static_cast<FailoverGenerator*>(generator)->Run();
    return 0;
  }
  Sample Flip(Prober& prober);
  bool Stretch(Prober& prober, std::vector<Sample>& samples);

  Settings settings_;
  io::Eal eal_;
  Pool pool_;
  RingPair rings_;
  Device device_;
  FailoverTables tables_;
  std::unique_ptr<health::TransitionQueue> queue_;
  std::unique_ptr<TableResponder> responder_;
  std::optional<Corpus> corpus_;
  std::optional<Exchange> exchange_;
  std::optional<table::ReaderWatch> reader_;
  std::optional<FailoverGenerator> generator_;
  int responder_tid_ = 0;
  int generator_tid_ = 0;
  double per_us_ = 1;
  bool healthy_ = true;
};

Sample Bench::Flip(Prober& prober) {
  healthy_ = !healthy_;
  generator_->Expect(healthy_ ? kPrimaryOctet : kSecondaryOctet);
  prober.Go();
  pollfd wait{.fd = queue_->fd(), .events = POLLIN, .revents = 0};
  if (::poll(&wait, 1, 5000) != 1) {
    GiveUp("no transition came");
  }
  const auto transitions = queue_->Drain();
  const auto committed = tables_.Publish(transitions);
  generator_->Published(committed.generation);
  const std::uint64_t until_ns = MonotonicNs() + kPatienceNs;
  while (!generator_->Done()) {
    if (MonotonicNs() > until_ns) {
      GiveUp("no query was answered within 5 s of a transition");
    }
    std::this_thread::sleep_for(kNap);
  }
  const std::uint64_t start = transitions.at(0).enqueued_tsc;
  const FlipSeen& seen = generator_->seen();
  const auto us = [&](std::uint64_t tsc) {
    return tsc <= start ? 0 : static_cast<double>(tsc - start) / per_us_;
  };
  return {us(committed.published_tsc), us(seen.first_changed), us(seen.last_old), us(seen.passed)};
}

bool Bench::Stretch(Prober& prober, std::vector<Sample>& samples) {
  const std::uint64_t waited_before = RunDelayNs(responder_tid_);
  const std::uint64_t from_ns = MonotonicNs();
  for (int i = 0; i < kStretch; ++i) {
    samples.push_back(Flip(prober));
    std::this_thread::sleep_for(kSettle);
    tables_.publisher().Reclaim();
  }
  const auto whole = static_cast<double>(MonotonicNs() - from_ns);
  // Where control shares the responder's core it is control that the responder waits for.
  return settings_.control_core == settings_.responder_core ||
         static_cast<double>(RunDelayNs(responder_tid_) - waited_before) <= kMostDelay * whole;
}

void PrintSamples(const char* name, const std::vector<Sample>& samples, double Sample::* field) {
  std::printf(",\"%s_us\":[", name);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    std::printf("%s%.3f", i == 0 ? "" : ",", samples[i].*field);
  }
  std::printf("]");
}

void Bench::Flips(bool first_of_all) {
  std::vector<Sample> samples;
  int disturbed = 0;
  bool real_time = false;
  const std::uint64_t answers = generator_->answers();
  const std::uint64_t from_ns = MonotonicNs();
  {
    real_time = RunFirst(0);
    Prober prober(*queue_, static_cast<int>(settings_.control_core));  // inherits it
    while (static_cast<int>(samples.size()) < settings_.transitions) {
      std::vector<Sample> stretch;
      if (Stretch(prober, stretch)) {
        samples.insert(samples.end(), stretch.begin(), stretch.end());
      } else if (++disturbed > settings_.transitions / kStretch * kMostTries) {
        GiveUp("the machine is too busy: the responder waited for its core most of the time");
      }
    }
  }
  const sched_param ordinary{};
  (void)::sched_setscheduler(0, SCHED_OTHER, &ordinary);
  const auto seconds = static_cast<double>(MonotonicNs() - from_ns) / 1e9;
  std::printf("%s{\"disturbed\":%d,\"real_time\":%s,\"answers_per_s\":%.0f",
              first_of_all ? "" : ",",
              disturbed,
              real_time ? "true" : "false",
              static_cast<double>(generator_->answers() - answers) / seconds);
  PrintSamples("published", samples, &Sample::published_us);
  PrintSamples("first_changed", samples, &Sample::first_changed_us);
  PrintSamples("last_old", samples, &Sample::last_old_us);
  PrintSamples("last_passed", samples, &Sample::last_passed_us);
  std::printf("}");
}

void Bench::Storm() {
  if (settings_.storm.per_second == 0) {
    return;
  }
  // Pulses come first wherever they are due; what is left of the core is control's. In this order:
  // a flood that came first would leave this thread nothing of a core that they share.
  generator_->SetMode(Mode::kPulses);
  const bool real_time = RunFirst(generator_tid_);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const std::uint64_t lost_before = exchange_->lost();
  std::this_thread::sleep_for(std::chrono::duration<double>(settings_.storm.seconds));
  generator_->SetPhase(1);
  const std::uint64_t lost_between = exchange_->lost();
  const StormDone done = RunStorm(settings_.storm, settings_.shape.checks, *queue_, tables_);
  Stop();
  std::printf(
      ",\"storm\":{\"real_time\":%s,\"offered\":%llu,\"drained\":%llu,\"publishes\":%llu,"
      "\"seconds\":%.3f,\"lost_before\":%llu,\"lost_during\":%llu",
      real_time ? "true" : "false",
      static_cast<unsigned long long>(done.offered),
      static_cast<unsigned long long>(done.drained),
      static_cast<unsigned long long>(done.publishes),
      done.seconds,
      static_cast<unsigned long long>(lost_between - lost_before),
      static_cast<unsigned long long>(exchange_->lost() - lost_between));
  static constexpr std::array<const char*, FailoverGenerator::kPhases> kNames = {"before",
                                                                                 "during"};
  for (unsigned phase = 0; phase < kNames.size(); ++phase) {
    const auto& latency = generator_->latency(phase);
    std::printf(",\"%s\":{\"answers\":%llu,\"p50_us\":%.3f,\"p99_us\":%.3f,\"max_us\":%.3f}",
                kNames[phase],
                static_cast<unsigned long long>(latency.total()),
                static_cast<double>(latency.Percentile(50)) / per_us_,
                static_cast<double>(latency.Percentile(99)) / per_us_,
                static_cast<double>(latency.max()) / per_us_);
  }
  std::printf("}");
}

bool Bench::TellWrong() {
  std::printf(",\"torn\":%llu,\"stale\":%llu,\"wrong\":%llu,\"lost\":%llu",
              static_cast<unsigned long long>(generator_->torn()),
              static_cast<unsigned long long>(generator_->stale()),
              static_cast<unsigned long long>(generator_->wrong()),
              static_cast<unsigned long long>(exchange_->lost()));
  return generator_->torn() + generator_->stale() + generator_->wrong() != 0;
}

void Declare(CLI::App& app, Settings& settings) {
  constexpr std::size_t kMostNames = 10'000'000;
  app.add_option("--names", settings.shape.names, "whose answer flips")
      ->check(CLI::Range(std::size_t{1}, kMostNames));
  app.add_option("--others", settings.shape.others, "names beside them")
      ->check(CLI::Range(std::size_t{0}, kMostNames));
  app.add_flag("--own-rules", settings.shape.own_rules, "a rule for each name");
  app.add_option("--transitions", settings.transitions, "in each run")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--runs", settings.runs)->check(CLI::Range(0, 1000));
  app.add_option("--outstanding", settings.outstanding, "queries under way")
      ->check(CLI::Range(1U, querygen::kMaxOutstanding));
  app.add_option("--responder-core", settings.responder_core);
  app.add_option("--generator-core", settings.generator_core);
  app.add_option("--control-core", settings.control_core, "of health, too");
  app.add_option("--storm", settings.storm.per_second, "transitions/s, each of another check")
      ->check(CLI::Range(std::uint64_t{1000}, std::uint64_t{10'000'000}));
  app.add_option("--storm-seconds", settings.storm.seconds)->check(CLI::Range(0.1, 60.0));
  app.add_option("--checks", settings.shape.checks, "that the names are spread over")
      ->check(CLI::Range(1, 1000));
  app.add_option("--directory", settings.shape.directory, "where the tables lie");
  app.add_flag("--no-huge", settings.no_huge, "packet memory on ordinary pages");
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  using namespace holdfast::bench;
  Settings settings;
  settings.shape.addresses = 2;
  CLI::App app("Measures failover over rings.");
  Declare(app, settings);
  CLI11_PARSE(app, argc, argv);
  if (settings.runs != 0 && settings.shape.checks != 1) {
    GiveUp("--checks is above 1; expected 1 with --runs above 0, since runs flip one check alone");
  }
  Bench bench(settings);
  std::printf("{\"stretch\":%d,\"runs\":[", kStretch);
  for (int i = 0; i < settings.runs; ++i) {
    bench.Flips(i == 0);
  }
  std::printf("]");
  bench.Storm();
  bench.Stop();
  const bool wrong = bench.TellWrong();
  std::printf("}\n");
  return wrong ? 1 : 0;
}

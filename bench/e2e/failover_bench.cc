// From a reported transition to the changed answer, without a network: health pushes a transition
// on the real queue, control wakes, recompiles and publishes, a reader under full load of its own
// stamps the first changed answer. TSC throughout. Three threads: `health` (pushes) and control
// share the control core as in production, the reader has the other. Prints one JSON object with
// every sample; `tools/bench failover` makes the table.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <poll.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "bench/e2e/failover_prober.h"
#include "bench/e2e/failover_reader.h"
#include "bench/e2e/failover_tables.h"
#include "dataplane/base/clock.h"

namespace holdfast::bench {
namespace {

// A stretch is judged as one: disturbed by what else runs on the machine, or good.
constexpr int kStretch = 10;
constexpr double kMostDelay = 0.02;
constexpr int kMostTries = 100;  // as many stretches for one good one
constexpr auto kSettle = std::chrono::milliseconds(1);
constexpr std::uint64_t kPatienceUs = 5'000'000;

struct Settings {
  FailoverShape shape;
  int transitions = 200;
  int runs = 3;
  int control_core = 0;
  int reader_core = 1;
};

struct Sample {
  double first_changed_us = 0;
  double last_passed_us = 0;
};

struct Run {
  std::vector<Sample> samples;
  int disturbed = 0;  // stretches thrown away
};

[[noreturn]] void Give(const char* why) {
  std::fprintf(stderr, "failover bench: %s\n", why);
  std::exit(1);
}

std::uint64_t RunDelayNs(int tid) {
  std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/schedstat");
  std::uint64_t ran = 0;
  std::uint64_t waited = 0;
  if (!(file >> ran >> waited)) {
    Give("/proc/self/task/*/schedstat is not readable; the kernel must have CONFIG_SCHED_INFO");
  }
  return waited;
}

class Bench {
 public:
  explicit Bench(const Settings& settings)
      : settings_(settings),
        tables_(settings.shape),
        queue_(std::move(*health::TransitionQueue::Create(1024))),
        reader_(tables_.run_dir(), tables_.queries(), settings.reader_core),
        prober_(*queue_, settings.control_core) {
    // The reader inherits what its maker may run on; from here on this thread is control.
    PinTo(settings.control_core);
    per_us_ = static_cast<double>(TscPerMicrosecond());
    while (reader_.answers() < 100'000) {
      std::this_thread::sleep_for(kSettle);
    }
  }

  Run Measure() {
    Run run;
    for (int tries = 0; static_cast<int>(run.samples.size()) < settings_.transitions; ++tries) {
      if (tries >= settings_.transitions / kStretch * kMostTries) {
        Give("the machine is too busy: threads waited for their cores most of the time");
      }
      std::vector<Sample> stretch;
      if (Stretch(stretch)) {
        run.samples.insert(run.samples.end(), stretch.begin(), stretch.end());
      } else {
        ++run.disturbed;
      }
    }
    if (reader_.unanswered() != 0 || reader_.changes() != made_) {
      Give("an answer was missing, or an old one came after a new one");
    }
    return run;
  }
  [[nodiscard]] std::uint64_t answers() const noexcept { return reader_.answers(); }

 private:
  bool Stretch(std::vector<Sample>& samples) {
    const int tids[] = {::gettid(), reader_.tid()};
    std::uint64_t waited[2] = {RunDelayNs(tids[0]), RunDelayNs(tids[1])};
    const std::uint64_t from_ns = MonotonicNs();
    for (int i = 0; i < kStretch; ++i) {
      samples.push_back(Flip());
      std::this_thread::sleep_for(kSettle);
      tables_.publisher().Reclaim();
    }
    const auto whole = static_cast<double>(MonotonicNs() - from_ns);
    for (int i = 0; i < 2; ++i) {
      waited[i] = RunDelayNs(tids[i]) - waited[i];
    }
    return static_cast<double>(std::max(waited[0], waited[1])) <= kMostDelay * whole;
  }

  Sample Flip() {
    prober_.Go();
    pollfd wait{.fd = queue_->fd(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, 5000) != 1) {
      Give("no transition came");
    }
    const auto transitions = queue_->Drain();
    const auto committed = tables_.Publish(transitions);
    const std::uint64_t start = transitions.at(0).enqueued_tsc;
    while (!tables_.publisher().Passed(committed.generation)) {
      Patience(start, "the reader has not passed the new generation within 5 s");
    }
    const std::uint64_t passed = Tsc();
    ++made_;
    while (reader_.changes() < made_) {
      Patience(start, "the reader has passed the new generation, but no answer has changed");
    }
    return {static_cast<double>(reader_.changed_tsc() - start) / per_us_,
            static_cast<double>(passed - start) / per_us_};
  }

  void Patience(std::uint64_t start, const char* why) const {
    if (static_cast<double>(Tsc() - start) > static_cast<double>(kPatienceUs) * per_us_) {
      Give(why);
    }
  }

  Settings settings_;
  FailoverTables tables_;
  std::unique_ptr<health::TransitionQueue> queue_;
  FailoverReader reader_;
  Prober prober_;
  double per_us_ = 1;
  std::uint64_t made_ = 0;  // transitions
};

void PrintSamples(const char* name, const Run& run, double Sample::* field) {
  std::printf("\"%s\":[", name);
  for (std::size_t i = 0; i < run.samples.size(); ++i) {
    std::printf("%s%.3f", i == 0 ? "" : ",", run.samples[i].*field);
  }
  std::printf("]");
}

Settings Parse(int argc, char** argv) {
  Settings settings;
  std::map<std::string, long> values{{"--names", 1000},
                                     {"--own-rules", 0},
                                     {"--others", 0},
                                     {"--transitions", 200},
                                     {"--runs", 3},
                                     {"--control-core", 0},
                                     {"--reader-core", 1}};
  for (int i = 1; i < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--directory" && i + 1 < argc) {
      settings.shape.directory = argv[i + 1];
    } else if (i + 1 < argc && values.contains(option)) {
      values[option] = std::strtol(argv[i + 1], nullptr, 10);
    } else {
      Give(
          "usage: failover_bench [--names N] [--own-rules 0|1] [--others N] [--transitions N] "
          "[--runs N] [--control-core N] [--reader-core N] [--directory DIR]; core -1: not pinned");
    }
  }
  if (values["--names"] < 1 || values["--names"] > 10'000'000 || values["--others"] < 0 ||
      values["--others"] > 10'000'000 || values["--transitions"] < 1 || values["--runs"] < 1) {
    Give("--names 1..10000000, --others 0..10000000, --transitions and --runs at least 1");
  }
  settings.shape.names = static_cast<std::size_t>(values["--names"]);
  settings.shape.own_rules = values["--own-rules"] != 0;
  settings.shape.others = static_cast<std::size_t>(values["--others"]);
  settings.transitions = static_cast<int>(values["--transitions"]);
  settings.runs = static_cast<int>(values["--runs"]);
  settings.control_core = static_cast<int>(values["--control-core"]);
  settings.reader_core = static_cast<int>(values["--reader-core"]);
  return settings;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  using namespace holdfast::bench;
  const Settings settings = Parse(argc, argv);
  Bench bench(settings);
  std::printf("{\"control_core\":%d,\"reader_core\":%d,\"stretch\":%d,\"runs\":[",
              settings.control_core,
              settings.reader_core,
              kStretch);
  for (int i = 0; i < settings.runs; ++i) {
    const std::uint64_t answers = bench.answers();
    const std::uint64_t from_ns = holdfast::MonotonicNs();
    const Run run = bench.Measure();
    const auto seconds = static_cast<double>(holdfast::MonotonicNs() - from_ns) / 1e9;
    std::printf("%s{\"disturbed\":%d,\"answers_per_s\":%.0f,",
                i == 0 ? "" : ",",
                run.disturbed,
                static_cast<double>(bench.answers() - answers) / seconds);
    PrintSamples("first_changed_us", run, &Sample::first_changed_us);
    std::printf(",");
    PrintSamples("last_passed_us", run, &Sample::last_passed_us);
    std::printf("}");
  }
  std::printf("]}\n");
  return 0;
}

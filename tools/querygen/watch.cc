// See watch.h.
#include "tools/querygen/watch.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <unistd.h>

#include "dataplane/base/clock.h"
#include "dataplane/io/counters.h"
#include "dataplane/table/readers.h"

namespace holdfast::querygen {

namespace {

// Of a thread's folder in /proc.
pid_t TidOf(const std::string& task) {
  pid_t tid = 0;
  const std::size_t name = task.rfind('/') + 1;
  std::from_chars(task.data() + name, task.data() + task.size(), tid);
  return tid;
}

}  // namespace

Result<Work> WorkOf(const std::string& run_dir) {
  Work work;
  for (const table::ReaderInfo& reader : table::ListReaders(run_dir)) {
    if (reader.role != "dataplane") {
      continue;
    }
    work.pids.push_back(static_cast<int>(reader.pid));
    for (const auto& counters : reader.counters) {
      work.answers += counters.at(io::CounterAt(io::Counter::kSent));
      work.busy_cycles += counters.at(io::CounterAt(io::Counter::kBusyCycles));
    }
  }
  if (work.pids.empty()) {
    return Fail(ErrorCode::kUnavailable, "no data plane answers from the tables of " + run_dir);
  }
  return work;
}

RunDelays::RunDelays(const std::vector<int>& pids)
    : pids_(pids), began_ns_(MonotonicNs()), before_(), stolen_before_() {
  if (std::ranges::find(pids_, ::getpid()) == pids_.end()) {
    pids_.push_back(::getpid());
  }
  before_ = Look(pids_);
  stolen_before_ = Stolen();
}

RunDelays::Threads RunDelays::Look(const std::vector<int>& pids) {
  Threads threads;
  for (const int pid : pids) {
    std::error_code gone;
    for (const auto& task :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
      std::ifstream file(task.path() / "schedstat");
      Times times;
      if (file >> times.ran_ns >> times.waited_ns) {
        threads[task.path().string()] = times;
      }
    }
  }
  return threads;
}

RunDelays::Ticks RunDelays::StolenIn(std::istream& stat) {
  static constexpr std::string_view kCpu = "cpu";
  static constexpr int kColumnsBefore = 7;  // user nice system idle iowait irq softirq, then steal
  Ticks ticks;
  for (std::string line; std::getline(stat, line);) {
    if (!line.starts_with(kCpu)) {
      continue;
    }
    std::istringstream words(line.substr(kCpu.size()));
    int cpu = 0;
    std::uint64_t steal = 0;
    if (line[kCpu.size()] == ' ' || !(words >> cpu)) {
      continue;  // all of them together, or not as expected
    }
    for (int column = 0; column <= kColumnsBefore; ++column) {
      words >> steal;
    }
    if (words) {
      ticks[cpu] = steal;
    }
  }
  return ticks;
}

std::uint64_t RunDelays::MostStolen(const Ticks& before,
                                    const Ticks& after,
                                    const cpu_set_t& cpus) {
  std::uint64_t most = 0;
  for (const auto& [cpu, now] : after) {
    const auto then = before.find(cpu);
    if (then != before.end() && now > then->second && CPU_ISSET(cpu, &cpus)) {
      most = std::max(most, now - then->second);
    }
  }
  return most;
}

RunDelays::Ticks RunDelays::Stolen() {
  std::ifstream stat("/proc/stat");
  return StolenIn(stat);
}

double RunDelays::WorstShare() const {
  const auto whole = static_cast<double>(std::max<std::uint64_t>(1, MonotonicNs() - began_ns_));
  double worst = -1;
  cpu_set_t cpus;  // of busy threads
  CPU_ZERO(&cpus);
  for (const auto& [path, now] : Look(pids_)) {
    const auto before = before_.find(path);
    if (before == before_.end()) {
      continue;
    }
    const auto ran = static_cast<double>(now.ran_ns - before->second.ran_ns);
    const auto waited = static_cast<double>(now.waited_ns - before->second.waited_ns);
    if (ran + waited > whole / 2) {
      worst = std::max(worst, waited / whole);
      cpu_set_t own;
      if (::sched_getaffinity(TidOf(path), sizeof(own), &own) == 0) {
        CPU_OR(&cpus, &cpus, &own);
      }
    }
  }
  if (worst < 0) {
    return worst;
  }
  const double tick_ns = 1e9 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto stolen = static_cast<double>(MostStolen(stolen_before_, Stolen(), cpus));
  worst = std::max(worst, stolen * tick_ns / whole);
  return worst;
}

}  // namespace holdfast::querygen

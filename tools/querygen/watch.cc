// See watch.h.
#include "tools/querygen/watch.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string_view>
#include <unistd.h>

#include "dataplane/base/clock.h"
#include "dataplane/io/counters.h"
#include "dataplane/table/readers.h"

namespace holdfast::querygen {

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
  for (std::string name; stat >> name;) {
    // "cpu" alone is all of them together.
    if (name.starts_with(kCpu) && name.size() > kCpu.size()) {
      std::uint64_t steal = 0;
      for (int column = 0; column <= kColumnsBefore; ++column) {
        stat >> steal;
      }
      if (stat) {
        ticks[name] = steal;
      }
    }
    stat.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return ticks;
}

RunDelays::Ticks RunDelays::Stolen() {
  std::ifstream stat("/proc/stat");
  return StolenIn(stat);
}

double RunDelays::WorstShare() const {
  const auto whole = static_cast<double>(std::max<std::uint64_t>(1, MonotonicNs() - began_ns_));
  double worst = -1;
  for (const auto& [path, now] : Look(pids_)) {
    const auto before = before_.find(path);
    if (before == before_.end()) {
      continue;
    }
    const auto ran = static_cast<double>(now.ran_ns - before->second.ran_ns);
    const auto waited = static_cast<double>(now.waited_ns - before->second.waited_ns);
    if (ran + waited > whole / 2) {
      worst = std::max(worst, waited / whole);
    }
  }
  if (worst < 0) {
    return worst;
  }
  const double tick_ns = 1e9 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  for (const auto& [cpu, now] : Stolen()) {
    const auto before = stolen_before_.find(cpu);
    if (before != stolen_before_.end() && now > before->second) {
      const auto ticks = static_cast<double>(now - before->second);
      worst = std::max(worst, ticks * tick_ns / whole);
    }
  }
  return worst;
}

}  // namespace holdfast::querygen

// See watch.h.
#include "tools/querygen/watch.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
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
    : pids_(pids), began_ns_(MonotonicNs()), before_() {
  if (std::ranges::find(pids_, ::getpid()) == pids_.end()) {
    pids_.push_back(::getpid());
  }
  before_ = Look(pids_);
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
  return worst;
}

}  // namespace holdfast::querygen

// The reader of the failover bench: generator and answering core in one. Asks for the names that
// flip in bursts of 32 as fast as it can and stamps the first changed answer.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/answer/answer.h"
#include "dataplane/table/readers.h"

namespace holdfast::bench {

class FailoverReader {
 public:
  /// Starts the thread. @param core  it is pinned there; -1: not pinned.
  FailoverReader(const std::string& run_dir, const std::vector<std::string>& queries, int core);
  ~FailoverReader();
  FailoverReader(const FailoverReader&) = delete;
  FailoverReader& operator=(const FailoverReader&) = delete;

  /// How many times the answer has changed since the start.
  [[nodiscard]] std::uint64_t changes() const noexcept {
    return changes_.load(std::memory_order_acquire);
  }
  /// TSC of the latest change; read after changes() grew.
  [[nodiscard]] std::uint64_t changed_tsc() const noexcept {
    return changed_tsc_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t answers() const noexcept {
    return answers_.load(std::memory_order_relaxed);
  }
  /// Queries that got no answer with an address; must stay 0.
  [[nodiscard]] std::uint64_t unanswered() const noexcept {
    return unanswered_.load(std::memory_order_relaxed);
  }
  /// The thread's id for /proc; 0 until it runs.
  [[nodiscard]] int tid() const noexcept { return tid_.load(std::memory_order_acquire); }

 private:
  void Run(const std::stop_token& stop, int core);
  void LookAt(std::span<const answer::Job> jobs) noexcept;

  const std::vector<std::string>& queries_;
  std::unique_ptr<table::Attachment> attachment_;
  unsigned char last_octet_ = 0;  // the thread's
  std::atomic<std::uint64_t> changes_ = 0;
  std::atomic<std::uint64_t> changed_tsc_ = 0;
  std::atomic<std::uint64_t> answers_ = 0;
  std::atomic<std::uint64_t> unanswered_ = 0;
  std::atomic<int> tid_ = 0;
  std::jthread thread_;
};

/// Pins the calling thread; -1: leaves it. Stops the program when the core is not to be had.
void PinTo(int core);

}  // namespace holdfast::bench

// One listener thread's hold on the answer function: its scratch, its slot among the readers, its
// counters, and the buffers that a burst is received into and answered in. That thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>

#include "dataplane/answer/answer.h"
#include "dataplane/base/clock.h"
#include "dataplane/listen/client.h"
#include "dataplane/listen/counters.h"
#include "dataplane/table/readers.h"

namespace holdfast::listen {

class Responder {
 public:
  /// Octets that each buffer holds: the longest DNS message.
  static constexpr std::uint32_t kBufferOctets = 65'535;

  /// @param tables  outlives this.
  /// @param thread  0..; which of the attachment's threads this is.
  Responder(table::Attachment& tables, unsigned thread, const answer::Options& options);
  ~Responder();
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  /// Buffer `i` of answer::kMaxBurst, kBufferOctets long; the two octets before it may be written
  /// too (the length of a message over TCP). Pages are taken when they are first touched.
  [[nodiscard]] std::byte* Buffer(unsigned i) noexcept {
    return buffers_ + (i * kStride) + kHeadroom;
  }
  [[nodiscard]] answer::Job& JobAt(unsigned i) noexcept { return jobs_[i]; }

  /// Answers the first `jobs` jobs from the state that is published now: to be called after they
  /// were received. Replies lie in the buffers, so nothing of the tables is held afterwards.
  void Answer(unsigned jobs) noexcept {
    const table::Snapshot& snapshot = tables_->Take(snapshot_, published_);
    answer::SetTime(
        *scratch_,
        {.wall_seconds = static_cast<std::uint32_t>(std::time(nullptr)), .ns = MonotonicNs()});
    answer::Answer(snapshot, std::span(jobs_.data(), jobs), *scratch_);
    slot_.Passed(snapshot.generation());
  }

  /// Whether an access rule drops all that this client would ask, as published now. The thread is
  /// online.
  [[nodiscard]] bool Drops(const ClientAddress& client) noexcept {
    return answer::IsDropped(tables_->Take(snapshot_, published_), client.octets, client.is_v6);
  }

  /// Around each wait in the kernel: a waiting thread holds back no reuse of memory.
  void Offline() noexcept { slot_.Offline(); }
  void Online() noexcept {
    slot_.Online();
    slot_.Beat();
  }

  void Count(Counter counter, std::uint64_t n = 1) noexcept {
    std::uint64_t& value = counters_[kFirstCounter + static_cast<std::size_t>(counter)];
    // One writer: no read-modify-write instruction is needed, readers see whole values.
    __atomic_store_n(&value, value + n, __ATOMIC_RELAXED);
  }
  void SetLevel(Counter counter, std::uint64_t level) noexcept {
    __atomic_store_n(
        &counters_[kFirstCounter + static_cast<std::size_t>(counter)], level, __ATOMIC_RELAXED);
  }

 private:
  // Before each buffer, for the length of a TCP message; keeps the message aligned.
  static constexpr std::size_t kHeadroom = 64;
  // Not a multiple of 4,096: else the first lines of all buffers would fall into one cache set.
  static constexpr std::size_t kStride = kHeadroom + 65'536 + 192;

  table::Attachment* tables_;
  table::ReaderSlot slot_;
  std::span<std::uint64_t> counters_;
  answer::ScratchPtr scratch_;
  table::Snapshot snapshot_;
  std::uint64_t published_ = 0;
  std::byte* buffers_ = nullptr;
  std::array<answer::Job, answer::kMaxBurst> jobs_{};
};

}  // namespace holdfast::listen

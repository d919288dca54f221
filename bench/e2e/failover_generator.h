// The generator of the failover bench over rings: asks the names that flip, on a core of its own,
// and says of each transition when the first changed answer came, when the last old one, and when
// the responder was seen to have passed the generation. Or, in pulses, measures latency while it
// leaves most of its core to others: pulses are due at a fixed rate, and what could not be sent
// then counts from then on all the same.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/base/strong.h"
#include "dataplane/table/readers.h"
#include "tools/querygen/exchange.h"
#include "tools/querygen/histogram.h"

namespace holdfast::bench {

/// TSC of what was seen of one transition.
struct FlipSeen {
  std::uint64_t first_changed = 0;
  std::uint64_t last_old = 0;  // 0: none came behind the transition
  std::uint64_t passed = 0;
};

class FailoverGenerator {
 public:
  enum class Mode : std::uint8_t {
    kFlood,   // as many as are let under way; each answer is of the state that is expected
    kPulses,  // a burst each 200 us; names change as they like, an answer is of one state
    kStop
  };
  static constexpr unsigned kPhases = 2;

  /// @param exchange  over FailoverTables with two addresses an answer; all primary at first.
  /// @param reader    of the responder, its only one. Both outlive this.
  FailoverGenerator(querygen::Exchange& exchange,
                    const table::ReaderWatch& reader,
                    unsigned outstanding);

  /// The loop, until kStop; then waits for the replies that are under way. Its own core.
  void Run();
  void SetMode(Mode mode) noexcept { mode_.store(mode, std::memory_order_release); }
  /// Of latencies from now on, below kPhases; in pulses. TSC from when a query was due.
  void SetPhase(unsigned phase) noexcept { phase_.store(phase, std::memory_order_release); }

  // What control calls, in this order, for each transition.
  /// Before it is pushed. @param octet  last of each address from now on.
  void Expect(unsigned char octet) noexcept;
  void Published(Generation generation) noexcept {
    generation_.store(generation.value(), std::memory_order_release);
  }
  /// Whether a query that was sent after the responder had passed it has been answered.
  [[nodiscard]] bool Done() const noexcept {
    return done_.load(std::memory_order_acquire) == armed_.load(std::memory_order_relaxed);
  }
  /// Once Done().
  [[nodiscard]] const FlipSeen& seen() const noexcept { return seen_; }

  [[nodiscard]] std::uint64_t answers() const noexcept {
    return answers_.load(std::memory_order_relaxed);
  }
  // After Run() has ended.
  /// Replies whose records were of two states, or of none.
  [[nodiscard]] std::uint64_t torn() const noexcept { return torn_; }
  /// Old answers to queries that were sent after a new one had been received.
  [[nodiscard]] std::uint64_t stale() const noexcept { return stale_; }
  [[nodiscard]] std::uint64_t wrong() const noexcept { return wrong_; }
  [[nodiscard]] const querygen::Histogram& latency(unsigned phase) const noexcept {
    return latency_[phase];
  }

 private:
  void Flood(std::uint64_t now) noexcept;
  void Pulse() noexcept;
  void SendDue(std::uint64_t now) noexcept;
  void Rest() const noexcept;
  void ReceiveOne(unsigned phase) noexcept;
  void LookAtState(const querygen::Reply& reply, unsigned char octet) noexcept;
  [[nodiscard]] bool JudgeShape(const querygen::Reply& reply) noexcept;

  querygen::Exchange& exchange_;
  const table::ReaderWatch& reader_;
  const unsigned outstanding_;
  // The generator's own.
  unsigned char current_;
  std::uint32_t at_ = 0;  // which transition is looked for, or was last
  bool looking_ = false;
  FlipSeen seen_;
  std::uint64_t due_ = 0;                       // TSC of the next pulse; 0: none yet
  unsigned left_ = querygen::Exchange::kBurst;  // of its queries
  std::uint64_t torn_ = 0;
  std::uint64_t stale_ = 0;
  std::uint64_t wrong_ = 0;
  std::array<querygen::Histogram, kPhases> latency_{};
  // Shared with control.
  std::atomic<Mode> mode_ = Mode::kFlood;
  std::atomic<unsigned> phase_ = 0;
  std::atomic<unsigned char> expected_;
  std::atomic<std::uint32_t> armed_ = 0;
  std::atomic<std::uint32_t> done_ = 0;
  std::atomic<std::uint64_t> generation_ = 0;  // 0: not published yet
  std::atomic<std::uint64_t> answers_ = 0;
};

}  // namespace holdfast::bench

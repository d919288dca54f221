// The one thing health tells control: a check's status changed. Transitions wait on a bounded queue
// in which a newer one for the same check replaces the older in place, so that a flapping endpoint
// can never fill it. Producers: health threads and the admin interface; consumer: the control core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataplane/base/result.h"

namespace holdfast::health {

/// Verdict of the probes of a check (spec/health-checks.md section 4), before section 7 makes the
/// status that records see of it.
enum class State : std::uint8_t { kUnknown = 0, kHealthy = 1, kUnhealthy = 2 };
/// "unknown", "healthy", "unhealthy".
const char* StateText(State state) noexcept;

/// What an operator orders by hand. It overrules everything, inversion included: what is set is
/// what records see.
enum class Override : std::uint8_t { kAuto = 0, kHealthy = 1, kUnhealthy = 2 };
/// "auto", "healthy", "unhealthy".
const char* OverrideText(Override value) noexcept;

/// Longest time that an order may be given for; a year.
inline constexpr std::int64_t kMaxOrderSeconds = 31'536'000;

/// An override and when it ends by itself: one value wherever it goes, so that a newer one replaces
/// the end of the older too.
struct Order {
  Order() = default;
  // Most orders have no end. NOLINTNEXTLINE(google-explicit-constructor)
  Order(Override what, std::int64_t end_ms = 0) noexcept : to(what), until_ms(end_ms) {}

  Override to = Override::kAuto;
  /// Wall clock, milliseconds since 1970; 0: it lasts until the next order. Wall clock since it
  /// outlives the process, and the machine's boot; a process that has it counts down on its steady
  /// clock instead (CheckVerdict), so that a wall clock that jumps neither ends nor lengthens it,
  /// unless control starts anew behind the jump.
  std::int64_t until_ms = 0;

  bool operator==(const Order&) const = default;
};

/// What one checker said of a check when its verdict was made.
struct CheckerSide {
  std::string checker;                 // its name
  std::string region;                  // may be empty
  State side = State::kUnknown;        //
  std::optional<std::int64_t> age_ms;  // of its last observation; none: it has made none
  std::string reason;                  // of that
  bool operator==(const CheckerSide&) const = default;
};

struct Transition {
  /// Of more checkers those go with it that say what the verdict is, then others.
  static constexpr std::size_t kMostSides = 16;

  std::string check_id;
  State raw = State::kUnknown;       // verdict of the probes, before `inverted` and `disabled`
  bool healthy = true;               // what records see from now on
  std::int64_t since_ms = 0;         // wall clock, milliseconds since 1970: when it began
  std::uint64_t observed_ns = 0;     // CLOCK_MONOTONIC of the deciding observation
  std::uint64_t enqueued_tsc = 0;    // stamped by Push (t0 of the failover bench)
  std::string reason;                // "Failure: HTTP Status Code 503, Service Unavailable"
  std::vector<CheckerSide> sides{};  // 0..kMostSides; none where nothing is probed
  Order ordered{};                   // by hand, in force from now on
};

/// Bounded, coalescing queue with an eventfd that is readable while it is not empty.
/// Push from any thread; Drain from the control core only.
class TransitionQueue {
 public:
  /// @param capacity  most different checks waiting at a time; at least 1.
  /// @return kInvalid for a capacity of 0, kIo when no eventfd is to be had.
  static Result<std::unique_ptr<TransitionQueue>> Create(std::size_t capacity);
  ~TransitionQueue();
  TransitionQueue(const TransitionQueue&) = delete;
  TransitionQueue& operator=(const TransitionQueue&) = delete;

  /// Enqueues, or replaces the waiting one of the same check in its place, and stamps the TSC.
  /// False when `capacity` different checks wait already: the queue is unchanged and the caller
  /// offers again later (the monitor does, with what is true by then).
  [[nodiscard]] bool Push(Transition transition);
  /// Takes everything, oldest first, at most one per check. Never waits for a producer's work.
  [[nodiscard]] std::vector<Transition> Drain();
  /// Readable while transitions wait. Owned by the queue; poll it, do not read it.
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  TransitionQueue(int fd, std::size_t capacity) : fd_(fd), capacity_(capacity) {}
  std::mutex mutex_;
  std::vector<Transition> waiting_;                     // in order of arrival
  std::unordered_map<std::string, std::size_t> place_;  // check id -> index in waiting_
  int fd_ = -1;
  std::size_t capacity_ = 0;
};

}  // namespace holdfast::health

// Many checks that change at a time are one piece of news, and so is what follows from it: a
// receiver that wakes people must wake them once. Pure, the clock is handed in; used on the HTTP
// client's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "control/notify/event.h"

namespace holdfast::control {

class MassGate {
 public:
  using Clock = std::chrono::steady_clock;
  /// A single change waits so long, to be told with others that come at the same time, and so long
  /// waits the news that a mass event began, to tell what it came to at once.
  static constexpr std::chrono::milliseconds kHold{250};
  /// Changes within this time count together.
  static constexpr std::chrono::seconds kWindow{10};

  struct Told {
    Event event;
    std::uint64_t more = 0;  // of its kind beside it, without words
  };

  /// @param most  checks whose status changes within kWindow that are told of one by one; more are
  ///              a mass event. 0: all changes are told one by one, at once.
  void SetMost(std::uint32_t most) { most_ = most; }
  /// What mass events say of it, see MassFigures.
  void SetAtLastResort(std::optional<std::size_t> rules) { figures_.at_last_resort = rules; }

  /// Takes over a change: of one check's status (these alone make a mass event), of a rule, of a
  /// quorum. @param more  of its kind that there are no words for.
  void Add(Event change, Clock::time_point now, std::uint64_t more = 0);
  /// What is to be told by now: single changes, or that a mass event has begun or is over. While it
  /// lasts single changes are not told; its end, when no more than half of the most have changed
  /// within kWindow, tells how many did and which of them are unhealthy then.
  std::vector<Told> TakeDue(Clock::time_point now);
  /// When to ask TakeDue again; nothing while nothing waits.
  [[nodiscard]] std::optional<Clock::time_point> next() const;

  [[nodiscard]] bool mass() const noexcept { return mass_; }

 private:
  void Forget(Clock::time_point now);
  void Begin(Clock::time_point now);
  void Count(const Told& change);
  [[nodiscard]] Event Begun();
  Event Over();

  std::uint32_t most_ = 0;
  bool mass_ = false;
  struct Change {
    Clock::time_point at;
    std::string id;
  };
  std::deque<Change> recent_;                               // within kWindow
  std::unordered_map<std::string, std::uint32_t> changed_;  // the checks among them, how often
  struct Held {
    Clock::time_point until;
    Told change;
  };
  std::deque<Held> held_;
  // Of the mass event.
  std::optional<Clock::time_point> tell_at_;  // that it began; nothing: is told
  std::int64_t since_ms_ = 0;
  std::int64_t last_ms_ = 0;  // of the newest change
  MassFigures figures_;
  std::map<std::string, bool> unhealthy_;  // the checks that changed: are they?
};

}  // namespace holdfast::control

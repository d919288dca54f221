// The deadlines of all probes of a loop, behind one Asio timer. Nearly all of them are withdrawn
// before they pass, so that costs an entry in an ordered map, and the timer is seldom set anew.
// Health loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>

#include "health/probe/deadline.h"

namespace holdfast::health {

class Timeouts {
 public:
  class Waiter {
   public:
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    virtual ~Waiter() = default;
    /// The deadline passed; withdraws it or moves it on.
    virtual void OnDeadline() = 0;
  };
  using Queue = std::multimap<ProbeClock::time_point, std::shared_ptr<Waiter>>;
  using Place = Queue::iterator;

  explicit Timeouts(boost::asio::io_context& io) : timer_(io) {}
  Timeouts(const Timeouts&) = delete;
  Timeouts& operator=(const Timeouts&) = delete;

  /// Keeps `waiter` until it is withdrawn.
  Place Add(ProbeClock::time_point deadline, std::shared_ptr<Waiter> waiter);
  Place Move(Place place, ProbeClock::time_point deadline);
  void Withdraw(Place place) noexcept { queue_.erase(place); }

 private:
  void Arm();
  void OnTimer();

  Queue queue_;
  boost::asio::steady_timer timer_;
  ProbeClock::time_point armed_ = ProbeClock::time_point::max();  // what the timer waits for
};

}  // namespace holdfast::health

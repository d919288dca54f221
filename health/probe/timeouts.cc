#include "health/probe/timeouts.h"

#include <utility>

namespace holdfast::health {

// Most deadlines are as far away as the last one was, so the end is a good place to look first.
Timeouts::Place Timeouts::Add(ProbeClock::time_point deadline, std::shared_ptr<Waiter> waiter) {
  const Place place = queue_.emplace_hint(queue_.end(), deadline, std::move(waiter));
  Arm();
  return place;
}

Timeouts::Place Timeouts::Move(Place place, ProbeClock::time_point deadline) {
  auto node = queue_.extract(place);
  node.key() = deadline;
  const Place moved = queue_.insert(queue_.end(), std::move(node));
  Arm();
  return moved;
}

// Later than the timer is fine: it then finds nothing and is set anew.
void Timeouts::Arm() {
  if (queue_.empty() || armed_ <= queue_.begin()->first) {
    return;
  }
  armed_ = queue_.begin()->first;
  timer_.expires_at(armed_);
  timer_.async_wait([this](auto error) {
    if (!error) {
      OnTimer();
    }
  });
}

void Timeouts::OnTimer() {
  armed_ = ProbeClock::time_point::max();
  const auto now = ProbeClock::now();
  while (!queue_.empty() && queue_.begin()->first <= now) {
    const auto waiter = queue_.begin()->second;
    waiter->OnDeadline();
  }
  Arm();
}

}  // namespace holdfast::health

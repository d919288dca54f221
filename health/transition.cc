// The queue between health and control. The eventfd is written and read under the same lock as the
// vector, so it is readable exactly while something waits: a wake-up can neither be lost nor stay.
#include "health/transition.h"

#include <cerrno>
#include <cstring>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"

namespace holdfast::health {

const char* StateText(State state) noexcept {
  switch (state) {
    case State::kUnknown:
      return "unknown";
    case State::kHealthy:
      return "healthy";
    case State::kUnhealthy:
      return "unhealthy";
  }
  return "?";
}

const char* OverrideText(Override value) noexcept {
  switch (value) {
    case Override::kAuto:
      return "auto";
    case Override::kHealthy:
      return "healthy";
    case Override::kUnhealthy:
      return "unhealthy";
  }
  return "?";
}

Result<std::unique_ptr<TransitionQueue>> TransitionQueue::Create(std::size_t capacity) {
  if (capacity == 0) {
    return Fail(ErrorCode::kInvalid, "transition queue: capacity is 0, expected at least 1");
  }
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) {
    return Fail(ErrorCode::kIo,
                std::string("transition queue: cannot make an eventfd: ") + std::strerror(errno));
  }
  return std::unique_ptr<TransitionQueue>(new TransitionQueue(fd, capacity));
}

TransitionQueue::~TransitionQueue() {
  close(fd_);
}

bool TransitionQueue::Push(Transition transition) {
  const std::lock_guard lock(mutex_);
  transition.enqueued_tsc = Tsc();
  if (const auto at = place_.find(transition.check_id); at != place_.end()) {
    waiting_[at->second] = std::move(transition);
    return true;
  }
  if (waiting_.size() >= capacity_) {
    return false;
  }
  place_.emplace(transition.check_id, waiting_.size());
  waiting_.push_back(std::move(transition));
  if (waiting_.size() == 1) {
    // Can only fail when the counter is full; it is 0 here.
    HF_CHECK(eventfd_write(fd_, 1) == 0);
  }
  return true;
}

std::vector<Transition> TransitionQueue::Drain() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    return {};
  }
  eventfd_t count = 0;
  HF_CHECK(eventfd_read(fd_, &count) == 0);
  place_.clear();
  return std::exchange(waiting_, {});
}

}  // namespace holdfast::health

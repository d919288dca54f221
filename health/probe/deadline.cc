// The line between "the endpoint failed" and "we could not look".
#include "health/probe/deadline.h"

#include <algorithm>
#include <cerrno>

namespace holdfast::health {

using std::chrono::milliseconds;

ProbeClock::duration LatenessAllowed(milliseconds timeout) noexcept {
  return std::clamp(timeout / 4, milliseconds(10), milliseconds(250));
}

Outcome JudgeTimeout(ProbeClock::time_point deadline,
                     milliseconds timeout,
                     ProbeClock::time_point now) noexcept {
  return now - deadline > LatenessAllowed(timeout) ? Outcome::kUnknown : Outcome::kFail;
}

bool IsOwnShortage(int error) noexcept {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:         // epoll: too many watches
    case EADDRNOTAVAIL:  // no ephemeral port left
    case EADDRINUSE:
    case EAGAIN:
    case EAFNOSUPPORT:
    case EPERM:  // a firewall on this machine
    case EACCES:
      return true;
    default:
      return false;
  }
}

}  // namespace holdfast::health

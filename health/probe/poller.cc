// Level-triggered: a probe may leave unread what it likes, and what nobody waits for is taken out
// of the set when it makes itself heard.
#include "health/probe/poller.h"

#include <array>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <utility>

namespace holdfast::health {

namespace {

constexpr int kEventsPerTurn = 256;

int MakeSet() {
  const int set = epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) {
    throw boost::system::system_error(errno, boost::system::system_category(), "epoll_create1");
  }
  return set;
}

}  // namespace

Poller::Poller(boost::asio::io_context& io) : set_(io, MakeSet()) {
  AwaitSet();
}

int Poller::Await(int fd, Readiness what, std::shared_ptr<Waiter> waiter) {
  const auto place = static_cast<std::size_t>(fd);
  if (place >= entries_.size()) {
    entries_.resize(place + 1);
  }
  Entry& entry = entries_[place];
  const int error = Watch(fd, entry, static_cast<std::uint32_t>(what));
  if (error == 0) {
    entry.waiter = std::move(waiter);
  }
  return error;
}

int Poller::Watch(int fd, Entry& entry, std::uint32_t what) noexcept {
  if (entry.watched == what) {
    return 0;
  }
  epoll_event event{
      .events = what,
      .data = {.u64 = std::uint64_t{entry.turn} << 32U | static_cast<std::uint32_t>(fd)}};
  const int change = entry.watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (epoll_ctl(set_.native_handle(), change, fd, &event) != 0) {
    return errno;
  }
  entry.watched = what;
  return 0;
}

void Poller::Forget(int fd) noexcept {
  if (const auto place = static_cast<std::size_t>(fd); place < entries_.size()) {
    Entry& entry = entries_[place];
    entry.watched = 0;
    ++entry.turn;
    entry.waiter.reset();
  }
}

void Poller::AwaitSet() {
  set_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](auto error) {
    if (!error) {
      Dispatch();
      AwaitSet();
    }
  });
}

// A waiter may watch, forget and close what it likes, also what has an event further on here.
void Poller::Dispatch() {
  std::array<epoll_event, kEventsPerTurn> events;
  const int count = epoll_wait(set_.native_handle(), events.data(), kEventsPerTurn, 0);
  for (int n = 0; n < count; ++n) {
    const std::uint64_t mark = events[static_cast<std::size_t>(n)].data.u64;
    const int fd = static_cast<int>(mark & UINT32_MAX);
    Entry& entry = entries_[static_cast<std::size_t>(fd)];
    if (entry.turn != mark >> 32U) {
      continue;
    }
    if (const auto waiter = std::exchange(entry.waiter, nullptr)) {
      waiter->OnEvent();
    } else {
      epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, fd, nullptr);
      entry.watched = 0;
    }
  }
}

}  // namespace holdfast::health

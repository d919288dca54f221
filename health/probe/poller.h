// Which probe waits for which descriptor. One epoll set for all probes of a loop, itself watched by
// Asio; so a probe's descriptor enters the kernel's set once, with what it waits for first, and
// leaves it by being closed. Asio's own would cost each connection four system calls. Health loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <sys/epoll.h>
#include <vector>

namespace holdfast::health {

enum class Readiness : std::uint32_t { kReadable = EPOLLIN, kWritable = EPOLLOUT };

class Poller {
 public:
  class Waiter {
   public:
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    virtual ~Waiter() = default;
    /// What was waited for came, or an error on the descriptor.
    virtual void OnEvent() = 0;
  };

  /// Throws boost::system::system_error when the system denies an epoll set.
  explicit Poller(boost::asio::io_context& io);
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Calls `waiter` once, from the loop, as soon as `fd` is what is waited for; one waiter for each
  /// descriptor, a new one takes the place of the last.
  /// @param fd  open, and either forgotten since it was opened or waited for before.
  /// @return 0, or errno when the system denies the watch; then nobody waits.
  int Await(int fd, Readiness what, std::shared_ptr<Waiter> waiter);
  /// Nobody waits for `fd`, and nothing is known of it: for one that is about to be closed, or was
  /// opened just now under a number that may have been another's.
  void Forget(int fd) noexcept;

 private:
  struct Entry {
    std::shared_ptr<Waiter> waiter;  // null: nobody
    std::uint32_t watched = 0;       // what the kernel looks for; 0: not in the set
    std::uint32_t turn = 0;          // tells events of an earlier descriptor of the same number
  };

  void AwaitSet();
  void Dispatch();
  int Watch(int fd, Entry& entry, std::uint32_t what) noexcept;

  std::vector<Entry> entries_;  // by descriptor
  boost::asio::posix::stream_descriptor set_;
};

}  // namespace holdfast::health

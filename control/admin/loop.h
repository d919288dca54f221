// The control loop as its workers see it: what touches the tables or the core runs there, and a
// worker waits for it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <exception>
#include <future>
#include <utility>

namespace holdfast::control {

class Loop {
 public:
  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }

  /// Out of work whose loop has ended; nobody waits for its reply any more.
  struct Ended : std::exception {};

  /// Runs `work` on the control loop and waits for what it gives. Called on a worker.
  /// @throws Ended when the loop stopped first: it runs nothing of what is posted from then on, and
  /// the end of the process waits for its workers.
  template <class Work>
  auto Run(Work work) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto result = task.get_future();
    // Not the task itself: asio takes a bare packaged_task's future, and that can be had once.
    boost::asio::post(io_, [task = std::move(task)]() mutable { task(); });
    while (result.wait_for(kLook) != std::future_status::ready) {
      if (io_.stopped()) {
        throw Ended();
      }
    }
    return result.get();
  }

 private:
  static constexpr auto kLook = std::chrono::milliseconds(20);
  boost::asio::io_context io_{1};
};

}  // namespace holdfast::control

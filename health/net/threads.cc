// See threads.h.
#include "health/net/threads.h"

#include <boost/asio/executor_work_guard.hpp>
#include <csignal>
#include <exception>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <utility>

namespace holdfast::health {

Result<std::thread> StartThread(const std::string& name, std::function<void()> work) {
  try {
    return std::thread([name, work = std::move(work)] {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_BLOCK, &all, nullptr);
      pthread_setname_np(pthread_self(), name.c_str());
      work();
    });
  } catch (const std::exception& thrown) {
    return Fail(ErrorCode::kExhausted, name + ": cannot start a thread: " + thrown.what());
  }
}

Status LoopThread::Start() {
  auto thread = StartThread(name_, [this] {
    while (!io_.stopped()) {
      try {
        const auto work = boost::asio::make_work_guard(io_);
        io_.run();
      } catch (const std::exception& thrown) {
        spdlog::error("{}: {}", name_, thrown.what());
      }
    }
  });
  if (!thread) {
    return std::unexpected(thread.error());
  }
  thread_ = std::move(*thread);
  return {};
}

void LoopThread::Stop() {
  io_.stop();
  if (thread_.joinable()) {
    thread_.join();
  }
}

}  // namespace holdfast::health

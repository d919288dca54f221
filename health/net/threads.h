// How the threads beside a program's main one begin: with a name that `top -H` shows, and without
// signals. Those are the main thread's, and SIGPIPE would come of a TLS peer that hangs up.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <thread>

#include "dataplane/base/result.h"

namespace holdfast::health {

/// @param name  at most 15 characters. @return kExhausted when no thread is to be had.
Result<std::thread> StartThread(const std::string& name, std::function<void()> work);

/// A thread that runs a loop from Start to its own end, also while the loop has nothing to do. What
/// a handler throws is logged: it ends what that handler was doing, not the loop.
class LoopThread {
 public:
  /// @param io  outlives this. @param name  as StartThread's.
  LoopThread(boost::asio::io_context& io, std::string name) : io_(io), name_(std::move(name)) {}
  /// Stops the loop and waits until its thread is gone.
  ~LoopThread() { Stop(); }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  /// @return as StartThread.
  Status Start();
  /// As at its end, which then finds nothing to do.
  void Stop();

 private:
  boost::asio::io_context& io_;
  std::string name_;
  std::thread thread_;
};

}  // namespace holdfast::health

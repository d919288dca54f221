// One listener thread: an epoll loop over all listeners and its own TCP connections.
#pragma once

#include <memory>
#include <sys/epoll.h>
#include <thread>
#include <vector>

#include "dataplane/listen/responder.h"
#include "dataplane/listen/server.h"
#include "dataplane/listen/source.h"
#include "dataplane/listen/udp.h"

namespace holdfast::listen {

class Worker {
 public:
  /// Makes everything the loop needs; the thread starts with Run.
  static Result<std::unique_ptr<Worker>> Create(table::Attachment& tables,
                                                unsigned thread,
                                                const std::vector<Listener>& listeners,
                                                ConnectionLimits& limits,
                                                const ServerOptions& options);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Run();
  /// Asks the thread to end; any thread.
  void RequestStop() noexcept;
  void Join();

 private:
  Worker(table::Attachment& tables, unsigned thread, const ServerOptions& options);
  Status Watch(const std::vector<Listener>& listeners, ConnectionLimits& limits);
  void Loop();
  int Wait(int timeout_ms) noexcept;
  void Dispatch(int events, std::uint64_t now_ns);
  void ServeUdp(int fd) noexcept;
  void PauseAccepting(std::uint64_t now_ns) noexcept;
  void ResumeAccepting(std::uint64_t now_ns) noexcept;
  void LeaveListeners() noexcept;
  void Drain();

  static constexpr unsigned kEventsPerRound = 128;

  ServerOptions options_;
  Responder responder_;
  UdpBurst udp_;
  Source stop_;
  std::vector<std::unique_ptr<Source>> listeners_;
  std::unique_ptr<TcpServer> tcp_;
  std::unique_ptr<epoll_event[]> events_;
  std::thread thread_;
  int epoll_fd_ = -1;
  bool stopping_ = false;
  std::uint64_t accept_again_ns_ = 0;  // 0: accepting
};

}  // namespace holdfast::listen

// The listener threads of one process: start, stop. Main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/answer/answer.h"
#include "dataplane/answer/rate_table.h"
#include "dataplane/base/result.h"
#include "dataplane/listen/listeners.h"
#include "dataplane/listen/tcp_server.h"
#include "dataplane/table/readers.h"

namespace holdfast::listen {

class Worker;

struct ServerOptions {
  unsigned threads = 1;  // 1..table::kMaxReaderThreads, as many as the attachment has
  TcpOptions tcp;
  answer::Options answer;          // its rates are the server's own
  std::uint32_t drain_ms = 1'000;  // at the end, for replies that clients have yet to read
};

/// Serves listeners on threads of its own; every thread serves all of them.
class Server {
 public:
  /// Starts the threads. Nothing is read from a listener before this.
  /// @param tables     outlives the server.
  /// @param listeners  prepared (PrepareListener); their descriptors stay open as long as this.
  static Result<std::unique_ptr<Server>> Start(table::Attachment& tables,
                                               std::vector<Listener> listeners,
                                               const ServerOptions& options);
  /// Stops, if Stop was not called.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Leaves the listeners to whoever comes next, answers what came whole, closes the connections
  /// and waits for the threads: at most about drain_ms.
  void Stop();

 private:
  Server() = default;

  std::vector<Listener> listeners_;
  std::unique_ptr<answer::RateTable> rates_;
  std::unique_ptr<ConnectionLimits> limits_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace holdfast::listen

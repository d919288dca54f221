// Starts and stops the listener threads; see server.h.
#include "dataplane/listen/server.h"

#include <random>

#include "dataplane/listen/worker.h"

namespace holdfast::listen {

Result<std::unique_ptr<Server>> Server::Start(table::Attachment& tables,
                                              std::vector<Listener> listeners,
                                              const ServerOptions& options) {
  std::unique_ptr<Server> server(new Server());
  server->listeners_ = std::move(listeners);
  auto rates = answer::RateTable::Make();
  if (!rates) {
    return std::unexpected(rates.error());
  }
  server->rates_ = std::move(*rates);
  ServerOptions shared = options;
  shared.answer.rates = server->rates_.get();
  std::random_device random;
  const auto word = [&random] { return (std::uint64_t{random()} << 32U) | random(); };
  server->limits_ = std::make_unique<ConnectionLimits>(
      options.tcp.max_connections, options.tcp.max_per_client, std::array{word(), word()});
  for (unsigned i = 0; i < options.threads; ++i) {
    auto worker = Worker::Create(tables, i, server->listeners_, *server->limits_, shared);
    if (!worker) {
      return std::unexpected(worker.error());
    }
    server->workers_.push_back(std::move(*worker));
  }
  for (const auto& worker : server->workers_) {
    worker->Run();
  }
  return server;
}

Server::~Server() {
  Stop();
}

void Server::Stop() {
  for (const auto& worker : workers_) {
    worker->RequestStop();
  }
  for (const auto& worker : workers_) {
    worker->Join();
  }
  workers_.clear();
}

}  // namespace holdfast::listen

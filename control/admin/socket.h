// The control socket: a line in, a line out, for whoever may open it. Knows nothing of what is
// said. On the control loop's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <string>

#include "dataplane/base/result.h"
#include "health/net/door.h"

namespace holdfast::control {

class ControlSocket {
 public:
  /// To be called once, on the loop's thread, with a line that ends with a newline.
  using Reply = std::function<void(const std::string& line)>;
  /// @param line  without its newline. @param who  "uid N", as the kernel says.
  using Answer = std::function<void(const std::string& line, const std::string& who, Reply reply)>;

  ControlSocket(boost::asio::io_context& io, std::string path, Answer answer);
  /// Takes the path away.
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  /// Makes the socket, mode 0600, in place of one that an earlier process left. Clients may
  /// connect, and are answered once Open was called.
  /// @return kInvalid for a path that is too long, kIo when it cannot be had.
  Status Listen();
  void Open() { door_.Open(); }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  struct Shared;
  class Connection;
  void Take(boost::asio::local::stream_protocol::socket socket);

  std::string path_;
  std::shared_ptr<Shared> shared_;  // with the connections, which the loop may hold for longer
  health::Door<boost::asio::local::stream_protocol> door_;
  bool is_made_ = false;
};

}  // namespace holdfast::control

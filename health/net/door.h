// A door: one listening socket on a loop, which hands out what connects, one connection after the
// other. What health and control serve on streams comes in by one: checkers, HTTP, the control
// socket.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <spdlog/spdlog.h>
#include <string>
#include <utility>

namespace holdfast::health {

/// All on the loop's thread, except before it runs.
template <class Protocol>
class Door {
 public:
  using Socket = typename Protocol::socket;

  /// @param name  in the log. @param take  given each connection; what it throws costs that
  /// connection alone.
  Door(boost::asio::io_context& io, std::string name, std::function<void(Socket)> take)
      : acceptor_(io), again_(io), name_(std::move(name)), take_(std::move(take)) {}
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  /// To be bound and made to listen before Open.
  [[nodiscard]] typename Protocol::acceptor& acceptor() noexcept { return acceptor_; }

  /// Takes connections from now on, for as long as the loop runs.
  void Open() {
    acceptor_.async_accept([this](const boost::system::error_code& error, Socket socket) {
      if (error == boost::asio::error::operation_aborted) {
        return;
      }
      if (error) {  // no descriptors, no memory: both may pass
        return OpenAgain(error);
      }
      is_refused_ = false;
      try {
        take_(std::move(socket));
      } catch (const std::exception& thrown) {
        spdlog::warn("{}: a connection could not be taken: {}", name_, thrown.what());
      }
      Open();
    });
  }

 private:
  static constexpr auto kPause = std::chrono::milliseconds(100);

  void OpenAgain(const boost::system::error_code& error) {
    if (!std::exchange(is_refused_, true)) {  // said once, not ten times a second
      spdlog::warn("{}: {}", name_, error.message());
    }
    again_.expires_after(kPause);
    again_.async_wait([this](const boost::system::error_code& stopped) {
      if (!stopped) {
        Open();
      }
    });
  }

  typename Protocol::acceptor acceptor_;
  boost::asio::steady_timer again_;
  std::string name_;
  std::function<void(Socket)> take_;
  bool is_refused_ = false;  // since a connection was last taken
};

/// Binds `acceptor` and makes it listen; an IPv6 address is for IPv6 alone.
/// @param address  literal. @param port  0: the system chooses.
/// @return what the system says against it.
boost::system::error_code Listen(boost::asio::ip::tcp::acceptor& acceptor,
                                 const std::string& address,
                                 std::uint16_t port);

}  // namespace holdfast::health

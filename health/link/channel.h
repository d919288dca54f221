// One TLS connection that carries messages, the same at both ends: a handshake with a deadline, one
// message after the other in either direction, and an end when nothing was heard for too long.
// Lives on the thread of its io_context; kept alive by what is under way.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "health/link/identity.h"
#include "health/link/messages.h"

namespace holdfast::health {

struct LinkLimits {
  std::chrono::milliseconds handshake{5'000};  // connection, TLS and both hellos
  std::chrono::milliseconds ping{2'000};       // each side says so often that it lives
  std::chrono::milliseconds silence{10'000};   // nothing heard, or nothing taken, for so long: gone
  std::chrono::milliseconds batch{50};         // how long a report may wait for others
  std::chrono::milliseconds look{100};         // how soon control tells of other assignments
  std::chrono::milliseconds first_pause{500};  // before connecting again; doubled each time
  std::chrono::milliseconds longest_pause{15'000};  // up to this, a random part of it left out
};

class Channel : public std::enable_shared_from_this<Channel> {
 public:
  using Stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;
  struct Events {
    /// Each message; what it refuses ends the channel with its words.
    std::function<Status(std::string_view text)> on_message;
    /// All that was to be sent is on its way.
    std::function<void()> on_drained;
    /// Once, and nothing after it. `why` is for people.
    std::function<void(const std::string& why)> on_end;
  };

  Channel(boost::asio::ip::tcp::socket socket,
          std::shared_ptr<boost::asio::ssl::context> identity,
          const LinkLimits& limits);

  void SetEvents(Events events) { events_ = std::move(events); }
  /// Then reads messages, until the end. `on_secure` comes before the first.
  void Handshake(LinkSide side, std::function<Status()> on_secure);
  /// Both hellos were said: from here on the deadline is that of silence.
  void Established();

  /// @param message  with its length, see Encode.
  void Send(std::string message);
  [[nodiscard]] bool drained() const noexcept { return queue_.empty(); }
  /// Closes when what was sent is on its way, after a while at the latest.
  void EndAfterSending(const std::string& why);
  /// Closes at once. No event comes after the one of the end.
  void End(const std::string& why);

  [[nodiscard]] bool ended() const noexcept { return ended_; }
  /// CLOCK_MONOTONIC of when it was made.
  [[nodiscard]] std::uint64_t since_ns() const noexcept { return since_ns_; }
  [[nodiscard]] ssl_st* session() noexcept { return stream_.native_handle(); }
  /// "192.0.2.1:4711", as long as it was connected when made.
  [[nodiscard]] const std::string& peer() const noexcept { return peer_; }

 private:
  void ReadLength();
  void ReadText(std::size_t octets);
  void Write();
  void Watch();

  const LinkLimits limits_;
  const std::shared_ptr<boost::asio::ssl::context> identity_;
  Stream stream_;
  boost::asio::steady_timer watch_;
  Events events_;
  std::string peer_;
  std::uint64_t since_ns_;
  std::uint64_t heard_ns_;    // when octets came last
  std::uint64_t written_ns_;  // when octets went last, or there were none to go
  std::array<unsigned char, kFrameOctets> frame_{};
  std::string text_;
  std::deque<std::string> queue_;
  std::string ending_;  // why, once what is queued has gone
  bool established_ = false;
  bool ended_ = false;
};

}  // namespace holdfast::health

#include "health/link/channel.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <utility>

#include "dataplane/base/clock.h"

namespace holdfast::health {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

std::uint64_t Ns(std::chrono::milliseconds time) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count());
}

std::string PeerOf(const asio::ip::tcp::socket& socket) {
  error_code error;
  const auto at = socket.remote_endpoint(error);
  if (error) {
    return "?";
  }
  const std::string address = at.address().to_string();
  return (at.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(at.port());
}

// A certificate that was refused has a reason of its own, which OpenSSL keeps elsewhere.
std::string WordsOf(const error_code& error, const ssl_st* session) {
  const long verified = SSL_get_verify_result(session);
  return verified == X509_V_OK
             ? error.message()
             : error.message() + " (" + X509_verify_cert_error_string(verified) + ")";
}

}  // namespace

Channel::Channel(asio::ip::tcp::socket socket,
                 std::shared_ptr<asio::ssl::context> identity,
                 const LinkLimits& limits)
    : limits_(limits),
      identity_(std::move(identity)),
      stream_(std::move(socket), *identity_),
      watch_(stream_.get_executor()),
      peer_(PeerOf(stream_.next_layer())),
      since_ns_(MonotonicNs()),
      heard_ns_(since_ns_),
      written_ns_(since_ns_) {
  error_code ignored;
  (void)stream_.next_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
}

void Channel::Handshake(LinkSide side, std::function<Status()> on_secure) {
  Watch();
  stream_.async_handshake(
      side == LinkSide::kControl ? asio::ssl::stream_base::server : asio::ssl::stream_base::client,
      [self = shared_from_this(), on_secure = std::move(on_secure)](error_code error) {
        if (self->ended_) {
          return;
        }
        if (error) {
          return self->End("TLS: " + WordsOf(error, self->session()));
        }
        if (const auto secure = on_secure(); !secure) {
          return self->EndAfterSending(secure.error().message);
        }
        self->ReadLength();
      });
}

void Channel::Established() {
  established_ = true;
  heard_ns_ = MonotonicNs();
}

void Channel::ReadLength() {
  asio::async_read(
      stream_, asio::buffer(frame_), [self = shared_from_this()](error_code error, std::size_t) {
        if (self->ended_) {
          return;
        }
        if (error) {
          return self->End(error == asio::error::eof || error == asio::ssl::error::stream_truncated
                               ? "the other side closed the connection"
                               : WordsOf(error, self->session()));
        }
        self->heard_ns_ = MonotonicNs();
        const auto octets = MessageOctets(self->frame_);
        if (!octets) {
          return self->End("a message has no octets or more than " +
                           std::to_string(kMaxMessageOctets));
        }
        self->ReadText(*octets);
      });
}

void Channel::ReadText(std::size_t octets) {
  text_.resize(octets);
  asio::async_read(
      stream_, asio::buffer(text_), [self = shared_from_this()](error_code error, std::size_t) {
        if (self->ended_) {
          return;
        }
        if (error) {
          return self->End("the connection broke within a message: " + error.message());
        }
        self->heard_ns_ = MonotonicNs();
        const auto on_message = self->events_.on_message;  // which may set others
        if (const auto taken = on_message(self->text_); !taken) {
          return self->EndAfterSending(taken.error().message);
        }
        if (!self->ended_ && self->ending_.empty()) {
          self->ReadLength();
        }
      });
}

void Channel::Send(std::string message) {
  if (ended_ || !ending_.empty()) {
    return;
  }
  queue_.push_back(std::move(message));
  if (queue_.size() == 1) {
    written_ns_ = MonotonicNs();
    Write();
  }
}

void Channel::Write() {
  asio::async_write(stream_,
                    asio::buffer(queue_.front()),
                    [self = shared_from_this()](error_code error, std::size_t) {
                      if (self->ended_) {
                        return;
                      }
                      if (error) {
                        return self->End(WordsOf(error, self->session()));
                      }
                      self->written_ns_ = MonotonicNs();
                      self->queue_.pop_front();
                      if (!self->queue_.empty()) {
                        return self->Write();
                      }
                      if (!self->ending_.empty()) {
                        return self->End(self->ending_);
                      }
                      if (const auto on_drained = self->events_.on_drained) {
                        on_drained();
                      }
                    });
}

void Channel::EndAfterSending(const std::string& why) {
  if (queue_.empty()) {
    return End(why);
  }
  ending_ = why;
}

void Channel::End(const std::string& why) {
  if (std::exchange(ended_, true)) {
    return;
  }
  error_code ignored;
  (void)stream_.next_layer().close(ignored);
  watch_.cancel();
  const Events events = std::exchange(events_, {});  // what they hold may hold this
  // Not from within: whoever calls this may be one of them.
  asio::post(stream_.get_executor(), [self = shared_from_this(), events, why] {
    if (events.on_end) {
      events.on_end(why);
    }
  });
}

void Channel::Watch() {
  watch_.expires_after(std::min(limits_.handshake, limits_.silence) / 8);
  watch_.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->ended_) {
      return;
    }
    const std::uint64_t now_ns = MonotonicNs();
    const auto past = [now_ns](std::uint64_t since_ns, std::chrono::milliseconds most) {
      return now_ns > since_ns + Ns(most);
    };
    const LinkLimits& limits = self->limits_;
    if (!self->established_ && past(self->since_ns_, limits.handshake)) {
      return self->End("no hello within " + std::to_string(limits.handshake.count()) + " ms");
    }
    if (past(self->heard_ns_, limits.silence)) {
      return self->End("nothing was heard for " + std::to_string(limits.silence.count()) + " ms");
    }
    if (!self->queue_.empty() && past(self->written_ns_, limits.silence)) {
      return self->End("nothing was taken for " + std::to_string(limits.silence.count()) + " ms");
    }
    self->Watch();
  });
}

}  // namespace holdfast::health

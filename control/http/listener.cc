// Beast's parser behind bounds: a header is read and judged before any octet of a body is, a body
// only for who may post it. Each stage has a deadline of its own, set before it begins. One session
// owns one socket, one bounded buffer and one message at a time; nothing grows with what is sent.
#include "control/http/listener.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <spdlog/spdlog.h>
#include <utility>

#include "health/net/door.h"
#include "health/net/threads.h"

namespace holdfast::control {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// What a refused client may still send before the connection is cut: as long as it is within both,
// it reads why instead of a reset.
constexpr auto kDrain = std::chrono::milliseconds(1000);
constexpr std::size_t kDrainOctets = std::size_t{1} << 20;

std::optional<std::string> Decoded(std::string_view target) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string path;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] != '%') {
      path += target[i];
      continue;
    }
    const int high = i + 2 < target.size() ? digit(target[i + 1]) : -1;
    const int low = i + 2 < target.size() ? digit(target[i + 2]) : -1;
    if (high < 0 || low < 0 || high * 16 + low == 0) {
      return std::nullopt;
    }
    path += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return path;
}

// Takes as long for any two texts of these lengths.
bool SameSecret(std::string_view given, std::string_view wanted) {
  unsigned differ = given.size() == wanted.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size() && !wanted.empty(); ++i) {
    differ |= static_cast<unsigned char>(given[i]) ^
              static_cast<unsigned char>(wanted[i % wanted.size()]);
  }
  return differ == 0;
}

using Request = http::request_parser<http::string_body>;
// A view of a body that the session holds: 40 scrapes at a time share one text.
using Reply = http::response<http::span_body<const char>>;

}  // namespace

HttpReply Sentence(unsigned status, const std::string& text) {
  return {.status = status, .body = std::make_shared<const std::string>(text + "\n")};
}

class HttpListener::Core {
 public:
  Core(std::string token, std::vector<HttpRoute> routes, const HttpLimits& limits)
      : token_(std::move(token)), routes_(std::move(routes)), limits_(limits) {}
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Status Listen(const HttpAddress& at);
  Status Start() { return thread_.Start(); }

 private:
  class Session;

  void Take(tcp::socket socket);
  bool MakeRoom();
  struct Found {
    const HttpRoute* route = nullptr;
    std::string rest;
    std::optional<HttpReply> refused;
    std::string allow;  // of a 405
  };
  Found Find(const http::request_header<>& header) const;
  void Judge(const http::request_header<>& header, Found& found) const;

  const std::string token_;
  const std::vector<HttpRoute> routes_;
  const HttpLimits limits_;
  // The order matters at the end: what waits in io_ holds the sessions, which leave the list.
  std::list<Session*> sessions_;  // the one that was served last stands last
  asio::io_context io_{1};
  std::list<health::Door<tcp>> doors_;
  health::LoopThread thread_{io_, "http"};
};

// ---- one connection -----------------------------------------------------------------------------

class HttpListener::Core::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Core& core, tcp::socket socket)
      : core_(core),
        stream_(std::move(socket)),
        buffer_(core.limits_.header_octets + kReadAhead),
        place_(core.sessions_.insert(core.sessions_.end(), this)) {}
  ~Session() { core_.sessions_.erase(place_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] bool idle() const noexcept { return idle_; }
  void Close() {
    error_code ignored;
    (void)stream_.socket().close(ignored);
  }

  /// Waits for the first octet of a request as long as an idle connection may.
  void Await() {
    core_.sessions_.splice(core_.sessions_.end(), core_.sessions_, place_);
    if (buffer_.size() != 0) {
      return ReadHeader();  // sent ahead, behind the last one
    }
    idle_ = true;
    stream_.expires_after(core_.limits_.idle);
    stream_.async_read_some(buffer_.prepare(1),
                            [self = shared_from_this()](error_code error, std::size_t octets) {
                              self->idle_ = false;
                              self->buffer_.commit(octets);
                              if (!error) {
                                self->ReadHeader();
                              }
                            });
  }

 private:
  static constexpr std::size_t kReadAhead = 4096;

  void ReadHeader() {
    request_ = std::make_unique<Request>();
    request_->header_limit(static_cast<std::uint32_t>(core_.limits_.header_octets));
    request_->body_limit(core_.limits_.body_octets);
    stream_.expires_after(core_.limits_.header);
    http::async_read_header(
        stream_, buffer_, *request_, [self = shared_from_this()](error_code error, std::size_t) {
          if (error) {
            return self->Refuse(error);
          }
          self->found_ = self->core_.Find(self->request_->get());
          const bool has_body = !self->request_->is_done();
          if (!self->found_.refused && has_body &&
              self->found_.route->method == HttpRoute::Method::kGet) {
            self->found_.refused = Sentence(400, "a body came with a GET; expected none");
          }
          if (self->IsTooLong()) {
            self->found_.refused = self->TooLong();
          }
          if (self->found_.refused) {
            return self->Send(std::move(*self->found_.refused), !has_body);
          }
          self->ReadBody();
        });
  }

  // What a route takes, known only now: what the header announces is looked at here, what comes in
  // chunks by the parser.
  [[nodiscard]] std::size_t MostOctets() const {
    const std::size_t own = found_.route == nullptr ? 0 : found_.route->body_octets;
    return own == 0 ? core_.limits_.body_octets : own;
  }
  [[nodiscard]] bool IsTooLong() const {
    const auto length = request_->content_length();
    return !found_.refused && length && *length > MostOctets();
  }
  [[nodiscard]] HttpReply TooLong() const {
    return Sentence(413, "the body is larger than " + std::to_string(MostOctets()) + " octets");
  }

  void ReadBody() {
    request_->body_limit(MostOctets());
    stream_.expires_after(core_.limits_.body);
    http::async_read(
        stream_, buffer_, *request_, [self = shared_from_this()](error_code error, std::size_t) {
          if (error) {
            return self->Refuse(error);
          }
          HttpReply reply;
          try {
            reply = self->found_.route->handle(self->found_.rest, self->request_->get().body());
          } catch (const std::exception& thrown) {
            spdlog::error("http: {}: {}", self->found_.route->path, thrown.what());
            reply = Sentence(500, "this could not be done; the log says why");
          }
          self->Send(std::move(reply), true);
        });
  }

  void Refuse(error_code error) {
    if (error == http::error::end_of_stream || error == http::error::partial_message ||
        error == beast::error::timeout ||
        error.category() != http::make_error_code(http::error::bad_target).category()) {
      return Drain();  // gone, too late, or the socket's own trouble: nobody hears an answer
    }
    const bool header = error == http::error::header_limit || error == http::error::buffer_overflow;
    const bool body = error == http::error::body_limit;
    Send(header ? Sentence(431,
                           "the header is larger than " +
                               std::to_string(core_.limits_.header_octets) + " octets")
         : body ? TooLong()
                : Sentence(400, "this is no HTTP/1.1 request: " + error.message()),
         false);
  }

  void Send(HttpReply reply, bool whole) {
    const auto& request = request_->get();
    body_ = reply.body != nullptr ? std::move(reply.body) : std::make_shared<const std::string>();
    const bool head = request.method() == http::verb::head;
    const bool keep = whole && request.keep_alive();
    reply_.emplace(static_cast<http::status>(reply.status), request.version() == 10 ? 10U : 11U);
    reply_->set(http::field::server, "Holdfast/" HF_VERSION);
    reply_->set(http::field::content_type, reply.type);
    reply_->set(http::field::cache_control, "no-store");
    reply_->set("X-Content-Type-Options", "nosniff");
    if (reply.status == 401) {
      reply_->set(http::field::www_authenticate, "Bearer");
    }
    if (!found_.allow.empty()) {
      reply_->set(http::field::allow, found_.allow);
    }
    reply_->body() = {body_->data(), head ? 0 : body_->size()};
    reply_->content_length(body_->size());
    reply_->keep_alive(keep);
    found_ = {};
    stream_.expires_after(core_.limits_.write);
    http::async_write(
        stream_, *reply_, [self = shared_from_this(), keep](error_code error, std::size_t) {
          self->body_ = nullptr;
          self->reply_.reset();
          if (error) {
            return;
          }
          keep ? self->Await() : self->Drain();
        });
  }

  // Ends the connection in a way that lets the client read what was said.
  void Drain() {
    error_code ignored;
    (void)stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    request_.reset();
    buffer_.clear();
    idle_ = true;  // a new one may have its place
    stream_.expires_after(kDrain);
    DrainMore();
  }
  void DrainMore() {
    stream_.async_read_some(buffer_.prepare(kReadAhead),
                            [self = shared_from_this()](error_code error, std::size_t octets) {
                              self->drained_ += octets;
                              if (!error && self->drained_ < kDrainOctets) {
                                self->DrainMore();
                              }
                            });
  }

  Core& core_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::list<Session*>::iterator place_;
  std::unique_ptr<Request> request_;
  Found found_;
  std::optional<Reply> reply_;
  std::shared_ptr<const std::string> body_;
  std::size_t drained_ = 0;
  bool idle_ = false;
};

// ---- what is asked for --------------------------------------------------------------------------

HttpListener::Core::Found HttpListener::Core::Find(const http::request_header<>& header) const {
  Found found;
  const std::string_view target(header.target().data(), header.target().size());
  const auto path = Decoded(target.substr(0, target.find('?')));
  if (!path || !path->starts_with('/')) {
    found.refused = Sentence(400, "the request names no path");
    return found;
  }
  for (const HttpRoute& route : routes_) {
    const bool prefix = route.path.ends_with('/');
    if (prefix ? !path->starts_with(route.path) : *path != route.path) {
      continue;
    }
    const bool get = route.method == HttpRoute::Method::kGet;
    const bool fits =
        get ? header.method() == http::verb::get || header.method() == http::verb::head
            : header.method() == http::verb::post;
    if (fits) {
      found.route = &route;
      found.rest = path->substr(route.path.size());
      found.allow.clear();
      Judge(header, found);
      return found;
    }
    found.allow = get ? "GET, HEAD" : "POST";
  }
  found.refused = found.allow.empty() ? Sentence(404, "nothing is here")
                                      : Sentence(405, "expected " + found.allow + " for this path");
  return found;
}

void HttpListener::Core::Judge(const http::request_header<>& header, Found& found) const {
  const auto field = [&](http::field name) {
    const auto value = header[name];
    return std::string_view(value.data(), value.size());
  };
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view given = field(http::field::authorization);
  if (found.route->guarded && !token_.empty() &&
      (!beast::iequals(given.substr(0, kBearer.size()), kBearer) ||
       !SameSecret(given.substr(kBearer.size()), token_))) {
    found.refused = Sentence(401, "expected 'Authorization: Bearer' with the token of this node");
    return;
  }
  if (found.route->permits) {
    const bool bears = beast::iequals(given.substr(0, kBearer.size()), kBearer);
    if (!found.route->permits(found.rest, bears ? given.substr(kBearer.size()) : "")) {
      found.refused = Sentence(403, "expected 'Authorization: Bearer' with the token of this path");
      return;
    }
  }
  if (!field(http::field::expect).empty()) {
    found.refused = Sentence(417, "'Expect' is not met here; send the body at once");
    return;
  }
  // A page in a browser cannot send this type to another site without being asked first.
  const std::string_view type = field(http::field::content_type);
  if (found.route->method == HttpRoute::Method::kPost && !found.route->permits &&
      !beast::iequals(type.substr(0, type.find(';')), "application/json")) {
    found.refused = Sentence(415, "expected Content-Type: application/json");
  }
}

// ---- the doors ----------------------------------------------------------------------------------

Status HttpListener::Core::Listen(const HttpAddress& at) {
  health::Door<tcp>& door =
      doors_.emplace_back(io_, "http", [this](tcp::socket socket) { Take(std::move(socket)); });
  if (const error_code error = health::Listen(door.acceptor(), at.address, at.port)) {
    return Fail(ErrorCode::kIo, "[http] cannot listen on " + at.Text() + ": " + error.message());
  }
  door.Open();
  return {};
}

void HttpListener::Core::Take(tcp::socket socket) {
  if (sessions_.size() >= limits_.connections && !MakeRoom()) {
    return;  // all are being served: this one is closed
  }
  error_code ignored;
  (void)socket.set_option(tcp::no_delay(true), ignored);
  std::make_shared<Session>(*this, std::move(socket))->Await();
}

// The session goes when its handler has run, a moment later: one more than the bound at most.
bool HttpListener::Core::MakeRoom() {
  const auto idle = std::ranges::find_if(sessions_, [](const Session* s) { return s->idle(); });
  if (idle == sessions_.end() || sessions_.size() > limits_.connections) {
    return false;
  }
  (*idle)->Close();
  return true;
}

HttpListener::HttpListener(std::unique_ptr<Core> core) : core_(std::move(core)) {}
HttpListener::~HttpListener() = default;

Result<std::unique_ptr<HttpListener>> HttpListener::Start(const HttpConfig& config,
                                                          std::string token,
                                                          std::vector<HttpRoute> routes,
                                                          const HttpLimits& limits) {
  auto core = std::make_unique<Core>(std::move(token), std::move(routes), limits);
  for (const HttpAddress& at : config.listen) {
    HF_TRY(core->Listen(at));
  }
  HF_TRY(core->Start());
  return std::unique_ptr<HttpListener>(new HttpListener(std::move(core)));
}

}  // namespace holdfast::control

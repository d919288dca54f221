// See socket.h. A bounded number of connections, each with a bounded line.
#include "control/admin/socket.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace holdfast::control {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

namespace {

constexpr std::size_t kMaxRequestOctets = 65536;
constexpr int kMaxConnections = 64;
constexpr std::size_t kMaxPathOctets = 107;  // of sockaddr_un

}  // namespace

struct ControlSocket::Shared {
  Answer answer;
  int connections = 0;
};

// One client: a line in, a line out, one after the other. Lives as long as a read or an answer of
// its own is under way.
class ControlSocket::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Shared> shared, stream_protocol::socket socket)
      : shared_(std::move(shared)), socket_(std::move(socket)) {
    ++shared_->connections;
    ucred peer{};
    socklen_t octets = sizeof(peer);
    if (getsockopt(socket_.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &octets) == 0) {
      who_ = "uid " + std::to_string(peer.uid);
    }
  }
  ~Connection() { --shared_->connections; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Read() {
    asio::async_read_until(
        socket_,
        asio::dynamic_buffer(buffer_, kMaxRequestOctets),
        '\n',
        [self = shared_from_this()](const error_code& error, std::size_t octets) {
          if (!error) {
            const std::string line = self->buffer_.substr(0, octets - 1);
            self->buffer_.erase(0, octets);
            self->shared_->answer(
                line, self->who_, [self](const std::string& reply) { self->Write(reply); });
          }
        });  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): asio frees what it keeps for this
  }

 private:
  void Write(const std::string& reply) {
    reply_ = reply;
    asio::async_write(socket_,
                      asio::buffer(reply_),
                      [self = shared_from_this()](const error_code& error, std::size_t) {
                        if (!error) {
                          self->Read();
                        }
                      });
  }

  std::shared_ptr<Shared> shared_;
  stream_protocol::socket socket_;
  std::string who_ = "unknown";
  std::string buffer_;
  std::string reply_;
};

ControlSocket::ControlSocket(asio::io_context& io, std::string path, Answer answer)
    : path_(std::move(path)),
      shared_(std::make_shared<Shared>(Shared{.answer = std::move(answer)})),
      door_(io, "control socket", [this](stream_protocol::socket socket) {
        Take(std::move(socket));
      }) {}

ControlSocket::~ControlSocket() {
  if (is_made_) {
    unlink(path_.c_str());
  }
}

Status ControlSocket::Listen() {
  if (path_.size() > kMaxPathOctets) {
    return Fail(ErrorCode::kInvalid, path_ + " is too long for a socket; choose a shorter run_dir");
  }
  // What an earlier control left. Anything else of that name stays, and bind says so.
  struct stat st{};
  if (lstat(path_.c_str(), &st) == 0 && S_ISSOCK(st.st_mode)) {
    unlink(path_.c_str());
  }
  error_code error;
  stream_protocol::acceptor& acceptor = door_.acceptor();
  (void)acceptor.open(stream_protocol(), error);
  if (!error) {
    const mode_t mask = umask(0177);
    (void)acceptor.bind(stream_protocol::endpoint(path_), error);
    umask(mask);
    is_made_ = !error;
  }
  if (!error) {
    (void)acceptor.listen(16, error);
  }
  if (error) {
    return Fail(ErrorCode::kIo, "cannot listen on " + path_ + ": " + error.message());
  }
  return {};
}

void ControlSocket::Take(stream_protocol::socket socket) {
  if (shared_->connections < kMaxConnections) {
    std::make_shared<Connection>(shared_, std::move(socket))->Read();
  }
}

}  // namespace holdfast::control

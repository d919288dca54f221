// What `tools/bench health` probes: one epoll loop that takes connections on many ports, answers
// HTTP over plain TCP and TLS, and is fast enough not to be the limit. A connection that is not
// kept is closed some time after it was served and with a reset, so that no port stays taken
// (TIME_WAIT): by then the client has closed its side.
//   health_server FIRST_PORT PORTS TLS_PORT SILENT_PORT
// Each of PORTS ports takes HTTP and what only connects. GET /match/N is answered with 5,000 octets
// that end with search string N. Nobody accepts on SILENT_PORT. Runs until it is killed.
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "bench/e2e/health_words.h"

namespace holdfast::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kLinger = std::chrono::milliseconds(20);
constexpr int kBacklog = 65'535;
constexpr int kAcceptsPerTurn = 64;
constexpr std::size_t kEvents = 512;

[[noreturn]] void Give(const char* why) {
  std::fprintf(stderr, "health server: %s: %s\n", why, std::strerror(errno));
  std::exit(1);
}

std::string Reply(const std::string& body, bool keep) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
         std::to_string(body.size()) + (keep ? "" : "\r\nConnection: close") + "\r\n\r\n" + body;
}

SSL_CTX* ServerContext() {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86'400);
  X509_set_pubkey(certificate, key);
  if (X509_sign(certificate, key, EVP_sha256()) == 0 ||
      SSL_CTX_use_certificate(context, certificate) != 1 ||
      SSL_CTX_use_PrivateKey(context, key) != 1) {
    Give("cannot make a certificate");
  }
  X509_free(certificate);
  EVP_PKEY_free(key);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  return context;
}

class Server {
 public:
  Server(int first_port, int ports, int tls_port, int silent_port)
      : epoll_(epoll_create1(EPOLL_CLOEXEC)), tls_(ServerContext()) {
    for (int n = 0; n < ports; ++n) {
      Listen(first_port + n, Kind::kListener);
    }
    Listen(tls_port, Kind::kTlsListener);
    Listen(silent_port, Kind::kNone);
    for (std::size_t n = 0; n < kPatterns; ++n) {
      std::string body(kBodyOctets, '.');
      for (std::size_t at = 0; at + 16 < body.size(); at += 16) {
        body.replace(at, 8, "filling ");
      }
      const std::string text = PatternText(n);
      body.replace(body.size() - text.size(), text.size(), text);
      matching_.push_back(Reply(body, false));
    }
  }

  [[noreturn]] void Serve() {
    std::array<epoll_event, kEvents> events{};
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), kEvents, leaving_.empty() ? -1 : 1);
      for (int n = 0; n < count; ++n) {
        const int fd = events[static_cast<std::size_t>(n)].data.fd;
        switch (peers_[static_cast<std::size_t>(fd)].kind) {
          case Kind::kListener:
          case Kind::kTlsListener:
            Accept(fd);
            break;
          case Kind::kPeer:
            Answer(fd);
            break;
          case Kind::kNone:
            break;
        }
      }
      CloseOld();
    }
  }

 private:
  enum class Kind : std::uint8_t { kNone, kListener, kTlsListener, kPeer };
  struct Peer {
    Kind kind = Kind::kNone;
    bool watched = false;
    SSL* ssl = nullptr;
  };

  Peer& At(int fd) {
    const auto place = static_cast<std::size_t>(fd);
    if (place >= peers_.size()) {
      peers_.resize(place + 1024);
    }
    return peers_[place];
  }

  void Listen(int port, Kind kind) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    if (fd < 0) {
      Give("no socket is to be had");
    }
    const int on = 1;
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    // Connections inherit both.
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
        listen(fd, kBacklog) != 0) {
      Give("cannot listen");
    }
    At(fd).kind = kind;
    if (kind != Kind::kNone) {
      Watch(fd);
    }
  }

  void Watch(int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
      Give("cannot watch");
    }
    At(fd).watched = true;
  }

  void Accept(int listener) {
    const bool tls = At(listener).kind == Kind::kTlsListener;
    for (int n = 0; n < kAcceptsPerTurn; ++n) {
      const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        return;
      }
      Peer& peer = At(fd);
      peer = {.kind = Kind::kPeer, .watched = false, .ssl = nullptr};
      if (tls) {
        peer.ssl = SSL_new(tls_);
        SSL_set_fd(peer.ssl, fd);
        SSL_set_accept_state(peer.ssl);
      }
      Answer(fd);
    }
  }

  // One request a turn; what it needs comes in one piece. TLS shakes hands on the way.
  void Answer(int fd) {
    Peer& peer = At(fd);
    std::array<char, 2048> buffer{};
    ssize_t count = 0;
    if (peer.ssl == nullptr) {
      count = recv(fd, buffer.data(), buffer.size(), 0);
    } else {
      count = SSL_read(peer.ssl, buffer.data(), buffer.size());
      if (count <= 0 && SSL_get_error(peer.ssl, static_cast<int>(count)) != SSL_ERROR_WANT_READ) {
        return Leave(fd);
      }
    }
    if (count == 0) {
      return Leave(fd);
    }
    if (count < 0) {
      if (!peer.watched) {
        Watch(fd);
      }
      return;
    }
    const std::string_view request(buffer.data(), static_cast<std::size_t>(count));
    const bool keep = request.contains("keep-alive");
    const std::string& reply = ReplyTo(request, keep);
    if (peer.ssl == nullptr) {
      send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
    } else {
      SSL_write(peer.ssl, reply.data(), static_cast<int>(reply.size()));
    }
    if (!keep) {
      Leave(fd);
    } else if (!peer.watched) {
      Watch(fd);
    }
  }

  const std::string& ReplyTo(std::string_view request, bool keep) const {
    constexpr std::string_view kMatch = "GET /match/";
    if (request.starts_with(kMatch)) {
      const auto number = std::strtoul(request.data() + kMatch.size(), nullptr, 10);
      return matching_[number % kPatterns];
    }
    return keep ? kept_ : closing_;
  }

  void Leave(int fd) {
    Peer& peer = At(fd);
    if (peer.watched) {
      epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    }
    SSL_free(peer.ssl);
    peer = {};
    leaving_.push_back({fd, Clock::now() + kLinger});
  }

  void CloseOld() {
    const auto now = Clock::now();
    while (!leaving_.empty() && leaving_.front().second <= now) {
      close(leaving_.front().first);
      leaving_.pop_front();
    }
  }

  int epoll_;
  SSL_CTX* tls_;
  std::vector<Peer> peers_;  // by descriptor
  std::deque<std::pair<int, Clock::time_point>> leaving_;
  std::vector<std::string> matching_;
  const std::string closing_ = Reply("ok", false);
  const std::string kept_ = Reply("ok", true);
};

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: health_server FIRST_PORT PORTS TLS_PORT SILENT_PORT\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);  // TLS clients hang up
  holdfast::bench::Server server(
      std::atoi(argv[1]), std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]));
  std::printf("ready\n");
  std::fflush(stdout);
  server.Serve();
}

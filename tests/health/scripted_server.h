// A real server on loopback whose every word and pause is scripted by the test: plain or TLS, one
// connection at a time, on a thread of its own that ends with the object.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace holdfast::health::testing {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// The server's side of one connection, as the script sees it.
class Peer {
 public:
  Peer(int fd, ssl_st* ssl, int stop_fd);

  /// Reads to the blank line; what was read if the client closes before.
  std::string ReadRequest();
  /// False when the client is gone or the server stops.
  bool Send(std::string_view octets);
  /// The same behind so many more session tickets (TLS 1.3).
  bool SendBehindTickets(int tickets, std::string_view octets);
  /// Asks for another handshake (TLS 1.2), which the client may refuse.
  void Renegotiate();
  /// Waits until so long after the connection was accepted.
  bool PauseUntil(milliseconds since_accept);
  /// How late PauseUntil came back at worst: a test of time is repeated when this is large.
  [[nodiscard]] milliseconds lateness() const { return lateness_; }
  /// Name in the TLS handshake; empty if none.
  [[nodiscard]] std::string ServerName() const;
  /// Whether the handshake went on from an earlier session.
  [[nodiscard]] bool resumed() const;
  /// The client's IPv4 address.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  int fd_;
  ssl_st* ssl_;
  int stop_fd_;
  std::string address_;
  Clock::time_point accepted_ = Clock::now();
  milliseconds lateness_{0};
};

struct TlsSetup {
  std::string name = "www.example.test";  // of the certificate
  bool expired = false;
  int days = 1;                  // until it expires
  bool future = false;           // valid from tomorrow on
  bool http2 = false;            // agrees on "h2" (ALPN)
  bool needs_sni = false;        // alert handshake_failure without a name
  bool old = false;              // TLS 1.0 and nothing newer
  bool tls12 = false;            // nothing newer than that
  std::size_t chain_octets = 0;  // of certificates behind its own, about
  std::string client_ca = {};  // file, PEM: clients must show a certificate of it; empty: need not
};

class ScriptedServer {
 public:
  using Script = std::function<void(Peer&)>;

  explicit ScriptedServer(Script script);
  ScriptedServer(TlsSetup tls, Script script);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_; }
  [[nodiscard]] milliseconds lateness() const { return milliseconds(lateness_ms_); }
  /// Its own certificate in PEM; of TLS servers only.
  [[nodiscard]] std::string certificate() const;
  /// One per TLS handshake that got as far as its server name, of the first kNamesKept: a test of
  /// thousands looks at what it holds itself.
  static constexpr std::size_t kNamesKept = 1000;
  [[nodiscard]] std::vector<std::string> names();
  /// What the clients asked, for scripts that call Note.
  void Note(std::string text);
  [[nodiscard]] std::vector<std::string> notes();

 private:
  void Begin();
  void Serve();
  void ServeOne(int fd);
  static int OnServerName(ssl_st* ssl, int* alert, void* self);

  Script script_;
  TlsSetup setup_;
  ssl_ctx_st* tls_ = nullptr;
  int listener_ = -1;
  int stop_[2] = {-1, -1};
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::atomic<std::int64_t> lateness_ms_ = 0;
  std::mutex mutex_;
  std::vector<std::string> names_;
  std::vector<std::string> notes_;
  std::thread thread_;
};

/// A script that reads the request, answers `response` and closes.
ScriptedServer::Script Answer(std::string response);
/// A complete response: status line, Content-Length, `fields` (each with its line end), body.
std::string Response(int status, const std::string& body = {}, const std::string& fields = {});

/// A port of loopback on which nobody listens.
std::uint16_t RefusedPort();

}  // namespace holdfast::health::testing

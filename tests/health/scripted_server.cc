#include "tests/health/scripted_server.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstdlib>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/base/check.h"

namespace holdfast::health::testing {

namespace {

int Listen(std::uint16_t& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t octets = sizeof(address);
  HF_CHECK(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  HF_CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &octets) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

X509* Certificate(EVP_PKEY* key, const TlsSetup& setup) {
  constexpr long kDay = 86'400;
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), setup.future ? kDay : -3 * kDay);
  // A minute more, so that whole days are what a test says.
  X509_gmtime_adj(X509_getm_notAfter(certificate), setup.expired ? -kDay : setup.days * kDay + 60);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject,
                             "CN",
                             MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(setup.name.c_str()),
                             -1,
                             -1,
                             0);
  X509_set_issuer_name(certificate, subject);
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + setup.name).c_str());
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_set_pubkey(certificate, key);
  HF_CHECK(X509_sign(certificate, key, EVP_sha256()) != 0);
  return certificate;
}

int ChooseHttp2(SSL* /*ssl*/,
                const unsigned char** chosen,
                unsigned char* octets,
                const unsigned char* /*offered*/,
                unsigned /*offered_octets*/,
                void* /*self*/) {
  static constexpr unsigned char kHttp2[] = {'h', '2'};
  *chosen = kHttp2;
  *octets = sizeof(kHttp2);
  return SSL_TLSEXT_ERR_OK;
}

SSL_CTX* ServerContext(const TlsSetup& setup) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = Certificate(key, setup);
  if (setup.old) {
    HF_CHECK(SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0") == 1);
    HF_CHECK(SSL_CTX_set_min_proto_version(context, TLS1_VERSION) == 1);
    HF_CHECK(SSL_CTX_set_max_proto_version(context, TLS1_VERSION) == 1);
  }
  if (setup.tls12) {
    HF_CHECK(SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) == 1);
  }
  if (!setup.client_ca.empty()) {
    HF_CHECK(SSL_CTX_load_verify_locations(context, setup.client_ca.c_str(), nullptr) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  if (setup.http2) {
    SSL_CTX_set_alpn_select_cb(context, &ChooseHttp2, nullptr);
  }
  HF_CHECK(SSL_CTX_use_certificate(context, certificate) == 1);
  HF_CHECK(SSL_CTX_use_PrivateKey(context, key) == 1);
  const auto octets = static_cast<std::size_t>(i2d_X509(certificate, nullptr));
  for (std::size_t sent = 0; sent < setup.chain_octets; sent += octets) {
    HF_CHECK(SSL_CTX_add1_chain_cert(context, certificate) == 1);
  }
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

}  // namespace

// Who it is cannot be asked any more once the client has reset the connection.
Peer::Peer(int fd, ssl_st* ssl, int stop_fd) : fd_(fd), ssl_(ssl), stop_fd_(stop_fd) {
  sockaddr_in peer{};
  socklen_t octets = sizeof(peer);
  std::array<char, INET_ADDRSTRLEN> text{};
  if (getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &octets) == 0) {
    address_ = inet_ntop(AF_INET, &peer.sin_addr, text.data(), text.size());
  }
}

std::string Peer::ReadRequest() {
  std::string request;
  char octets[4096];
  while (request.find("\r\n\r\n") == std::string::npos) {
    pollfd wait[2] = {{.fd = fd_, .events = POLLIN, .revents = 0},
                      {.fd = stop_fd_, .events = POLLIN, .revents = 0}};
    const bool buffered = ssl_ != nullptr && SSL_pending(ssl_) > 0;
    if (!buffered && (poll(wait, 2, 5000) <= 0 || wait[1].revents != 0)) {
      break;
    }
    const ssize_t count = ssl_ != nullptr ? SSL_read(ssl_, octets, sizeof(octets))
                                          : recv(fd_, octets, sizeof(octets), 0);
    if (count <= 0) {
      break;
    }
    request.append(octets, static_cast<std::size_t>(count));
  }
  return request;
}

bool Peer::Send(std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t count = ssl_ != nullptr
                              ? SSL_write(ssl_, octets.data(), static_cast<int>(octets.size()))
                              : send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (count <= 0) {
      return false;
    }
    octets.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool Peer::SendBehindTickets(int tickets, std::string_view octets) {
  for (int i = 0; i < tickets; ++i) {
    HF_CHECK(SSL_new_session_ticket(ssl_) == 1);
  }
  return Send(octets);
}

void Peer::Renegotiate() {
  if (SSL_renegotiate(ssl_) == 1) {
    SSL_do_handshake(ssl_);
  }
}

bool Peer::PauseUntil(milliseconds since_accept) {
  const auto until = accepted_ + since_accept;
  for (auto now = Clock::now(); now < until; now = Clock::now()) {
    pollfd stop{.fd = stop_fd_, .events = POLLIN, .revents = 0};
    const timespec wait{.tv_sec = 0, .tv_nsec = std::min<long>((until - now).count(), 999'999'999)};
    if (ppoll(&stop, 1, &wait, nullptr) != 0) {
      return false;
    }
  }
  const auto late = std::chrono::duration_cast<milliseconds>(Clock::now() - until);
  lateness_ = std::max(lateness_, late);
  return true;
}

std::string Peer::ServerName() const {
  const char* name =
      ssl_ != nullptr ? SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name) : nullptr;
  return name != nullptr ? name : "";
}

bool Peer::resumed() const {
  return ssl_ != nullptr && SSL_session_reused(ssl_) == 1;
}

ScriptedServer::ScriptedServer(Script script) : script_(std::move(script)) {
  Begin();
}

ScriptedServer::ScriptedServer(TlsSetup tls, Script script)
    : script_(std::move(script)), setup_(std::move(tls)), tls_(ServerContext(setup_)) {
  SSL_CTX_set_tlsext_servername_callback(tls_, &ScriptedServer::OnServerName);
  SSL_CTX_set_tlsext_servername_arg(tls_, this);
  Begin();
}

ScriptedServer::~ScriptedServer() {
  HF_CHECK(write(stop_[1], "x", 1) == 1);
  thread_.join();
  close(listener_);
  close(stop_[0]);
  close(stop_[1]);
  SSL_CTX_free(tls_);
}

void ScriptedServer::Begin() {
  listener_ = Listen(port_);
  HF_CHECK(listen(listener_, 128) == 0);
  HF_CHECK(pipe(stop_) == 0);
  thread_ = std::thread([this] { Serve(); });
}

void ScriptedServer::Serve() {
  for (;;) {
    pollfd wait[2] = {{.fd = listener_, .events = POLLIN, .revents = 0},
                      {.fd = stop_[0], .events = POLLIN, .revents = 0}};
    if (poll(wait, 2, -1) < 0 || wait[1].revents != 0) {
      return;
    }
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      ++connections_;
      ServeOne(fd);
      close(fd);
    }
  }
}

void ScriptedServer::ServeOne(int fd) {
  // Bounds a client that does not read; scripts notice a failed Send and end. As patient as the
  // checks of the tests: on a busy machine whoever gives up first decides what is seen.
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  const int now = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &now, sizeof(now));
  SSL* ssl = nullptr;
  if (tls_ != nullptr) {
    ssl = SSL_new(tls_);
    SSL_set_fd(ssl, fd);
  }
  Peer peer(fd, ssl, stop_[0]);
  if (ssl == nullptr || SSL_accept(ssl) == 1) {
    script_(peer);
    if (ssl != nullptr) {
      SSL_shutdown(ssl);
    }
  }
  lateness_ms_ = std::max<std::int64_t>(lateness_ms_, peer.lateness().count());
  SSL_free(ssl);
}

int ScriptedServer::OnServerName(ssl_st* ssl, int* alert, void* self) {
  auto& server = *static_cast<ScriptedServer*>(self);
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  {
    const std::lock_guard lock(server.mutex_);
    if (server.names_.size() < kNamesKept) {
      server.names_.emplace_back(name != nullptr ? name : "");
    }
  }
  if (name == nullptr && server.setup_.needs_sni) {
    *alert = SSL_AD_HANDSHAKE_FAILURE;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  return SSL_TLSEXT_ERR_OK;
}

std::string ScriptedServer::certificate() const {
  BIO* memory = BIO_new(BIO_s_mem());
  HF_CHECK(PEM_write_bio_X509(memory, SSL_CTX_get0_certificate(tls_)) == 1);
  char* text = nullptr;
  const long octets = BIO_get_mem_data(memory, &text);
  std::string pem(text, static_cast<std::size_t>(octets));
  BIO_free(memory);
  return pem;
}

std::vector<std::string> ScriptedServer::names() {
  const std::lock_guard lock(mutex_);
  return names_;
}

void ScriptedServer::Note(std::string text) {
  const std::lock_guard lock(mutex_);
  notes_.push_back(std::move(text));
}

std::vector<std::string> ScriptedServer::notes() {
  const std::lock_guard lock(mutex_);
  return notes_;
}

ScriptedServer::Script Answer(std::string response) {
  return [response = std::move(response)](Peer& peer) {
    peer.ReadRequest();
    peer.Send(response);
  };
}

std::string Response(int status, const std::string& body, const std::string& fields) {
  return "HTTP/1.1 " + std::to_string(status) +
         " Scripted\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" +
         body;
}

std::uint16_t RefusedPort() {
  std::uint16_t port = 0;
  close(Listen(port));
  return port;
}

}  // namespace holdfast::health::testing

// OpenSSL 3.0 behind TlsContext and TlsSession. The error queue is per thread, so it is cleared
// before each call and read right after.
#include "health/probe/tls.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace holdfast::health {

namespace {

// "handshake failure" as the specification writes it: "SSL alert handshake_failure".
std::string AlertText(int alert) {
  std::string text = SSL_alert_desc_string_long(alert);
  std::ranges::replace(text, ' ', '_');
  return "SSL alert " + text;
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::Create() {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) {
    return Fail(ErrorCode::kExhausted, "health: cannot make a TLS context");
  }
  std::unique_ptr<TlsContext> made(new TlsContext(context));
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  // Old versions, small keys and old hashes are for the endpoint's owner to judge, not for a check.
  if (SSL_CTX_set_cipher_list(context, "ALL:!aNULL:!eNULL:@SECLEVEL=0") != 1 ||
      SSL_CTX_set_min_proto_version(context, TLS1_VERSION) != 1) {
    return Fail(ErrorCode::kUnavailable, "health: OpenSSL refuses the TLS settings of checks");
  }
  SSL_CTX_set_options(
      context,
      SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return made;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

std::unique_ptr<TlsSession> TlsSession::Open(TlsContext& context, int fd, const std::string& sni) {
  SSL* ssl = SSL_new(context.context_);
  if (ssl == nullptr) {
    return nullptr;
  }
  std::unique_ptr<TlsSession> session(new TlsSession(ssl));
  if (SSL_set_fd(ssl, fd) != 1 ||
      (!sni.empty() && SSL_set_tlsext_host_name(ssl, sni.c_str()) != 1)) {
    return nullptr;
  }
  SSL_set_connect_state(ssl);
  return session;
}

TlsSession::~TlsSession() {
  SSL_free(ssl_);
}

IoStep TlsSession::Handshake() {
  ERR_clear_error();
  return Judge(SSL_do_handshake(ssl_));
}

IoStep TlsSession::Write(std::span<const std::byte> octets, std::size_t& moved) {
  ERR_clear_error();
  return Judge(SSL_write_ex(ssl_, octets.data(), octets.size(), &moved));
}

IoStep TlsSession::Read(std::span<std::byte> room, std::size_t& moved) {
  ERR_clear_error();
  return Judge(SSL_read_ex(ssl_, room.data(), room.size(), &moved));
}

void TlsSession::Close() noexcept {
  if (problem_.empty() && SSL_is_init_finished(ssl_) == 1) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
  }
}

IoStep TlsSession::Judge(int result) {
  const int system_error = errno;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_NONE:
      return IoStep::kDone;
    case SSL_ERROR_WANT_READ:
      return IoStep::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return IoStep::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return IoStep::kEnd;
    case SSL_ERROR_SYSCALL:
      problem_ = system_error != 0 ? std::strerror(system_error) : "connection closed";
      return IoStep::kFailed;
    default:
      break;
  }
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET &&
      reason < SSL_AD_REASON_OFFSET + 256) {
    problem_ = AlertText(reason - SSL_AD_REASON_OFFSET);
    name_refused_ = reason == SSL_AD_REASON_OFFSET + SSL_AD_UNRECOGNIZED_NAME;
  } else {
    const char* text = ERR_reason_error_string(error);
    problem_ = std::string("SSL error: ") + (text != nullptr ? text : "unknown");
  }
  return IoStep::kFailed;
}

bool TlsSession::CertificateCovers(const std::string& name) const {
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  return certificate != nullptr &&
         X509_check_host(certificate, name.data(), name.size(), 0, nullptr) == 1;
}

}  // namespace holdfast::health

// OpenSSL 3.0 behind TlsContext and TlsSession; tls_files.cc has what is read from files. The error
// queue is per thread, so it is cleared before each call and read right after.
#include "health/probe/tls.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <utility>
#include <vector>

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
  // One read ends with each record that carries no data: an endpoint that floods the connection
  // with session tickets must not hold the loop, which sees its deadlines in between.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  // OpenSSL tells of sessions, but keeps none itself: whoever made the connection does.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &TlsSession::OnNewSession);
  return made;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

namespace {

// With SSL_VERIFY_NONE a client verifies all the same and goes on; the result can be asked.
bool VerifyAgainst(SSL* ssl, X509_STORE* store, const std::string& subject) {
  X509_VERIFY_PARAM* expected = SSL_get0_param(ssl);
  return SSL_set1_verify_cert_store(ssl, store) == 1 &&
         (X509_VERIFY_PARAM_set1_ip_asc(expected, subject.c_str()) == 1 ||
          X509_VERIFY_PARAM_set1_host(expected, subject.data(), subject.size()) == 1);
}

}  // namespace

std::unique_ptr<TlsSession> TlsSession::Open(TlsContext& context,
                                             int fd,
                                             const TlsOptions& options) {
  static constexpr unsigned char kHttp2[] = {2, 'h', '2'};
  SSL* ssl = SSL_new(context.context_);
  if (ssl == nullptr) {
    return nullptr;
  }
  std::unique_ptr<TlsSession> session(new TlsSession(ssl));
  if (SSL_set_fd(ssl, fd) != 1 ||
      (!options.sni.empty() && SSL_set_tlsext_host_name(ssl, options.sni.c_str()) != 1) ||
      (options.http2 && SSL_set_alpn_protos(ssl, kHttp2, sizeof(kHttp2)) != 0) ||
      (options.roots != nullptr && !VerifyAgainst(ssl, options.roots->store_, options.subject))) {
    return nullptr;
  }
  if (const ClientCertificate* client = options.client.get();
      client != nullptr &&
      SSL_use_cert_and_key(ssl, client->certificate_, client->key_, client->others_, 1) != 1) {
    return nullptr;
  }
  if (options.keep_session) {
    SSL_set_app_data(ssl, session.get());
  }
  if (!options.session.empty()) {
    const auto* octets = reinterpret_cast<const unsigned char*>(options.session.data());
    SSL_SESSION* known =
        d2i_SSL_SESSION(nullptr, &octets, static_cast<long>(options.session.size()));
    SSL_set_session(ssl, known);  // where it cannot be used, the handshake is a full one
    SSL_SESSION_free(known);
  }
  SSL_set_connect_state(ssl);
  return session;
}

TlsSession::~TlsSession() {
  SSL_SESSION_free(session_);
  SSL_free(ssl_);
}

// Within a handshake (TLS 1.2) or a read behind it (1.3). @return 1 to keep `session`.
int TlsSession::OnNewSession(SSL* ssl, SSL_SESSION* session) {
  auto* self = static_cast<TlsSession*>(SSL_get_app_data(ssl));
  if (self == nullptr || SSL_SESSION_is_resumable(session) != 1) {
    return 0;
  }
  SSL_SESSION_free(std::exchange(self->session_, session));
  return 1;
}

bool TlsSession::resumed() const {
  return SSL_session_reused(ssl_) == 1;
}

namespace {

using Octets = std::vector<unsigned char>;

// A session without the endpoint's certificate, field [3] of OpenSSL's sequence: nobody looks at it
// again, and to decode it each time would cost more than the rest of a resumption.
std::string WithoutCertificate(const Octets& session) {
  const unsigned char* at = session.data();
  const unsigned char* const end = at + session.size();
  long length = 0;
  int tag = 0;
  int kind = 0;
  constexpr int kError = 0x80;
  if ((ASN1_get_object(&at, &length, &tag, &kind, static_cast<long>(session.size())) & kError) !=
      0) {
    return {};
  }
  Octets fields;
  while (at != end) {
    const unsigned char* const field = at;
    if ((ASN1_get_object(&at, &length, &tag, &kind, end - at) & kError) != 0) {
      return {};
    }
    at += length;
    if (kind != V_ASN1_CONTEXT_SPECIFIC || tag != 3) {
      fields.insert(fields.end(), field, at);
    }
  }
  const int octets = static_cast<int>(fields.size());
  std::string whole(
      static_cast<std::size_t>(ASN1_object_size(1, octets, V_ASN1_SEQUENCE)) - fields.size(), '\0');
  auto* head = reinterpret_cast<unsigned char*>(whole.data());
  ASN1_put_object(&head, 1, octets, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
  return whole.append(fields.begin(), fields.end());
}

}  // namespace

std::string TlsSession::TakeSession() {
  SSL_SESSION* session = std::exchange(session_, nullptr);
  Octets octets(static_cast<std::size_t>(
      session == nullptr ? 0 : std::max(i2d_SSL_SESSION(session, nullptr), 0)));
  auto* to = octets.data();
  if (!octets.empty()) {
    i2d_SSL_SESSION(session, &to);
  }
  SSL_SESSION_free(session);
  std::string kept = octets.empty() ? std::string() : WithoutCertificate(octets);
  return kept.size() <= kMaxSessionOctets ? kept : std::string();
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

std::optional<TlsSession::Validity> TlsSession::CertificateValidity() const {
  const auto until = [](const ASN1_TIME* time) -> std::optional<std::chrono::seconds> {
    int days = 0;
    int seconds = 0;
    if (time == nullptr || ASN1_TIME_diff(&days, &seconds, nullptr, time) != 1) {
      return std::nullopt;
    }
    return std::chrono::days(days) + std::chrono::seconds(seconds);
  };
  const X509* certificate = SSL_get0_peer_certificate(ssl_);
  const auto begin =
      certificate != nullptr ? until(X509_get0_notBefore(certificate)) : std::nullopt;
  const auto end = certificate != nullptr ? until(X509_get0_notAfter(certificate)) : std::nullopt;
  return begin && end ? std::optional(Validity{.since = -*begin, .left = *end}) : std::nullopt;
}

std::string TlsSession::VerifyProblem() const {
  const long result = SSL_get_verify_result(ssl_);
  return result == X509_V_OK ? "" : X509_verify_cert_error_string(result);
}

bool TlsSession::AgreedOnHttp2() const {
  const unsigned char* name = nullptr;
  unsigned octets = 0;
  SSL_get0_alpn_selected(ssl_, &name, &octets);
  return octets == 2 && std::memcmp(name, "h2", 2) == 0;
}

}  // namespace holdfast::health

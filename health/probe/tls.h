// TLS as a health check wants it: whatever the endpoint offers is taken and no certificate ends a
// handshake (spec/health-checks.md section 3), since the question is whether it answers. What the
// certificate is worth can be asked afterwards. OpenSSL on a non-blocking descriptor, behind four
// classes. Health loop, but for CaBundle and ClientCertificate.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "dataplane/base/result.h"

struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;
struct stack_st_X509;
struct x509_st;
struct x509_store_st;

namespace holdfast::health {

/// What one non-blocking step on a connection came to.
enum class IoStep : std::uint8_t { kDone, kWantRead, kWantWrite, kEnd, kFailed };

/// Certificates that others are verified against. Immutable: shared by any number of checks.
class CaBundle {
 public:
  /// Checks that name the same file with the same digest share one copy. Any thread.
  /// @param path    PEM; empty: those that OpenSSL knows as the system's.
  /// @param digest  of the file, so that a changed one is read again.
  /// @return kInvalid with OpenSSL's words when the file holds no certificates, kExhausted.
  static Result<std::shared_ptr<const CaBundle>> Load(const std::string& path,
                                                      const std::string& digest);
  ~CaBundle();
  CaBundle(const CaBundle&) = delete;
  CaBundle& operator=(const CaBundle&) = delete;

 private:
  friend class TlsSession;
  explicit CaBundle(x509_store_st* store) noexcept : store_(store) {}
  x509_store_st* store_;
};

/// What a check shows endpoints that ask who it is. Immutable: shared by any number of checks.
class ClientCertificate {
 public:
  /// Checks that name the same files with the same digest share one copy. Any thread.
  /// @param chain   PEM: the certificate, and behind it what leads to a root that others know.
  /// @param key     PEM, without a passphrase.
  /// @param digest  of both files, so that renewed ones are read again.
  /// @return kInvalid with the file and OpenSSL's words, also where the key is another's.
  static Result<std::shared_ptr<const ClientCertificate>> Load(const std::string& chain,
                                                               const std::string& key,
                                                               const std::string& digest);
  ~ClientCertificate();
  ClientCertificate(const ClientCertificate&) = delete;
  ClientCertificate& operator=(const ClientCertificate&) = delete;

 private:
  friend class TlsSession;
  ClientCertificate() = default;
  Status Read(const std::string& chain, const std::string& key);

  x509_st* certificate_ = nullptr;
  stack_st_X509* others_ = nullptr;
  evp_pkey_st* key_ = nullptr;
};

/// Of a session that is kept: the endpoint's ticket is most of it.
inline constexpr std::size_t kMaxSessionOctets = 4'096;

/// What one handshake asks for.
struct TlsOptions {
  std::string sni;                                  // empty: no name is sent
  bool http2 = false;                               // offers "h2" and nothing else (ALPN)
  std::shared_ptr<const CaBundle> roots;            // null: the certificate is not verified
  std::string subject;                              // with `roots`: a name, or a literal address
  std::shared_ptr<const ClientCertificate> client;  // null: none is shown
  bool keep_session = false;                        // so that TakeSession has something to give
  std::string session;                              // of TakeSession, to be resumed; empty: none
};

/// Settings shared by all sessions of one thread.
class TlsContext {
 public:
  static Result<std::unique_ptr<TlsContext>> Create();
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

 private:
  friend class TlsSession;
  explicit TlsContext(ssl_ctx_st* context) noexcept : context_(context) {}
  ssl_ctx_st* context_;
};

/// The client side of one connection.
class TlsSession {
 public:
  /// @param fd   connected and non-blocking; stays the caller's and must outlive the session.
  /// @return nothing when memory ran out.
  static std::unique_ptr<TlsSession> Open(TlsContext& context, int fd, const TlsOptions& options);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  IoStep Handshake();
  /// @param moved  octets written or read, when kDone.
  IoStep Write(std::span<const std::byte> octets, std::size_t& moved);
  IoStep Read(std::span<std::byte> room, std::size_t& moved);
  /// Says goodbye without waiting for the answer.
  void Close() noexcept;

  /// Whether the handshake went on from TlsOptions::session; then no certificate was shown in it.
  [[nodiscard]] bool resumed() const;
  /// What a later handshake with the same endpoint may resume, in OpenSSL's own form but without
  /// the certificate: at most kMaxSessionOctets; empty when the endpoint gave nothing (yet) or more
  /// than that.
  [[nodiscard]] std::string TakeSession();

  /// Whether the certificate shown in the handshake is for `name`.
  [[nodiscard]] bool CertificateCovers(const std::string& name) const;
  /// When the certificate shown begins and ceases to be valid, from now; nothing when there is none
  /// or its times cannot be read.
  struct Validity {
    std::chrono::seconds since;  // negative: not valid yet
    std::chrono::seconds left;   // negative: expired
  };
  [[nodiscard]] std::optional<Validity> CertificateValidity() const;
  /// Why the chain could not be verified against TlsOptions::roots, in OpenSSL's words; empty: it
  /// was.
  [[nodiscard]] std::string VerifyProblem() const;
  /// Whether the endpoint chose HTTP/2.
  [[nodiscard]] bool AgreedOnHttp2() const;
  /// After kFailed: "SSL alert handshake_failure", or what OpenSSL says.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  /// After kFailed: the endpoint said that it does not know the name.
  [[nodiscard]] bool name_refused() const noexcept { return name_refused_; }

 private:
  friend class TlsContext;
  explicit TlsSession(ssl_st* ssl) noexcept : ssl_(ssl) {}
  static int OnNewSession(ssl_st* ssl, ssl_session_st* session);
  IoStep Judge(int result);

  ssl_st* ssl_;
  ssl_session_st* session_ = nullptr;  // the last that the endpoint gave
  std::string problem_;
  bool name_refused_ = false;
};

}  // namespace holdfast::health

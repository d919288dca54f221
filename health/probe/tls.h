// TLS as a health check wants it: whatever the endpoint offers is taken and no certificate is ever
// refused (spec/health-checks.md section 3), since the question is whether it answers. OpenSSL on a
// non-blocking descriptor, behind two classes. Health loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "dataplane/base/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace holdfast::health {

/// What one non-blocking step on a connection came to.
enum class IoStep : std::uint8_t { kDone, kWantRead, kWantWrite, kEnd, kFailed };

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
  /// @param sni  empty: no name is sent.
  /// @return nothing when memory ran out.
  static std::unique_ptr<TlsSession> Open(TlsContext& context, int fd, const std::string& sni);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  IoStep Handshake();
  /// @param moved  octets written or read, when kDone.
  IoStep Write(std::span<const std::byte> octets, std::size_t& moved);
  IoStep Read(std::span<std::byte> room, std::size_t& moved);
  /// Says goodbye without waiting for the answer.
  void Close() noexcept;

  /// Whether the certificate shown in the handshake is for `name`.
  [[nodiscard]] bool CertificateCovers(const std::string& name) const;
  /// After kFailed: "SSL alert handshake_failure", or what OpenSSL says.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  /// After kFailed: the endpoint said that it does not know the name.
  [[nodiscard]] bool name_refused() const noexcept { return name_refused_; }

 private:
  explicit TlsSession(ssl_st* ssl) noexcept : ssl_(ssl) {}
  IoStep Judge(int result);

  ssl_st* ssl_;
  std::string problem_;
  bool name_refused_ = false;
};

}  // namespace holdfast::health

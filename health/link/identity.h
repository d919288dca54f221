// Who a process is to its peers: certificate and key, and the authority whose certificates it
// takes. TLS 1.3 alone, both sides shown and verified.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/result.h"

namespace boost::asio::ssl {
class context;  // NOLINT(readability-identifier-naming): Asio's own
}
struct ssl_st;

namespace holdfast::health {

/// Files in PEM, absolute paths.
struct IdentityFiles {
  std::string certificate;  // with the chain behind it, if there is one
  std::string key;          // which not everybody may read
  std::string ca;           // one or more: whom to believe
  bool operator==(const IdentityFiles&) const = default;
};

enum class LinkSide { kControl, kChecker };

/// @return kIo or kInvalid with the file and what was expected.
Result<std::shared_ptr<boost::asio::ssl::context>> ReadIdentity(const IdentityFiles& files,
                                                                LinkSide side);

/// The names that a certificate file is for, as below. kInvalid.
Result<std::vector<std::string>> NamesOfCertificate(const std::string& path);
/// The names in the peer's certificate after a handshake: DNS names of subjectAltName, else the CN.
std::vector<std::string> NamesOfPeer(const ssl_st* session);

/// From now on the peer's certificate must be for `name`, a DNS name or a literal address.
/// @return false when OpenSSL refuses the name.
bool ExpectPeer(ssl_st* session, const std::string& name);

}  // namespace holdfast::health

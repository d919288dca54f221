// OpenSSL behind plain words; see identity.h.
#include "health/link/identity.h"

#include <arpa/inet.h>
#include <array>
#include <boost/asio/ssl/context.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

namespace holdfast::health {

namespace ssl = boost::asio::ssl;

namespace {

struct Free {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::string Problem() {
  const char* text = ERR_reason_error_string(ERR_peek_error());
  return text != nullptr ? text : "unknown";
}

Status IsFile(const std::string& path) {
  struct stat st{};
  if (stat(path.c_str(), &st) != 0) {
    std::array<char, 128> words{};
    return Fail(ErrorCode::kIo, path + ": " + strerror_r(errno, words.data(), words.size()));
  }
  if (!S_ISREG(st.st_mode)) {
    return Fail(ErrorCode::kInvalid, path + " is no regular file");
  }
  return {};
}

std::string TextOf(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::vector<std::string> NamesIn(const X509* certificate) {
  std::vector<std::string> names;
  const std::unique_ptr<GENERAL_NAMES, Free> alternatives(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; alternatives != nullptr && i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type == GEN_DNS) {
      names.push_back(TextOf(name->d.dNSName));
    }
  }
  X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (names.empty() && at >= 0) {
    names.push_back(TextOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  }
  return names;
}

}  // namespace

Result<std::shared_ptr<ssl::context>> ReadIdentity(const IdentityFiles& files, LinkSide side) {
  for (const std::string* path : {&files.certificate, &files.key, &files.ca}) {
    HF_TRY(IsFile(*path));
  }
  struct stat st{};
  if (stat(files.key.c_str(), &st) == 0 && (st.st_mode & S_IROTH) != 0) {
    return Fail(ErrorCode::kInvalid,
                files.key +
                    ": everybody may read this key; expected a file for its owner alone "
                    "(chmod 600)");
  }
  ERR_clear_error();
  std::shared_ptr<ssl::context> made;
  try {
    made = std::make_shared<ssl::context>(side == LinkSide::kControl ? ssl::context::tls_server
                                                                     : ssl::context::tls_client);
  } catch (const std::exception& thrown) {
    return Fail(ErrorCode::kExhausted, std::string("cannot make a TLS context: ") + thrown.what());
  }
  SSL_CTX* context = made->native_handle();
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    return Fail(
        ErrorCode::kInvalid,
        files.certificate + " cannot be read: " + Problem() + "; expected a certificate in PEM");
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Fail(ErrorCode::kInvalid,
                files.key + " cannot be used: " + Problem() + "; expected the key of " +
                    files.certificate + " in PEM");
  }
  if (SSL_CTX_load_verify_file(context, files.ca.c_str()) != 1) {
    return Fail(ErrorCode::kInvalid,
                files.ca + " cannot be read: " + Problem() +
                    "; expected certificates of an authority in PEM");
  }
  if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) {
    return Fail(ErrorCode::kUnavailable, "OpenSSL has no TLS 1.3");
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // Each connection shows its certificate anew: one that has expired does not come back.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  return made;
}

Result<std::vector<std::string>> NamesOfCertificate(const std::string& path) {
  HF_TRY(IsFile(path));
  const std::unique_ptr<std::FILE, Free> file(std::fopen(path.c_str(), "re"));
  ERR_clear_error();
  const std::unique_ptr<X509, Free> certificate(
      file == nullptr ? nullptr : PEM_read_X509(file.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) {
    return Fail(ErrorCode::kInvalid, path + " cannot be read; expected a certificate in PEM");
  }
  return NamesIn(certificate.get());
}

std::vector<std::string> NamesOfPeer(const ssl_st* session) {
  const std::unique_ptr<X509, Free> certificate(SSL_get1_peer_certificate(session));
  return certificate == nullptr ? std::vector<std::string>() : NamesIn(certificate.get());
}

bool ExpectPeer(ssl_st* session, const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> octets{};
  X509_VERIFY_PARAM* expected = SSL_get0_param(session);
  if (inet_pton(AF_INET, name.c_str(), octets.data()) == 1 ||
      inet_pton(AF_INET6, name.c_str(), octets.data()) == 1) {
    return X509_VERIFY_PARAM_set1_ip_asc(expected, name.c_str()) == 1;
  }
  X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(session, name.c_str()) == 1 &&
         SSL_set_tlsext_host_name(session, name.c_str()) == 1;
}

}  // namespace holdfast::health

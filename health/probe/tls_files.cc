// What TLS checks read from files: roots to verify against, and what they show of themselves. Each
// is read once for all checks that name the same content.
#include <map>
#include <memory>
#include <mutex>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string>
#include <tuple>
#include <utility>

#include "health/probe/tls.h"

namespace holdfast::health {

namespace {

// What is in use, by what it was read from.
template <typename Content, typename Key>
struct Shelf {
  std::mutex mutex;
  std::map<Key, std::weak_ptr<const Content>> known;

  std::weak_ptr<const Content>& At(const Key& key) {
    std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
    return known[key];
  }
};

std::unexpected<Error> Unreadable(const std::string& what,
                                  const std::string& path,
                                  const std::string& expected) {
  const char* text = ERR_reason_error_string(ERR_peek_error());
  return Fail(ErrorCode::kInvalid,
              what + " '" + path + "' cannot be read: " + (text != nullptr ? text : "unknown") +
                  "; expected " + expected);
}

// Without this OpenSSL would ask a terminal.
int NoPassphrase(char* /*room*/, int /*size*/, int /*writes*/, void* /*context*/) {
  return -1;
}

using File = std::unique_ptr<BIO, decltype(&BIO_free)>;

File Open(const std::string& path) {
  return {BIO_new_file(path.c_str(), "r"), &BIO_free};
}

}  // namespace

Result<std::shared_ptr<const CaBundle>> CaBundle::Load(const std::string& path,
                                                       const std::string& digest) {
  static Shelf<CaBundle, std::pair<std::string, std::string>> shelf;
  const std::lock_guard lock(shelf.mutex);
  auto& shared = shelf.At({path, digest});
  if (auto bundle = shared.lock()) {
    return bundle;
  }
  X509_STORE* store = X509_STORE_new();
  if (store == nullptr) {
    return Fail(ErrorCode::kExhausted, "health: no memory for CA certificates");
  }
  std::shared_ptr<const CaBundle> bundle(new CaBundle(store));
  ERR_clear_error();
  if (path.empty() ? X509_STORE_set_default_paths(store) != 1
                   : X509_STORE_load_file(store, path.c_str()) != 1) {
    return Unreadable("CA bundle", path, "certificates in PEM");
  }
  shared = bundle;
  return bundle;
}

CaBundle::~CaBundle() {
  X509_STORE_free(store_);
}

Result<std::shared_ptr<const ClientCertificate>> ClientCertificate::Load(
    const std::string& chain, const std::string& key, const std::string& digest) {
  static Shelf<ClientCertificate, std::tuple<std::string, std::string, std::string>> shelf;
  const std::lock_guard lock(shelf.mutex);
  auto& shared = shelf.At({chain, key, digest});
  if (auto client = shared.lock()) {
    return client;
  }
  std::shared_ptr<ClientCertificate> client(new ClientCertificate());
  HF_TRY(client->Read(chain, key));
  shared = client;
  return client;
}

Status ClientCertificate::Read(const std::string& chain, const std::string& key) {
  ERR_clear_error();
  constexpr const char* kChain = "a certificate in PEM, and behind it its chain";
  const File certificates = Open(chain);
  if (certificates == nullptr) {
    return Unreadable("client certificate", chain, kChain);
  }
  certificate_ = PEM_read_bio_X509(certificates.get(), nullptr, &NoPassphrase, nullptr);
  others_ = sk_X509_new_null();
  if (certificate_ == nullptr || others_ == nullptr) {
    return Unreadable("client certificate", chain, kChain);
  }
  while (X509* other = PEM_read_bio_X509(certificates.get(), nullptr, &NoPassphrase, nullptr)) {
    if (sk_X509_push(others_, other) == 0) {
      X509_free(other);
      return Fail(ErrorCode::kExhausted, "health: no memory for a client certificate");
    }
  }
  ERR_clear_error();
  const File keys = Open(key);
  key_ = keys == nullptr ? nullptr
                         : PEM_read_bio_PrivateKey(keys.get(), nullptr, &NoPassphrase, nullptr);
  if (key_ == nullptr) {
    return Unreadable("client key", key, "a private key in PEM without a passphrase");
  }
  if (X509_check_private_key(certificate_, key_) != 1) {
    return Fail(
        ErrorCode::kInvalid,
        "client key '" + key + "' is not that of '" + chain + "'; expected its private key");
  }
  return {};
}

ClientCertificate::~ClientCertificate() {
  X509_free(certificate_);
  sk_X509_pop_free(others_, &X509_free);
  EVP_PKEY_free(key_);
}

}  // namespace holdfast::health

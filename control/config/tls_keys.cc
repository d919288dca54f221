#include "control/config/tls_keys.h"

#include <sys/stat.h>

#include "control/config/text_file.h"
#include "health/probe/tls.h"

namespace holdfast::control {
namespace {

// Appends the digest of the file at `path`.
std::string AddDigest(const char* key, const std::string& path, std::string& to) {
  const auto digest = DigestOfFile(path);
  if (!digest) {
    return std::string("key '") + key + "': " + digest.error().message;
  }
  to.append(digest->begin(), digest->end());
  return {};
}

std::string LookAtClient(health::TlsSettings& tls) {
  struct stat file{};
  if (stat(tls.client_key.c_str(), &file) == 0 && (file.st_mode & S_IROTH) != 0) {
    return "key 'client_key' is \"" + tls.client_key +
           "\", which everybody may read; expected a file for its owner alone (chmod 600)";
  }
  tls.client_digest.clear();
  for (const auto& [key, path] :
       {std::pair("client_cert", &tls.client_cert), std::pair("client_key", &tls.client_key)}) {
    if (std::string wrong = AddDigest(key, *path, tls.client_digest); !wrong.empty()) {
      return wrong;
    }
  }
  const auto client =
      health::ClientCertificate::Load(tls.client_cert, tls.client_key, tls.client_digest);
  return client ? std::string() : client.error().message;
}

}  // namespace

std::optional<health::TlsSettings> ReadTlsKeys(Fields& fields, const std::string& path) {
  bool given = false;
  for (const char* key : {"verify", "ca_bundle", "client_cert", "client_key", "min_days_valid"}) {
    given = fields.Has(key) || given;
  }
  if (!given) {
    return std::nullopt;
  }
  health::TlsSettings tls;
  if (const auto days = fields.Integer("min_days_valid", {0, 3650})) {
    tls.min_days_valid = static_cast<std::uint32_t>(*days);
  }
  tls.verify = fields.Bool("verify").value_or(false);
  const auto file = [&](std::string_view key) {
    const auto text = fields.Text(key, {1, 4096});
    return text ? PathFrom(path, *text) : std::string();
  };
  tls.ca_bundle = file("ca_bundle");
  if (!tls.ca_bundle.empty() && !tls.verify) {
    fields.Refuse("ca_bundle", "is given; expected none unless verify = true");
  }
  tls.client_cert = file("client_cert");
  tls.client_key = file("client_key");
  if (fields.Has("client_cert") != fields.Has("client_key")) {
    const bool lacks_key = fields.Has("client_cert");
    fields.Refuse(lacks_key ? "client_cert" : "client_key",
                  std::string("is given alone; expected ") +
                      (lacks_key ? "'client_key'" : "'client_cert'") + " beside it");
  }
  return tls;
}

std::string LookAtTlsFiles(health::TlsSettings& tls) {
  if (!tls.ca_bundle.empty()) {
    tls.ca_digest.clear();
    if (std::string wrong = AddDigest("ca_bundle", tls.ca_bundle, tls.ca_digest); !wrong.empty()) {
      return wrong;
    }
  }
  return tls.client_cert.empty() ? std::string() : LookAtClient(tls);
}

}  // namespace holdfast::control

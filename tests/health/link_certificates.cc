#include "tests/health/link_certificates.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

namespace holdfast::health::testing {

namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;

std::unique_ptr<std::FILE, Free> Open(const std::string& path, const char* mode) {
  std::unique_ptr<std::FILE, Free> file(std::fopen(path.c_str(), mode));
  EXPECT_NE(file, nullptr) << path;
  return file;
}

void Write(const std::string& path, const Key& key, const Certificate& certificate) {
  PEM_write_PrivateKey(
      Open(path + ".key", "w").get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  PEM_write_X509(Open(path + ".pem", "w").get(), certificate.get());
  chmod((path + ".key").c_str(), 0600);
}

Certificate Begin(const Key& key, const std::string& name, long days, long number) {
  Certificate made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), number);
  constexpr long kDay = 86'400;
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -400 * kDay);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), days * kDay);
  X509_set_pubkey(made.get(), key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()),
                             "CN",
                             MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()),
                             -1,
                             -1,
                             0);
  return made;
}

void Extend(const Certificate& certificate, int kind, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  ASSERT_NE(extension, nullptr) << value;
  X509_add_ext(certificate.get(), extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

Certificates::Certificates() {
  std::string name = (std::filesystem::temp_directory_path() / "holdfast-link-XXXXXX").string();
  folder_ = mkdtemp(name.data());
}

Certificates::~Certificates() {
  std::filesystem::remove_all(folder_);
}

std::string Certificates::MakeAuthority(const std::string& name) {
  const std::string path = (folder_ / name).string();
  if (!std::filesystem::exists(path + ".pem")) {
    const Key key(EVP_EC_gen("P-256"));
    const Certificate made = Begin(key, "authority " + name, 365, 1);
    X509_set_issuer_name(made.get(), X509_get_subject_name(made.get()));
    Extend(made, NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(made.get(), key.get(), EVP_sha256());
    Write(path, key, made);
  }
  return path;
}

IdentityFiles Certificates::Issue(const Issued& wanted) {
  const std::string authority = MakeAuthority(wanted.authority);
  const Certificate issuer(
      PEM_read_X509(Open(authority + ".pem", "r").get(), nullptr, nullptr, nullptr));
  const Key signs(
      PEM_read_PrivateKey(Open(authority + ".key", "r").get(), nullptr, nullptr, nullptr));
  const Key key(EVP_EC_gen("P-256"));
  const Certificate made = Begin(key, wanted.name, wanted.days, 2 + made_);
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer.get()));
  std::string names = wanted.cn_only ? "" : "DNS:" + wanted.name;
  if (!wanted.address.empty()) {
    names += (names.empty() ? "IP:" : ",IP:") + wanted.address;
  }
  if (!names.empty()) {
    Extend(made, NID_subject_alt_name, names);
  }
  X509_sign(made.get(), signs.get(), EVP_sha256());
  const std::string path = (folder_ / ("issued" + std::to_string(made_++))).string();
  Write(path, key, made);
  return {.certificate = path + ".pem", .key = path + ".key", .ca = MakeAuthority("ca") + ".pem"};
}

}  // namespace holdfast::health::testing

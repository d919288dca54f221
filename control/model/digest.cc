#include "control/model/digest.h"

#include <openssl/evp.h>

#include "dataplane/base/check.h"

namespace holdfast::control {
namespace {

struct MdFree {
  void operator()(EVP_MD* md) const noexcept { EVP_MD_free(md); }
};

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  HF_CHECK(context_ != nullptr);
  Begin();
}

void Sha256::Begin() {
  // The algorithm is looked up once: that costs more than hashing a rule.
  static const std::unique_ptr<EVP_MD, MdFree> kSha256(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  HF_CHECK(kSha256 != nullptr && EVP_DigestInit_ex(context_.get(), kSha256.get(), nullptr) == 1);
}

void Sha256::Add(std::string_view octets) {
  HF_CHECK(EVP_DigestUpdate(context_.get(), octets.data(), octets.size()) == 1);
}

Digest Sha256::Finish() {
  Digest digest{};
  HF_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
  Begin();
  return digest;
}

}  // namespace holdfast::control

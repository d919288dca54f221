#include "control/compile/share.h"

#include <cmath>
#include <openssl/bn.h>
#include <openssl/crypto.h>

#include "dataplane/base/check.h"

namespace holdfast::control {
namespace {

struct CtxFree {
  void operator()(BN_CTX* ctx) const noexcept { BN_CTX_free(ctx); }
};

BN_CTX* Context() {
  thread_local const std::unique_ptr<BN_CTX, CtxFree> kContext(BN_CTX_new());
  HF_CHECK(kContext != nullptr);
  return kContext.get();
}

std::string Decimal(const BIGNUM* number) {
  char* text = BN_bn2dec(number);
  HF_CHECK(text != nullptr);
  std::string out(text);
  OPENSSL_free(text);
  return out;
}

}  // namespace

void Share::Free::operator()(bignum_st* number) const noexcept {
  BN_free(number);
}

Share::Number Share::Make(std::uint64_t value) {
  Number number(BN_new());
  HF_CHECK(number != nullptr && BN_set_word(number.get(), value) == 1);
  return number;
}

Share::Share(std::uint64_t numerator, std::uint64_t denominator)
    : numerator_(Make(numerator)), denominator_(Make(denominator)) {
  HF_CHECK(denominator != 0);
  Reduce();
}

Share::Share(const Share& other)
    : numerator_(BN_dup(other.numerator_.get())), denominator_(BN_dup(other.denominator_.get())) {
  HF_CHECK(numerator_ != nullptr && denominator_ != nullptr);
}

Share& Share::operator=(const Share& other) {
  if (this != &other) {
    *this = Share(other);
  }
  return *this;
}

void Share::Reduce() {
  const Number common = Make(0);
  HF_CHECK(BN_gcd(common.get(), numerator_.get(), denominator_.get(), Context()) == 1 &&
           BN_div(numerator_.get(), nullptr, numerator_.get(), common.get(), Context()) == 1 &&
           BN_div(denominator_.get(), nullptr, denominator_.get(), common.get(), Context()) == 1);
}

Share& Share::operator*=(const Share& other) {
  BIGNUM* top = numerator_.get();
  BIGNUM* bottom = denominator_.get();
  HF_CHECK(BN_mul(top, top, other.numerator_.get(), Context()) == 1 &&
           BN_mul(bottom, bottom, other.denominator_.get(), Context()) == 1);
  Reduce();
  return *this;
}

Share& Share::operator+=(const Share& other) {
  const Number crossed = Make(0);
  BIGNUM* top = numerator_.get();
  BIGNUM* bottom = denominator_.get();
  HF_CHECK(BN_mul(crossed.get(), other.numerator_.get(), bottom, Context()) == 1 &&
           BN_mul(top, top, other.denominator_.get(), Context()) == 1 &&
           BN_add(top, top, crossed.get()) == 1 &&
           BN_mul(bottom, bottom, other.denominator_.get(), Context()) == 1);
  Reduce();
  return *this;
}

bool Share::operator==(const Share& other) const {
  return BN_cmp(numerator_.get(), other.numerator_.get()) == 0 &&
         BN_cmp(denominator_.get(), other.denominator_.get()) == 0;
}

std::string Share::Text() const {
  const std::string top = Decimal(numerator_.get());
  return BN_is_one(denominator_.get()) == 1 ? top : top + "/" + Decimal(denominator_.get());
}

double Share::Value() const {
  // 64 bits of the quotient, scaled: enough for a double whatever the sizes are.
  const Number scaled = Make(0);
  HF_CHECK(BN_lshift(scaled.get(), numerator_.get(), 64) == 1 &&
           BN_div(scaled.get(), nullptr, scaled.get(), denominator_.get(), Context()) == 1);
  return std::ldexp(std::stod(Decimal(scaled.get())), -64);
}

}  // namespace holdfast::control

// SHA-256 by OpenSSL: tells texts apart that zones were read from, and rules that pools are shared
// by. Control core and its workers; an object belongs to one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

struct evp_md_ctx_st;

namespace holdfast::control {

/// A SHA-256.
using Digest = std::array<std::uint8_t, 32>;

class Sha256 {
 public:
  Sha256();
  void Add(std::string_view octets);
  /// Of all that was added since the last Finish, or since it was made.
  Digest Finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  void Begin();
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace holdfast::control

// See cookie.h.
#include "dataplane/answer/cookie.h"

#include <algorithm>
#include <cstring>

#include "dataplane/answer/copy.h"
#include "dataplane/answer/siphash.h"
#include "dataplane/base/bytes.h"

namespace holdfast::answer {
namespace {

constexpr std::byte kVersion{1};
constexpr std::size_t kTimeAt = kClientCookieOctets + 4;
constexpr std::size_t kHashAt = kClientCookieOctets + 8;

// Of everything before the hash as it stands, reserved octets too, and the client's address.
std::uint64_t HashOf(const std::uint8_t* secret,
                     std::span<const std::byte> before,
                     std::span<const std::byte> client) noexcept {
  std::array<std::byte, kHashAt + 16> text;
  std::memcpy(text.data(), before.data(), kHashAt);
  if (client.size() == 4) {  // a length that is known when it is hashed
    std::memcpy(text.data() + kHashAt, client.data(), 4);
    return SipHash24(secret, std::span(text).first<kHashAt + 4>());
  }
  std::memcpy(text.data() + kHashAt, client.data(), 16);
  return SipHash24(secret, text);
}

void Make(const table::Settings& settings,
          std::span<const std::byte> client,
          std::uint32_t now,
          Cookie& cookie) noexcept {
  cookie[kClientCookieOctets] = kVersion;
  std::fill_n(cookie.begin() + kClientCookieOctets + 1, 3, std::byte{0});
  StoreBe32(&cookie[kTimeAt], now);
  StoreAs(&cookie[kHashAt], HashOf(settings.cookie_secret[0], cookie, client));
}

}  // namespace

bool CheckCookie(const table::Settings& settings,
                 std::span<const std::byte> sent,
                 std::span<const std::byte> client,
                 std::uint32_t now,
                 Cookie& reply) noexcept {
  // Read once, bounded here: what was judged is what is used, also while the image changes.
  const unsigned secrets = std::min<unsigned>(settings.cookie_secrets, table::kMaxCookieSecrets);
  const std::size_t taken = std::min(sent.size(), reply.size());
  CopyOctets(reply.data(), sent.data(), taken);
  if (sent.size() == reply.size() && sent[kClientCookieOctets] == kVersion) {
    // Seconds modulo 2^32, compared as RFC 1982 says.
    const auto age = static_cast<std::int32_t>(now - LoadBe32(&sent[kTimeAt]));
    const auto hash = LoadAs<std::uint64_t>(&sent[kHashAt]);
    for (unsigned i = 0; i < secrets && age >= -kCookieFuture && age <= kCookiePast; ++i) {
      if (HashOf(settings.cookie_secret[i], sent, client) == hash) {
        if (i != 0 || age > kCookieRenewed) {
          Make(settings, client, now, reply);
        }
        return true;
      }
    }
  }
  Make(settings, client, now, reply);
  return false;
}

}  // namespace holdfast::answer

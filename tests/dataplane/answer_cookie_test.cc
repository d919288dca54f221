// Server cookies (rows I08-I10 of the conformance list): the examples of RFC 9018 Appendix A and
// the edges of their life.
#include <array>
#include <cstring>
#include <gtest/gtest.h>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/answer/cookie.h"
#include "dataplane/answer/siphash.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/check.h"

namespace holdfast::answer {
namespace {

std::vector<std::byte> Octets(std::string_view hex) {
  std::vector<std::byte> octets;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    octets.push_back(
        static_cast<std::byte>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return octets;
}

std::string Hex(std::span<const std::byte> octets) {
  std::string hex;
  for (const std::byte octet : octets) {
    constexpr const char* kDigits = "0123456789abcdef";
    hex += kDigits[std::to_integer<unsigned>(octet) >> 4U];
    hex += kDigits[std::to_integer<unsigned>(octet) & 15U];
  }
  return hex;
}

table::Settings WithSecrets(const std::vector<std::string>& secrets) {
  table::Settings settings{};
  settings.cookies = table::CookieMode::kOn;
  for (const std::string& secret : secrets) {
    const auto octets = Octets(secret);
    HF_CHECK(octets.size() == table::kCookieSecretOctets);
    std::memcpy(settings.cookie_secret[settings.cookie_secrets++], octets.data(), octets.size());
  }
  return settings;
}

struct Judged {
  bool valid = false;
  std::string reply;
};

Judged Judge(const table::Settings& settings,
             std::string_view sent,
             std::string_view client,
             std::uint32_t now) {
  Cookie reply{};
  const bool valid = CheckCookie(settings, Octets(sent), Octets(client), now, reply);
  return {valid, Hex(reply)};
}

// The addresses and secrets of Appendix A.
constexpr const char* kFirstClient = "c6336464";   // 198.51.100.100
constexpr const char* kSecondClient = "cb0071cb";  // 203.0.113.203
constexpr const char* kIpv6Client = "20010db80220000159ded0f4876982b8";
constexpr const char* kSecret = "e5e973e5a6b2a43f48e7dc849e37bfcf";
constexpr const char* kFirstCookie = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
constexpr std::uint32_t kFirstTime = 1'559'731'985;

TEST(SipHash, GivesTheValueOfItsPaper) {
  std::array<std::byte, 16> octets{};  // the key, and all but the last of it the text
  for (std::size_t i = 0; i < octets.size(); ++i) {
    octets[i] = static_cast<std::byte>(i);
  }
  EXPECT_EQ(SipHash24(octets.data(), std::span(octets).first(15)), 0xa129ca6149be45e5U);
}

TEST(Cookie, conf_I08_IsThatOfTheRfcsExamples) {
  const auto settings = WithSecrets({kSecret});
  // A.1: a client that has none yet.
  const auto first = Judge(settings, "2464c4abcf10c957", kFirstClient, kFirstTime);
  EXPECT_FALSE(first.valid);
  EXPECT_EQ(first.reply, kFirstCookie);
  // A.2: forty minutes later it is renewed.
  const auto renewed = Judge(settings, kFirstCookie, kFirstClient, 1'559'734'385);
  EXPECT_TRUE(renewed.valid);
  EXPECT_EQ(renewed.reply, "2464c4abcf10c957010000005cf7a871d4a564a1442aca77");
  // A.3: reserved octets that are not zero are hashed as they came.
  const auto other = Judge(
      settings, "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", kSecondClient, 1'559'728'000);
  EXPECT_TRUE(other.valid);
  EXPECT_EQ(other.reply, "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5");
  const auto late = Judge(
      settings, "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", kSecondClient, 1'559'734'700);
  EXPECT_EQ(late.reply, "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e");
}

TEST(Cookie, conf_I08_I10_OfAnIpv6ClientIsRenewedWhenTheSecretWasRolledOver) {
  const auto settings =
      WithSecrets({"445536bcd2513298075a5d379663c962", "dd3bdf9344b678b185a6f5cb60fca715"});
  const auto judged = Judge(
      settings, "22681ab97d52c298010000005cf7c57926556bd0934c72f8", kIpv6Client, 1'559'741'961);
  EXPECT_TRUE(judged.valid) << "of the secret before";
  EXPECT_EQ(judged.reply, "22681ab97d52c298010000005cf7c609a6bb79d16625507a");
}

TEST(Cookie, conf_I09_LivesAnHourAndIsRenewedAfterHalfOfOne) {
  const auto settings = WithSecrets({kSecret});
  const auto at = [&](std::int64_t seconds) {
    return Judge(
        settings, kFirstCookie, kFirstClient, static_cast<std::uint32_t>(kFirstTime + seconds));
  };
  for (const int age : {-300, 0, 1, 1800}) {
    EXPECT_TRUE(at(age).valid) << age;
    EXPECT_EQ(at(age).reply, kFirstCookie) << age;
  }
  for (const int age : {1801, 3600}) {
    EXPECT_TRUE(at(age).valid) << age;
    EXPECT_NE(at(age).reply, kFirstCookie) << age;
  }
  for (const int age : {-301, 3601, 1'000'000}) {
    EXPECT_FALSE(at(age).valid) << age;
    EXPECT_NE(at(age).reply, kFirstCookie) << age;
  }
}

TEST(Cookie, IsGoodWhereTheCountOfSecondsBeginsAnew) {
  const auto settings = WithSecrets({kSecret});
  const auto made = Judge(settings, "2464c4abcf10c957", kFirstClient, 0xFFFFFFF0U);
  EXPECT_TRUE(Judge(settings, made.reply, kFirstClient, 0x10).valid);
  EXPECT_FALSE(Judge(settings, made.reply, kFirstClient, 4000).valid);
}

TEST(Cookie, IsForNobodyElse) {
  const auto settings = WithSecrets({kSecret});
  EXPECT_TRUE(Judge(settings, kFirstCookie, kFirstClient, kFirstTime).valid);
  EXPECT_FALSE(Judge(settings, kFirstCookie, kSecondClient, kFirstTime).valid);
  EXPECT_FALSE(
      Judge(settings, kFirstCookie, std::string(kFirstClient) + std::string(24, '0'), kFirstTime)
          .valid)
      << "IPv6 with the same first octets";
  EXPECT_FALSE(
      Judge(WithSecrets({std::string(32, '0')}), kFirstCookie, kFirstClient, kFirstTime).valid)
      << "another secret";
  for (std::size_t octet = 0; octet < sizeof(answer::Cookie); ++octet) {
    auto sent = Octets(kFirstCookie);
    sent[octet] ^= std::byte{1};
    EXPECT_FALSE(Judge(settings, Hex(sent), kFirstClient, kFirstTime).valid) << octet;
  }
}

TEST(Cookie, OfAnotherMakeIsAsGoodAsNone) {
  const auto settings = WithSecrets({kSecret});
  for (const std::size_t server : {8U, 15U, 17U, 32U}) {
    const auto judged = Judge(
        settings, "2464c4abcf10c957" + std::string(server * 2, '1'), kFirstClient, kFirstTime);
    EXPECT_FALSE(judged.valid) << server;
    EXPECT_EQ(judged.reply, kFirstCookie) << server;
  }
}

}  // namespace
}  // namespace holdfast::answer

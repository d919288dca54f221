// [dns] of the node's file: what a good one means and how each bad one is refused; that no message
// shows a secret.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include "control/config/node.h"
#include "tests/control/node_folder.h"

namespace holdfast::control {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kDigits = "000102030405060708090a0b0c0D0E0F";

Result<NodeConfig> Parsed(const std::string& dns) {
  return ParseNode("[[listen]]\naddress = \"192.0.2.53\"\n[dns]\n" + dns, "n.toml");
}

TEST(DnsTable, GivesCookiesAndReasonsAndHidesTheRestWhenItIsLeftOut) {
  const auto node = ParseNode("[[listen]]\naddress = \"192.0.2.53\"\n", "n.toml");
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->dns.cookies, table::CookieMode::kOn);
  EXPECT_TRUE(node->dns.cookie_secrets.empty());
  EXPECT_TRUE(node->dns.extended_errors);
  EXPECT_EQ(node->dns.nsid + node->dns.version + node->dns.identity, "");
}

TEST(DnsTable, ReadsEveryKey) {
  const auto node = Parsed(std::string("cookies = \"require\"\ncookie_secrets = [\"") + kDigits +
                           "\", \"" + std::string(32, 'f') +
                           "\"]\nnsid = \"hex:00fF\"\nversion = \"1.2\"\nidentity = \"ns1\"\n"
                           "extended_errors = false\n");
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->dns.cookies, table::CookieMode::kRequire);
  std::string first;
  for (char octet = 0; octet < 16; ++octet) {
    first += octet;
  }
  EXPECT_THAT(node->dns.cookie_secrets, ElementsAre(first, std::string(16, '\xff')));
  EXPECT_EQ(node->dns.nsid, std::string("\0\xff", 2));
  EXPECT_EQ(node->dns.version, "1.2");
  EXPECT_EQ(node->dns.identity, "ns1");
  EXPECT_FALSE(node->dns.extended_errors);
  EXPECT_EQ(node->dns.udp_octets, 1232);
  const auto sizes = Parsed("udp_octets = 4096\nudp_octets_without_cookie = 4000\n");
  ASSERT_TRUE(sizes) << sizes.error().message;
  EXPECT_EQ(sizes->dns.udp_octets, 4096);
  EXPECT_EQ(sizes->dns.udp_octets_without_cookie, 4000);
  EXPECT_EQ(Parsed("nsid = \"n\xc3\xa9\"")->dns.nsid, "n\xc3\xa9");
  EXPECT_EQ(Parsed("cookies = \"off\"")->dns.cookies, table::CookieMode::kOff);
}

TEST(DnsTable, RefusesEachBadValue) {
  const std::string secret(31, 'e');
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"udp_octets = 511", "key 'udp_octets' is 511; expected 512..4096"},
      {"udp_octets = 4097", "key 'udp_octets' is 4097; expected 512..4096"},
      {"udp_octets_without_cookie = 1233",
       "key 'udp_octets_without_cookie' is 1233; expected 512..1232"},
      {"cookies = \"maybe\"",
       "key 'cookies' is \"maybe\"; expected \"off\", \"on\" or \"require\""},
      {"cookies = true", "key 'cookies' is true"},
      {"cookie_secrets = []",
       "key 'cookie_secrets' has 0 secrets; expected 1, or 2 while one takes the other's place"},
      {"cookie_secrets = [\"" + secret + "\"]",
       "key 'cookie_secrets' has a secret of 31 characters, not all of them digits; expected 32 "
       "hexadecimal digits"},
      {"cookie_secrets = [\"" + secret + "e1\"]",
       "key 'cookie_secrets' has a secret of 33 characters"},
      {"cookie_secrets = [\"" + secret.substr(1) + "\"]",
       "key 'cookie_secrets' has a secret of 30 digits; expected 32 hexadecimal digits"},
      {"cookie_secrets = [\"" + secret + "g\"]",
       "key 'cookie_secrets' has a secret of 32 characters, not all of them digits"},
      {"cookie_secrets = [\"" + secret + "e\", \"" + secret + "e\"]",
       "key 'cookie_secrets' has one secret twice"},
      {"cookie_secrets = [\"" + secret + "1\", \"" + secret + "2\", \"" + secret + "3\"]",
       "key 'cookie_secrets' has 3 secrets"},
      {"cookie_secrets = [12345678]", "key 'cookie_secrets' has an item that is no string"},
      {"cookie_secrets = \"" + secret + "e\"",
       "key 'cookie_secrets' is no array; expected one of 32 hexadecimal digits"},
      {"nsid = \"\"", "key 'nsid' is \"\"; expected a text of 1..128 octets"},
      {"nsid = \"hex:0\"", "key 'nsid' is \"hex:0\"; expected a text of 1..128 octets"},
      {"nsid = \"hex:\"", "key 'nsid' is \"hex:\""},
      {"nsid = \"hex:zz\"", "key 'nsid' is \"hex:zz\""},
      {"nsid = \"" + std::string(129, 'n') + "\"", "key 'nsid' is"},
      {"version = \"\"", "key 'version' has 0 characters; expected 1..255"},
      {"identity = \"" + std::string(256, 'i') + "\"",
       "key 'identity' has 256 characters; expected 1..255"},
      {"extended_errors = 1", "key 'extended_errors' is 1; expected true or false"},
      {"cookie = \"on\"", "key 'cookie'"}};
  for (const auto& [dns, expected] : cases) {
    const auto node = Parsed(dns);
    ASSERT_FALSE(node) << dns;
    EXPECT_THAT(node.error().message, HasSubstr("n.toml:4:")) << dns;
    EXPECT_THAT(node.error().message, HasSubstr(expected)) << dns;
    EXPECT_THAT(node.error().message, Not(HasSubstr(secret.substr(0, 20)))) << dns;
    EXPECT_THAT(node.error().message, Not(HasSubstr("12345678"))) << dns;
  }
  std::string long_text;
  for (int i = 0; i < 200; ++i) {
    long_text += "\xc3\xa9";
  }
  EXPECT_THAT(Parsed("version = \"" + long_text + "\"").error().message,
              HasSubstr("key 'version' has 400 octets; expected 1..255"));
}

TEST_F(NodeFolder, WarnsOfCookieSecretsInAFileThatEverybodyMayRead) {
  const std::string toml = std::string("[dns]\ncookie_secrets = [\"") + kDigits + "\"]\n";
  Write("n.toml", "");
  const std::string file = (folder_ / "n.toml").string();
  const auto warning =
      HasSubstr("[dns] has its cookie_secrets in it; expected mode 0640 or tighter");
  ASSERT_EQ(chmod(file.c_str(), 0644), 0);
  const auto open = Load(toml);
  ASSERT_TRUE(open) << open.error().message;
  EXPECT_THAT(open->AllWarnings().Warnings(), Contains(warning));
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  EXPECT_THAT(Load(toml)->AllWarnings().Warnings(), Not(Contains(warning)));
}

}  // namespace
}  // namespace holdfast::control

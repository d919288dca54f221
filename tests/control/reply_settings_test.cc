// What of the node's file comes into the tables' settings.
#include "control/reply_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

namespace holdfast::control {
namespace {

using ::testing::ElementsAre;

TEST(ReplySettings, TakeTheKeptSecretOnlyWhereTheFileNamesNone) {
  const std::string kept(16, 'k');
  NodeConfig node;
  EXPECT_THAT(SettingsOf(node, kept).cookie_secrets, ElementsAre(kept));
  node.dns.cookie_secrets = {std::string(16, 'a'), std::string(16, 'b')};
  EXPECT_EQ(SettingsOf(node, kept).cookie_secrets, node.dns.cookie_secrets);
}

TEST(ReplySettings, AreThoseOfTheFile) {
  NodeConfig node;
  node.dns.cookies = table::CookieMode::kRequire;
  node.dns.nsid = "n";
  node.dns.version = "v";
  node.dns.identity = "i";
  node.dns.extended_errors = false;
  node.dns.udp_octets = 700;
  node.dns.udp_octets_without_cookie = 600;
  node.rate_limit.answers_per_second = 7;
  const CompiledSettings settings = SettingsOf(node, std::string(16, 'k'));
  EXPECT_EQ(settings.cookies, table::CookieMode::kRequire);
  EXPECT_EQ(settings.nsid + settings.version + settings.identity, "nvi");
  EXPECT_FALSE(settings.extended_errors);
  EXPECT_EQ(settings.udp_octets, 700);
  EXPECT_EQ(settings.unproven_octets, 600);
  EXPECT_EQ(settings.rate.answers_per_second, 7U);
  EXPECT_EQ(settings.access, nullptr);
  node.access = {{ParsePrefix("192.0.2.0/24").value(), table::Access::kDrop}};
  EXPECT_NE(SettingsOf(node, std::string(16, 'k')).access, nullptr);
}

}  // namespace
}  // namespace holdfast::control

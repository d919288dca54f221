// [access] and [rate_limit] of the node's file: what a good one means and how each bad one is
// refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "control/config/node.h"

namespace holdfast::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kHead = "[[listen]]\naddress = \"192.0.2.53\"\n";

Result<NodeConfig> WithAccess(const std::string& lists) {
  return ParseNode(kHead + ("[access]\n" + lists), "n.toml");
}

Result<NodeConfig> WithRate(const std::string& keys) {
  return ParseNode(kHead + ("[rate_limit]\n" + keys), "n.toml");
}

AccessRule RuleOf(const char* network, table::Access access) {
  return {ParsePrefix(network).value(), access};
}

TEST(AccessTable, AnswersEverybodyWithoutLimitsWhenItIsLeftOut) {
  const auto node = ParseNode(kHead, "n.toml");
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_TRUE(node->access.empty());
  EXPECT_EQ(node->rate_limit.answers_per_second, 0U);
  EXPECT_EQ(node->dns.udp_octets_without_cookie, 0);
}

TEST(AccessTable, ReadsItsFourLists) {
  const auto node = WithAccess(
      "answer = [\"10.1.0.0/16\", \"0.0.0.0/0\"]\ntrust = [\"10.1.2.0/24\"]\n"
      "refuse = [\"2001:db8::/32\", \"::/0\"]\ndrop = [\"192.0.2.1\"]\n");
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_THAT(node->access,
              ElementsAre(RuleOf("0.0.0.0/0", table::Access::kAnswer),
                          RuleOf("10.1.0.0/16", table::Access::kAnswer),
                          RuleOf("10.1.2.0/24", table::Access::kTrust),
                          RuleOf("192.0.2.1/32", table::Access::kDrop),
                          RuleOf("::/0", table::Access::kRefuse),
                          RuleOf("2001:db8::/32", table::Access::kRefuse)));
}

TEST(AccessTable, RefusesEachBadValue) {
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"refuse = \"10.0.0.0/8\"", "key 'refuse' is \"10.0.0.0/8\"; expected an array"},
      {"refuse = [7]", "key 'refuse'"},
      {"refuse = [\"10.0.0.0/33\"]", "key 'refuse' has \"10.0.0.0/33\", which "},
      {"drop = [\"10.0.0.1/8\"]", "has bits set behind its /8; expected 10.0.0.0/8"},
      {"drop = [\"2001:db8::1/128\"]", "key 'drop' has \"2001:db8::1/128\", which "},
      {"trust = [\"example.test\"]", "key 'trust' has \"example.test\", which "},
      {"answer = [\"10.0.0.0/8\"]\ndrop = [\"10.0.0.0/8\"]",
       "key 'drop' has 10.0.0.0/8, which key 'answer' has already; expected each network once"},
      {"refuse = [\"::/0\", \"::/0\"]", "which key 'refuse' has already"},
      {"allow = []", "key 'allow'"}};
  for (const auto& [lists, said] : cases) {
    const auto node = WithAccess(lists);
    ASSERT_FALSE(node) << lists;
    EXPECT_THAT(node.error().message, HasSubstr(said)) << lists;
    EXPECT_THAT(node.error().message, HasSubstr("n.toml:")) << lists;
  }
}

TEST(AccessTable, FindsTheSmallestNetworkOfAClient) {
  const auto node = WithAccess(
      "trust = [\"10.1.2.0/24\"]\nrefuse = [\"0.0.0.0/0\"]\ndrop = [\"10.0.0.0/8\", \"::/0\"]\n");
  ASSERT_TRUE(node) << node.error().message;
  const auto rule_of = [&](const char* client) -> std::string {
    const AccessRule* rule = AccessOf(node->access, ParseClient(client).value());
    return rule == nullptr ? "" : AccessText(rule->access) + (" " + ToText(rule->network));
  };
  EXPECT_EQ(rule_of("10.1.2.3"), "trust 10.1.2.0/24");
  EXPECT_EQ(rule_of("10.1.3.3"), "drop 10.0.0.0/8");
  EXPECT_EQ(rule_of("192.0.2.1"), "refuse 0.0.0.0/0");
  EXPECT_EQ(rule_of("2001:db8::1"), "drop ::/0");
  const auto one = WithAccess("drop = [\"10.0.0.0/8\"]\n");
  EXPECT_EQ(AccessOf(one->access, ParseClient("11.0.0.1").value()), nullptr);
}

TEST(RateLimitTable, ReadsEveryKey) {
  const auto usual = WithRate("answers_per_second = 50\n");
  ASSERT_TRUE(usual) << usual.error().message;
  EXPECT_EQ(usual->rate_limit.answers_per_second, 50U);
  EXPECT_EQ(usual->rate_limit.burst, 50U) << "a second's worth";
  EXPECT_EQ(usual->rate_limit.slip, 2);
  EXPECT_EQ(usual->rate_limit.ipv4_prefix, 24);
  EXPECT_EQ(usual->rate_limit.ipv6_prefix, 56);
  EXPECT_EQ(usual->rate_limit.dry_run, 0);
  const auto all = WithRate(
      "answers_per_second = 1000000\nburst = 1\nslip = 0\nipv4_prefix = 32\nipv6_prefix = 64\n"
      "dry_run = true\n");
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->rate_limit.answers_per_second, 1'000'000U);
  EXPECT_EQ(all->rate_limit.burst, 1U);
  EXPECT_EQ(all->rate_limit.slip, 0);
  EXPECT_EQ(all->rate_limit.ipv4_prefix, 32);
  EXPECT_EQ(all->rate_limit.ipv6_prefix, 64);
  EXPECT_EQ(all->rate_limit.dry_run, 1);
}

TEST(RateLimitTable, RefusesEachBadValue) {
  const std::string rate = "answers_per_second = 5\n";
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"", "key 'answers_per_second' is missing; expected 1..1000000"},
      {"answers_per_second = 0", "key 'answers_per_second' is 0; expected 1..1000000"},
      {"answers_per_second = 1000001", "expected 1..1000000"},
      {"answers_per_second = \"5\"", "key 'answers_per_second' is \"5\"; expected"},
      {rate + "burst = 0", "key 'burst' is 0; expected 1..1000000"},
      {rate + "slip = -1", "key 'slip' is -1; expected 0..100"},
      {rate + "slip = 101", "key 'slip' is 101; expected 0..100"},
      {rate + "ipv4_prefix = 7", "key 'ipv4_prefix' is 7; expected 8..32"},
      {rate + "ipv4_prefix = 33", "key 'ipv4_prefix' is 33; expected 8..32"},
      {rate + "ipv6_prefix = 15", "key 'ipv6_prefix' is 15; expected 16..64"},
      {rate + "ipv6_prefix = 65", "key 'ipv6_prefix' is 65; expected 16..64"},
      {rate + "dry_run = 1", "key 'dry_run' is 1; expected"},
      {rate + "rate = 5", "key 'rate'"}};
  for (const auto& [keys, said] : cases) {
    const auto node = WithRate(keys);
    ASSERT_FALSE(node) << keys;
    EXPECT_THAT(node.error().message, HasSubstr(said)) << keys;
  }
}

}  // namespace
}  // namespace holdfast::control

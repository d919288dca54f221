// Cookies as clients see them (rows I04-I07, I09-I11 and H09 of the conformance list): given,
// judged, asked for. What is in one: answer_cookie_test.cc.
#include <string>
#include <string_view>

#include "tests/dataplane/answer_options.h"

namespace holdfast::answer {
namespace {

TEST_F(EdnsOptions, conf_I04_RefusesCookiesOfAnyOtherLength) {
  for (std::size_t octets = 0; octets <= 48; ++octets) {
    const bool right = octets == 8 || (octets >= 16 && octets <= 40);
    const auto reply = AskWith(Option(kNsid, "") + Option(kCookieOption, std::string(octets, 'c')));
    EXPECT_EQ(reply.Rcode(), right ? 0U : 1U) << octets;
    EXPECT_EQ(OptionsOf(reply).count(kCookieOption), right ? 1U : 0U) << octets;
    EXPECT_EQ(reply.answer.size(), right ? 1U : 0U) << octets;
  }
}

TEST_F(EdnsOptions, conf_I05_GivesAServerCookieToAClientCookie) {
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    const auto reply = AskWith(Option(kCookieOption, kClientCookie), transport);
    EXPECT_EQ(reply.answer.size(), 1U);
    const std::string cookie = OptionsOf(reply)[kCookieOption];
    ASSERT_EQ(cookie.size(), 24U);
    EXPECT_EQ(cookie.substr(0, 8), kClientCookie);
    EXPECT_EQ(cookie.substr(8, 4), std::string("\1\0\0\0", 4));
    EXPECT_EQ(LoadBe32(&cookie[12]), kNow);
  }
  EXPECT_EQ(client_.Count(Counter::kValidCookie), 0U);
}

TEST_F(EdnsOptions, GivesACookieWithEveryRcode) {
  const auto rcode_with_cookie = [&](const PacketBuilder& message) {
    const auto reply =
        Ask(PacketBuilder(message).Edns({.options = Option(kCookieOption, kClientCookie)}));
    EXPECT_EQ(OptionsOf(reply)[kCookieOption].size(), 24U) << reply.Rcode();
    return reply.Rcode();
  };
  const auto name = [](std::string_view text) { return PacketBuilder().Question(text, Type::kA); };
  EXPECT_EQ(rcode_with_cookie(name("nope.example.test")), 3U);
  EXPECT_EQ(rcode_with_cookie(name("other.invalid")), 5U);
  EXPECT_EQ(rcode_with_cookie(name("www.example.test").Opcode(2)), 4U);
  EXPECT_EQ(rcode_with_cookie(PacketBuilder().Question("www.example.test", Type::kOpt)), 1U);
}

TEST_F(EdnsOptions, conf_I06_TakesAWrongServerCookieForNone) {
  const std::string wrong = kClientCookie + std::string(16, 'w');
  const auto reply = AskWith(Option(kCookieOption, wrong));
  EXPECT_EQ(reply.answer.size(), 1U);
  const std::string cookie = OptionsOf(reply)[kCookieOption];
  EXPECT_EQ(cookie, Learnt());
  EXPECT_EQ(client_.Count(Counter::kValidCookie), 0U);
}

TEST_F(EdnsOptions, conf_I07_AcceptsItsOwnAndSaysItAgain) {
  SwitchCookies(table::CookieMode::kRequire);
  const std::string cookie = Learnt();
  const auto reply = AskWith(Option(kCookieOption, cookie));
  EXPECT_EQ(reply.Rcode(), 0U);
  EXPECT_EQ(reply.answer.size(), 1U);
  EXPECT_EQ(OptionsOf(reply)[kCookieOption], cookie);
  EXPECT_EQ(client_.Count(Counter::kValidCookie), 1U);
  client_.From({std::byte{10}}, false);
  EXPECT_EQ(AskWith(Option(kCookieOption, cookie)).Rcode(), 23U) << "of another client";
}

TEST_F(EdnsOptions, conf_I09_RenewsACookieOfFortyMinutes) {
  const std::string cookie = Learnt();
  SetTime(client_.scratch(), {.wall_seconds = kNow + 2400});
  const std::string renewed = Told(Option(kCookieOption, cookie))[kCookieOption];
  EXPECT_EQ(client_.Count(Counter::kValidCookie), 1U);
  EXPECT_NE(renewed, cookie);
  EXPECT_EQ(LoadBe32(&renewed[12]), kNow + 2400);
}

TEST_F(EdnsOptions, conf_I10_AcceptsTheSecretBeforeDuringARollOver) {
  const std::string cookie = Learnt();
  auto settings = AllOn();
  settings.cookies = table::CookieMode::kRequire;
  const std::string before = settings.cookie_secrets[0];
  settings.cookie_secrets = {before, "fedcba9876543210"};  // first the new one is known everywhere
  Switch(settings);
  EXPECT_EQ(AskWith(Option(kCookieOption, cookie)).Rcode(), 0U);
  settings.cookie_secrets = {"fedcba9876543210", before};  // then it makes the cookies
  Switch(settings);
  const auto reply = AskWith(Option(kCookieOption, cookie));
  EXPECT_EQ(reply.Rcode(), 0U);
  const std::string renewed = OptionsOf(reply)[kCookieOption];
  EXPECT_NE(renewed, cookie);
  settings.cookie_secrets = {"fedcba9876543210"};  // and in the end the old one goes
  Switch(settings);
  EXPECT_EQ(AskWith(Option(kCookieOption, cookie)).Rcode(), 23U);
  EXPECT_EQ(AskWith(Option(kCookieOption, renewed)).Rcode(), 0U);
}

TEST_F(EdnsOptions, conf_I11_SaysBadcookieWhereOneIsRequired) {
  SwitchCookies(table::CookieMode::kRequire);
  const auto message = Www().Edns({.options = Option(kCookieOption, kClientCookie)});
  const auto reply = Ask(message);
  EXPECT_EQ(reply.Rcode(), 23U);
  EXPECT_EQ(reply.flags & 15U, 7U) << "in the header";
  EXPECT_EQ(reply.opt_ttl >> 24U, 1U) << "in the OPT";
  EXPECT_TRUE(reply.answer.empty() && reply.authority.empty() && reply.additional.empty());
  EXPECT_FALSE(reply.Tc());
  EXPECT_EQ(reply.qname, Wire("www.example.test"));
  EXPECT_EQ(OptionsOf(reply)[kCookieOption].size(), 24U);
  EXPECT_EQ(client_.Count(Counter::kBadCookie), 1U);
  EXPECT_EQ(Ask(message, Transport::kTcp).answer.size(), 1U) << "TCP is answered";
}

TEST_F(EdnsOptions, SendsWhoHasNoCookieToTcpWhereOneIsRequired) {
  SwitchCookies(table::CookieMode::kRequire);
  const auto server = PacketBuilder().Question("version.bind", Type::kTxt, 3);
  for (const auto& message : {Www(), Www().Edns(), server}) {
    const auto reply = Ask(message);
    EXPECT_TRUE(reply.Tc());
    EXPECT_EQ(reply.Rcode(), 0U);
    EXPECT_TRUE(reply.answer.empty());
    const auto over_tcp = Ask(message, Transport::kTcp);
    EXPECT_FALSE(over_tcp.Tc());
    EXPECT_EQ(over_tcp.answer.size(), 1U);
  }
}

TEST_F(EdnsOptions, PassesCookiesOverWhereTheyAreOff) {
  SwitchCookies(table::CookieMode::kOff);
  EXPECT_EQ(AskWith(Option(kCookieOption, kClientCookie)).opt_rdata, "");
  EXPECT_EQ(AskWith(Option(kCookieOption, "7octets")).answer.size(), 1U);
  const test::TestTables without(test::ExampleModel());
  const auto reply = client_.Ask(
      without.snapshot(),
      Www().Edns({.options = Option(kCookieOption, kClientCookie) + Option(kNsid, "")}));
  EXPECT_EQ(reply.opt_rdata, "") << "tables without settings";
  EXPECT_EQ(reply.answer.size(), 1U);
}

TEST_F(EdnsOptions, conf_H09_RenewsACookieWithoutAQuestion) {
  const auto ask = [&](const std::string& cookie) {
    return Ask(PacketBuilder().Edns({.options = Option(kCookieOption, cookie)}));
  };
  const auto reply = ask(kClientCookie);
  EXPECT_EQ(reply.Rcode(), 0U);
  EXPECT_EQ(reply.question, "");
  const std::string cookie = OptionsOf(reply)[kCookieOption];
  EXPECT_EQ(cookie, Learnt());
  EXPECT_EQ(ask(cookie).Rcode(), 0U);
  EXPECT_EQ(ask(kClientCookie + std::string(16, 'w')).Rcode(), 23U);
  EXPECT_EQ(ask("7octets").Rcode(), 1U);
  const auto with_more = Ask(PacketBuilder()
                                 .Record(test::Section::kAuthority, Wire("."), 6, "abcd")
                                 .Edns({.options = Option(kCookieOption, kClientCookie)}));
  EXPECT_EQ(with_more.Rcode(), 1U);
}

}  // namespace
}  // namespace holdfast::answer

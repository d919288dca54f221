// Who gets an answer (rows B01, B03, B04, B06, I07 and I24 of the conformance list): access rules,
// rates, and sizes without a cookie. How rates are counted: answer_rate_table_test.cc.
#include <string>

#include "control/compile/access.h"
#include "dataplane/answer/rate_table.h"
#include "tests/dataplane/answer_options.h"

namespace holdfast::answer {
namespace {

using table::Access;

// Before the client, which counts in it.
struct HasRates {
  std::unique_ptr<RateTable> rates_ = std::move(RateTable::Make().value());
};

class Admitted : protected HasRates, public EdnsOptions {
 protected:
  Admitted() : EdnsOptions({.udp_octets = 4096, .seed = 1, .rates = rates_.get()}) {
    From({192, 0, 2, 1});
  }
  void From(const std::array<int, 4>& address) {
    std::array<std::byte, 16> octets{};
    for (std::size_t i = 0; i < address.size(); ++i) {
      octets[i] = static_cast<std::byte>(address[i]);
    }
    client_.From(octets, false);
  }
  void FromV6(const std::array<int, 8>& front) {
    std::array<std::byte, 16> octets{};
    for (std::size_t i = 0; i < front.size(); ++i) {
      octets[i] = static_cast<std::byte>(front[i]);
    }
    client_.From(octets, true);
  }
  static control::CompiledSettings WithRules(
      std::initializer_list<std::pair<const char*, Access>> rules) {
    std::vector<control::AccessRule> read;
    for (const auto& [network, access] : rules) {
      read.push_back({control::ParsePrefix(network).value(), access});
    }
    std::ranges::sort(read, {}, &control::AccessRule::network);
    auto settings = AllOn();
    settings.access = control::AccessTableOf(read);
    return settings;
  }
  static control::CompiledSettings WithRate(std::uint8_t slip) {
    auto settings = AllOn();
    settings.rate.answers_per_second = 10;
    settings.rate.burst = 20;
    settings.rate.slip = slip;
    settings.rate.ipv4_prefix = 24;
    settings.rate.ipv6_prefix = 56;
    return settings;
  }
  std::optional<std::string> Sent(const PacketBuilder& message,
                                  Transport transport = Transport::kUdp) {
    return client_.Raw(tables_->snapshot(), message.Build(), transport);
  }

  struct Replies {
    unsigned whole = 0;
    unsigned slipped = 0;
    unsigned dropped = 0;
    std::size_t octets_in = 0;
    std::size_t octets_out = 0;
  };
  Replies AskMany(unsigned times,
                  const PacketBuilder& message,
                  Transport transport = Transport::kUdp) {
    Replies told;
    for (unsigned i = 0; i < times; ++i) {
      told.octets_in += message.Build().size();
      const auto raw = Sent(message, transport);
      if (!raw) {
        ++told.dropped;
        continue;
      }
      told.octets_out += raw->size();
      const auto reply = test::ReadMessage(*raw);
      EXPECT_TRUE(reply);
      constexpr unsigned kBadCookie = 23;
      if (reply->Tc() || reply->Rcode() == kBadCookie) {
        EXPECT_EQ(reply->answer.size() + reply->authority.size() + reply->additional.size(), 0U);
        EXPECT_LE(raw->size(), message.Build().size() + (reply->has_opt ? 16 : 0));
        ++told.slipped;
      } else {
        ++told.whole;
      }
    }
    return told;
  }
};

TEST_F(Admitted, conf_B01_DropsWhatIsOverTheRateAndSlipsSomeOfIt) {
  Switch(WithRate(2));
  const Replies told = AskMany(1000, Www());
  EXPECT_EQ(told.whole, 20U);
  EXPECT_EQ(told.slipped + told.dropped, 980U);
  EXPECT_NEAR(told.slipped, 490, 100);  // six times its deviation
  EXPECT_LE(told.octets_out, told.octets_in) << "it amplifies";
  EXPECT_EQ(client_.Count(Counter::kRateOver), 980U);
  EXPECT_EQ(client_.Count(Counter::kRateSlipped), told.slipped);
  EXPECT_EQ(client_.Count(Counter::kDroppedLimited), told.dropped);
  SetTime(client_.scratch(), {.wall_seconds = kNow, .ns = 1'000'000'000});
  EXPECT_EQ(AskMany(100, Www()).whole, 10U) << "a second later";
  From({192, 0, 2, 77});
  EXPECT_EQ(AskMany(100, Www()).whole, 0U) << "of the same network";
  From({192, 0, 3, 1});
  EXPECT_EQ(AskMany(100, Www()).whole, 20U) << "of another";
}

TEST_F(Admitted, conf_B01_SlipsNoneOrAll) {
  Switch(WithRate(0));
  EXPECT_EQ(AskMany(100, Www()).dropped, 80U);
  Switch(WithRate(1));
  EXPECT_EQ(AskMany(100, Www()).slipped, 100U);
}

TEST_F(Admitted, conf_B01_LimitsEveryKindOfReply) {
  Switch(WithRate(0));
  const auto name = [](std::string_view text) { return PacketBuilder().Question(text, Type::kA); };
  EXPECT_EQ(AskMany(5, name("nope.example.test")).whole, 5U);
  EXPECT_EQ(AskMany(5, name("other.invalid")).whole, 5U);
  EXPECT_EQ(AskMany(5, name("www.example.test").Opcode(2)).whole, 5U);
  EXPECT_EQ(AskMany(5, name("version.bind").Opcode(5)).whole, 5U);
  EXPECT_EQ(AskMany(50, name("nope.example.test")).dropped, 50U);
  EXPECT_EQ(AskMany(50, name("other.invalid")).dropped, 50U);
  EXPECT_EQ(AskMany(50, name("www.example.test").Opcode(2)).dropped, 50U);
}

// Who comes back with it is answered (RFC 7873 5.2.3); errors go back as they are, they are short.
TEST_F(Admitted, conf_B01_GivesACookieWithWhatSlips) {
  Switch(WithRate(1));
  AskMany(20, Www());
  const auto slipped = AskWith(Option(kCookieOption, kClientCookie));
  EXPECT_EQ(slipped.Rcode(), 23U);
  EXPECT_FALSE(slipped.Tc());
  const std::string cookie = OptionsOf(slipped)[kCookieOption];
  ASSERT_EQ(cookie.size(), 24U);
  EXPECT_EQ(AskWith(Option(kCookieOption, cookie)).answer.size(), 1U);
  const auto error = Ask(Www().Opcode(2));
  EXPECT_EQ(error.Rcode(), 4U);
  EXPECT_FALSE(error.Tc());
}

TEST_F(Admitted, conf_B01_WhatSlipsIsNoLongerThanTheQueryAndACookie) {
  auto settings = WithRate(1);
  settings.nsid = std::string(128, 'n');
  Switch(settings);
  AskMany(20, Www());
  const std::string subnet("\0\1\x18\0\xC6\x33\x64", 7);
  const std::string cookie = Option(kCookieOption, kClientCookie);
  for (const std::string& options :
       {Option(kNsid, ""), Option(8, subnet), Option(kNsid, "") + Option(8, subnet) + cookie}) {
    for (const char* name : {".", "www.example.test", "nope.example.test"}) {
      const auto query = PacketBuilder().Question(name, Type::kA).Edns({.options = options});
      const auto raw = Sent(query);
      ASSERT_TRUE(raw);
      EXPECT_LE(raw->size(), query.Build().size() + 16) << name;
      const auto error = PacketBuilder(query).Opcode(2);
      EXPECT_LE(Sent(error)->size(), error.Build().size() + 16) << name;
    }
  }
}

TEST_F(Admitted, conf_B01_ADryRunCountsAlone) {
  auto settings = WithRate(2);
  settings.rate.dry_run = 1;
  Switch(settings);
  EXPECT_EQ(AskMany(100, Www()).whole, 100U);
  EXPECT_EQ(client_.Count(Counter::kRateOver), 80U);
  EXPECT_EQ(client_.Count(Counter::kRateSlipped) + client_.Count(Counter::kDroppedLimited), 0U);
}

// A burst of one must not turn into a rate of its own: time passes between two queries.
TEST_F(Admitted, conf_B01_ABurstOfOneStillGivesTheRate) {
  auto settings = WithRate(0);
  settings.rate.answers_per_second = 1000;
  settings.rate.burst = 1;
  Switch(settings);
  unsigned whole = 0;
  for (std::uint64_t ms = 0; ms < 3000; ms += 10) {
    SetTime(client_.scratch(), {.wall_seconds = kNow, .ns = ms * 1'000'000});
    whole += AskMany(1, Www()).whole;
  }
  EXPECT_EQ(whole, 300U);
}

TEST_F(Admitted, conf_B03_conf_I07_LimitsNeitherTcpNorAValidCookie) {
  Switch(WithRate(2));
  const std::string cookie = Learnt();
  PacketBuilder with_cookie = Www();
  with_cookie.Edns({.options = Option(kCookieOption, cookie)});
  AskMany(100, Www());
  EXPECT_EQ(AskMany(1000, with_cookie).whole, 1000U);
  EXPECT_EQ(AskMany(1000, Www(), Transport::kTcp).whole, 1000U);
  EXPECT_EQ(AskMany(100, Www()).whole, 0U);
  PacketBuilder forged = Www();
  forged.Edns({.options = Option(kCookieOption, kClientCookie + std::string(16, 'f'))});
  EXPECT_EQ(AskMany(100, forged).whole, 0U);
}

TEST_F(Admitted, conf_B04_conf_I07_CapsUdpWithoutAValidCookie) {
  auto settings = AllOn();
  settings.unproven_octets = 512;
  Switch(settings);
  const std::string cookie = Learnt();
  const auto txt = [](const std::string& options) {
    return PacketBuilder()
        .Question("big.example.test", Type::kTxt)
        .Edns({.size = 4096, .options = options});
  };
  const auto reply_to = [&](const PacketBuilder& message, Transport transport) {
    return client_.Ask(tables_->snapshot(), message, transport);
  };
  EXPECT_FALSE(reply_to(Www(), Transport::kUdp).Tc()) << "small enough";
  EXPECT_TRUE(reply_to(txt(""), Transport::kUdp).Tc());
  EXPECT_LE(client_.octets(), 512U);
  EXPECT_FALSE(reply_to(txt(""), Transport::kTcp).Tc());
  EXPECT_FALSE(reply_to(txt(Option(kCookieOption, cookie)), Transport::kUdp).Tc());
  EXPECT_GT(client_.octets(), 512U);
  settings.unproven_octets = 0;
  Switch(settings);
  EXPECT_FALSE(reply_to(txt(""), Transport::kUdp).Tc());
}

TEST_F(Admitted, conf_B06_conf_I24_RefusesAndDropsByNetwork) {
  Switch(WithRules({{"192.0.2.0/24", Access::kRefuse},
                    {"192.0.2.128/25", Access::kDrop},
                    {"192.0.2.129/32", Access::kAnswer},
                    {"2001:db8::/32", Access::kDrop},
                    {"2001:db8:0:7::/64", Access::kRefuse}}));
  const auto rcode_of = [&](Transport transport) {
    const auto raw = Sent(Www().Edns({}), transport);
    return raw ? static_cast<int>(test::ReadMessage(*raw)->Rcode()) : -1;
  };
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    From({192, 0, 2, 1});
    EXPECT_EQ(rcode_of(transport), 5);
    const auto refused = client_.Ask(tables_->snapshot(), Www().Edns({}), transport);
    EXPECT_EQ(LoadBe16(OptionsOf(refused)[kError].data()), 18U);
    EXPECT_EQ(refused.answer.size(), 0U);
    EXPECT_FALSE(refused.Aa());
    From({192, 0, 2, 128});
    EXPECT_EQ(rcode_of(transport), -1);
    From({192, 0, 2, 129});
    EXPECT_EQ(rcode_of(transport), 0) << "the smallest network counts";
    From({192, 0, 3, 1});
    EXPECT_EQ(rcode_of(transport), 0) << "in none";
    FromV6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1});
    EXPECT_EQ(rcode_of(transport), -1);
    FromV6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 7});
    EXPECT_EQ(rcode_of(transport), 5);
    FromV6({0x20, 0x01, 0x0d, 0xb9, 0, 0, 0, 7});
    EXPECT_EQ(rcode_of(transport), 0);
  }
  EXPECT_EQ(client_.Count(Counter::kAccessRefused), 6U);
  EXPECT_EQ(client_.Count(Counter::kDroppedDenied), 4U);
}

TEST_F(Admitted, conf_B06_GoesByTheSourceNotByTheClientSubnet) {
  Switch(WithRules({{"198.51.100.0/24", Access::kRefuse}}));
  const std::string subnet("\0\1\x18\0\xC6\x33\x64", 7);  // 198.51.100.0/24
  EXPECT_EQ(AskWith(Option(8, subnet)).Rcode(), 0U);
  From({198, 51, 100, 9});
  EXPECT_EQ(AskWith("").Rcode(), 5U);
}

TEST_F(Admitted, TrustedNetworksAreAsIfTheyShowedACookie) {
  auto settings = WithRules({{"192.0.2.0/24", Access::kTrust}});
  settings.cookies = table::CookieMode::kRequire;
  settings.rate = WithRate(2).rate;
  settings.unproven_octets = 512;
  Switch(settings);
  EXPECT_EQ(AskMany(1000, Www()).whole, 1000U);
  From({192, 0, 3, 1});
  EXPECT_EQ(AskMany(10, Www()).slipped, 10U) << "of another network: asked to come over TCP";
}

TEST_F(Admitted, NeverAnswersAResponseOrWhatIsShort) {
  Switch(WithRules({{"192.0.2.0/24", Access::kRefuse}}));
  EXPECT_FALSE(client_.Raw(tables_->snapshot(), "short"));
  std::string response = Www().Build();
  response[2] = static_cast<char>(response[2] | '\x80');
  EXPECT_FALSE(client_.Raw(tables_->snapshot(), response));
  EXPECT_EQ(client_.Count(Counter::kAccessRefused), 0U);
}

TEST_F(Admitted, TellsWhoseConnectionsAreNotTaken) {
  Switch(WithRules({{"192.0.2.0/24", Access::kDrop}, {"192.0.2.1/32", Access::kRefuse}}));
  const auto is_dropped = [&](std::uint8_t last) {
    return IsDropped(
        tables_->snapshot(), {std::byte{192}, std::byte{0}, std::byte{2}, std::byte{last}}, false);
  };
  EXPECT_TRUE(is_dropped(2));
  EXPECT_FALSE(is_dropped(1)) << "is told so";
  Switch(AllOn());
  EXPECT_FALSE(is_dropped(2));
}

TEST_F(Admitted, GoesByTheTablesUdpSize) {
  auto settings = AllOn();
  settings.udp_octets = 600;
  Switch(settings);
  const auto big = PacketBuilder().Question("big.example.test", Type::kTxt).Edns({.size = 4096});
  const auto cut = client_.Ask(tables_->snapshot(), big);
  EXPECT_TRUE(cut.Tc());
  EXPECT_EQ(cut.opt_size, 600);
  settings.udp_octets = 4096;
  Switch(settings);
  const auto whole = client_.Ask(tables_->snapshot(), big);
  EXPECT_FALSE(whole.Tc());
  EXPECT_EQ(whole.opt_size, 4096);
}

}  // namespace
}  // namespace holdfast::answer

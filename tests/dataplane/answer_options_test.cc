// EDNS options other than client subnet and cookies (rows I01-I03, C09, C10, C12, E08, E10, E12 and
// E13 of the conformance list), and the room that options have beside records.
#include "tests/dataplane/answer_options.h"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

namespace holdfast::answer {
namespace {

// ---- NSID

TEST_F(EdnsOptions, conf_I01_I02_I03_SaysTheConfiguredOctetsWhenAskedAndOnlyThen) {
  EXPECT_EQ(AskWith("").opt_rdata, "");
  EXPECT_EQ(Told(Option(kNsid, ""))[kNsid], AllOn().nsid);
  EXPECT_EQ(Told(Option(kNsid, "what") + Option(kNsid, ""))[kNsid], AllOn().nsid);
  auto settings = AllOn();
  settings.nsid.clear();
  Switch(settings);
  EXPECT_EQ(AskWith(Option(kNsid, "")).opt_rdata, "") << "none is configured";
}

TEST_F(EdnsOptions, NsidTakesOnlyTheRoomThatRecordsLeave) {
  auto settings = AllOn();
  settings.nsid = std::string(table::kMaxNsidOctets, 'n');
  Switch(settings);
  const auto whole = Ask(PacketBuilder()
                             .Question("multi.example.test", Type::kA)
                             .Edns({.size = 1232, .options = Option(kNsid, "")}));
  const auto octets = static_cast<unsigned>(client_.octets());
  EXPECT_EQ(OptionsOf(whole)[kNsid], settings.nsid);
  // 8 A records stay, however little room there is beside them; 512 are always given.
  test::TestZone zone("size.test.");
  zone.Add("t", Type::kTxt, {test::Txt(std::string(400, 't'))});
  control::Model model;
  model.zones.push_back(zone.zone());
  test::TestTables tables(model);
  tables.SetSettings(settings);
  const auto ask = [&](unsigned size) {
    return client_.Ask(tables.snapshot(),
                       PacketBuilder()
                           .Question("t.size.test", Type::kTxt)
                           .Edns({.size = size, .options = Option(kNsid, "")}));
  };
  EXPECT_EQ(OptionsOf(ask(1232))[kNsid], settings.nsid);
  const auto with = static_cast<unsigned>(client_.octets());
  EXPECT_EQ(OptionsOf(ask(with))[kNsid], settings.nsid);
  for (const unsigned size : {with - 1, 512U}) {
    const auto reply = ask(size);
    EXPECT_EQ(reply.opt_rdata, "") << size;
    EXPECT_EQ(reply.answer.size(), 1U) << size;
    EXPECT_FALSE(reply.Tc()) << size;
  }
  EXPECT_LT(octets, 1232U);
}

TEST_F(EdnsOptions, conf_E13_RefusesTwoCookies) {
  const std::string one = Option(kCookieOption, kClientCookie);
  const auto reply = AskWith(one + one);
  EXPECT_EQ(reply.Rcode(), 1U);
  EXPECT_EQ(reply.opt_rdata, "");
}

TEST_F(EdnsOptions, conf_E08_E10_ReturnsNothingThatIsUnknownOrOfAnotherVersion) {
  EXPECT_EQ(AskWith(Option(65001, "abc") + Option(100, "")).opt_rdata, "");
  const auto reply = Ask(Www().Edns(
      {.version = 1,
       .options = Option(100, "") + Option(kCookieOption, kClientCookie) + Option(kNsid, "")}));
  EXPECT_EQ(reply.Rcode(), 16U);
  EXPECT_EQ(reply.opt_rdata, "");
}

TEST_F(EdnsOptions, conf_E12_TakesOptionsInAnyOrderAndNumber) {
  std::vector<std::string> options = {Option(kNsid, ""),
                                      Option(kCookieOption, kClientCookie),
                                      Option(8, std::string("\0\1\0\0", 4)),
                                      Option(65001, "x")};
  std::ranges::sort(options);
  do {
    std::string all;
    for (int i = 0; i < 62; ++i) {
      all += Option(65002 + i, "");
    }
    for (const std::string& option : options) {
      all += option;
    }
    const auto told = Told(all);
    EXPECT_EQ(told.size(), 3U);
    EXPECT_EQ(told.at(kCookieOption), Learnt());
    EXPECT_EQ(told.at(8), std::string("\0\1\0\0", 4));
  } while (std::ranges::next_permutation(options).found);
}

TEST_F(EdnsOptions, HaveTheirRoomBeforeRecordsDo) {
  const std::string asked = Option(kCookieOption, kClientCookie) +
                            Option(8, std::string("\0\2\x80\0", 4) + std::string(16, 'a'));
  test::TestZone zone("size.test.");
  zone.Add("t", Type::kTxt, {test::Txt(std::string(440, 't'))});
  control::Model model;
  model.zones.push_back(zone.zone());
  test::TestTables tables(model);
  tables.SetSettings(AllOn());
  const auto ask = [&](unsigned size) {
    return client_.Ask(
        tables.snapshot(),
        PacketBuilder().Question("t.size.test", Type::kTxt).Edns({.size = size, .options = asked}));
  };
  EXPECT_EQ(ask(1232).answer.size(), 1U);
  const auto whole = static_cast<unsigned>(client_.octets());
  ASSERT_GT(whole, 512U);
  EXPECT_EQ(ask(whole).answer.size(), 1U);
  const auto reply = ask(whole - 1);
  EXPECT_TRUE(reply.Tc());
  EXPECT_EQ(OptionsOf(reply).size(), 2U);
}

// ---- TCP keepalive, padding

class Keepalive : public EdnsOptions {
 protected:
  ReadReply AskTcp(const std::string& options, std::uint16_t keepalive) {
    const std::string message = Www().Edns({.options = options}).Build();
    std::vector<std::byte> buffer(65535);
    std::ranges::copy(std::as_bytes(std::span(message)), buffer.begin());
    Job job;
    job.message = buffer.data();
    job.query_octets = static_cast<std::uint32_t>(message.size());
    job.room_octets = static_cast<std::uint32_t>(buffer.size());
    job.transport = Transport::kTcp;
    job.keepalive = keepalive;
    Answer(tables_->snapshot(), {&job, 1}, client_.scratch());
    return test::ReadMessage({reinterpret_cast<const char*>(buffer.data()), job.reply_octets})
        .value();
  }
};

TEST_F(Keepalive, conf_C09_SaysTheIdleTimeOverTcpWhenAsked) {
  EXPECT_EQ(OptionsOf(AskTcp(Option(kKeepalive, ""), 100))[kKeepalive], test::Be16Octets(100));
  const std::string twice = Option(kKeepalive, "") + Option(kKeepalive, "");
  EXPECT_EQ(OptionsOf(AskTcp(twice, 7))[kKeepalive], test::Be16Octets(7));
  EXPECT_EQ(AskTcp("", 100).opt_rdata, "") << "nobody asked";
  const auto with_time = AskTcp(Option(kKeepalive, test::Be16Octets(5)), 100);
  EXPECT_EQ(with_time.Rcode(), 1U);
  EXPECT_EQ(with_time.opt_rdata, "");
  for (const std::string& data : {std::string(), test::Be16Octets(5)}) {
    const auto over_udp = AskWith(Option(kKeepalive, data));
    EXPECT_EQ(over_udp.opt_rdata, "");
    EXPECT_EQ(over_udp.answer.size(), 1U);
  }
}

TEST_F(Keepalive, conf_C10_SaysNoneWhereTheConnectionIsToBeClosed) {
  EXPECT_EQ(OptionsOf(AskTcp(Option(kKeepalive, ""), 0))[kKeepalive], test::Be16Octets(0));
}

TEST_F(Keepalive, conf_C12_SendsNoPaddingInTheClear) {
  const std::string padding = Option(kPadding, std::string(100, '\0'));
  EXPECT_EQ(AskWith(padding).opt_rdata, "");
  EXPECT_EQ(AskTcp(padding, 100).opt_rdata, "");
}

}  // namespace
}  // namespace holdfast::answer

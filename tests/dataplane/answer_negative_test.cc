// Delegations, negative answers, EDNS, sizes and ANY, row by row of the conformance list.
#include <string>
#include <vector>

#include "tests/dataplane/answer_reply.h"

namespace holdfast::answer {
namespace {

// ---- Delegations

TEST_F(Reply, conf_D01_D02_D04_D05_H12_RefersAtAndBelowACut) {
  struct {
    const char* name;
    Type type;
  } const cases[] = {{"host.sub", Type::kA},
                     {"sub", Type::kNs},
                     {"sub", Type::kA},
                     {"ns1.sub", Type::kA},
                     {"a.b.c.sub", Type::kAny},
                     {"x.sub", Type::kDs}};
  for (const auto& c : cases) {
    const auto reply = Ask(c.name, c.type);
    EXPECT_EQ(reply.flags, 0x8000) << c.name;
    EXPECT_TRUE(reply.answer.empty());
    EXPECT_EQ(Shape(reply.authority), (Lines{"sub.example.test. NS", "sub.example.test. NS"}));
    EXPECT_EQ(reply.authority[0].ttl, 1800U);
    EXPECT_EQ(Shape(reply.additional), (Lines{"ns1.sub.example.test. A"}));
  }
  EXPECT_EQ(client_.Count(Counter::kReferral), std::size(cases));
}

TEST_F(Reply, conf_D02_TruncatesWhenRequiredGlueDoesNotFit) {
  const auto plain = Ask("x.many", Type::kA);
  EXPECT_TRUE(plain.Tc());
  EXPECT_TRUE(plain.answer.empty() && plain.authority.empty() && plain.additional.empty());
  const auto tcp = AskTcp("x.many", Type::kA);
  EXPECT_FALSE(tcp.Tc());
  EXPECT_EQ(tcp.authority.size(), 13U);
  EXPECT_EQ(tcp.additional.size(), 26U);
}

TEST_F(Reply, conf_D03_AddsGlueFromOutsideTheCutWhenItFits) {
  const auto reply = Ask("x.signedsub", Type::kA);
  EXPECT_EQ(Shape(reply.authority), (Lines{"signedsub.example.test. NS"}));
  EXPECT_EQ(reply.additional.size(), 2U);
}

TEST_F(Reply, conf_D06_AnswersDsFromTheParentsSide) {
  const auto reply = Ask("signedsub", Type::kDs);
  EXPECT_TRUE(reply.Aa());
  EXPECT_EQ(reply.answer.size(), 1U);
  ExpectNodata(Ask("sub", Type::kDs));
}

TEST_F(Reply, conf_D07_W08_HidesWhatLiesBelowACut) {
  const auto reply = Ask("hidden.sub", Type::kTxt);
  EXPECT_FALSE(reply.Aa());
  EXPECT_TRUE(reply.answer.empty());
}

TEST_F(Reply, conf_D08_X04_LetsTheDeepestZoneAnswerAndTheParentTheDs) {
  const auto www = Ask("www.child", Type::kA);
  EXPECT_TRUE(www.Aa());
  ASSERT_EQ(www.answer.size(), 1U);
  EXPECT_EQ(www.answer[0].rdata, A("192.0.2.77"));
  ExpectSoa(Ask("nope.child", Type::kA), "child.example.test", 30);
  EXPECT_TRUE(Ask("child", Type::kNs).Aa());
  ExpectSoa(Ask("child", Type::kA), "child.example.test", 30);
  const auto ds = Ask("child", Type::kDs);
  EXPECT_TRUE(ds.Aa());
  ASSERT_EQ(ds.answer.size(), 1U);
  EXPECT_EQ(ds.answer[0].rdata, std::string("\0\2\15\2", 4) + std::string(32, 'e'));
  // The parent of example.test is not ours: its DS question is answered from the zone itself.
  ExpectNodata(Ask(PacketBuilder().Question("example.test", Type::kDs)));
}

// ---- Negative answers

TEST_F(Reply, conf_X01_X02_X03_SendsTheSoaWithTheNegativeTtl) {
  ExpectNxDomain(Ask("nope", Type::kA));
  ExpectNxDomain(Ask("a.b.c.nope", Type::kA));
  ExpectNodata(Ask("www", Type::kMx));
  EXPECT_EQ(client_.Count(Counter::kNxDomain), 2U);
}

TEST_F(Reply, conf_X05_SendsNoSoaWithErrors) {
  for (const auto& message : {PacketBuilder().Question("other.invalid", Type::kA),
                              PacketBuilder().Question("www.example.test", Type::kA).Raw("x"),
                              PacketBuilder().Question("www.example.test", Type::kMaila),
                              PacketBuilder().Question("www.dead.test", Type::kA)}) {
    EXPECT_TRUE(Ask(message).authority.empty());
  }
}

TEST_F(Reply, conf_X06_TruncatesANegativeAnswerWhoseSoaDoesNotFit) {
  // Sixteen CNAMEs fill the 512 octets; what is left has no room for the SOA.
  for (int start = 0; start < 30; ++start) {
    const auto reply = Ask("step" + std::to_string(start), Type::kTxt);
    if (reply.Tc()) {
      EXPECT_TRUE(reply.answer.empty() && reply.authority.empty());
    } else {
      EXPECT_EQ(reply.authority.size() + (reply.answer.size() == 16 ? 1U : 0U), 1U) << start;
    }
  }
}

// ---- EDNS

TEST_F(Reply, conf_E01_E02_SendsAnOptWhenAndOnlyWhenOneCame) {
  EXPECT_FALSE(Ask("www", Type::kA).has_opt);
  for (const char* name : {"www.example.test",
                           "nope.example.test",
                           "x.sub.example.test",
                           "other.invalid",
                           "x.dead.test"}) {
    const auto reply = Ask(PacketBuilder().Question(name, Type::kA).Edns());
    EXPECT_TRUE(reply.has_opt) << name;
    EXPECT_EQ(reply.opt_size, 1232);
    EXPECT_EQ(reply.opt_ttl, 0U);
    EXPECT_TRUE(reply.opt_rdata.empty());
  }
  EXPECT_EQ(client_.Count(Counter::kEdns), 5U);
}

TEST_F(Reply, conf_E06_E07_E10_SplitsBadversOverHeaderAndOpt) {
  const auto reply =
      Ask(PacketBuilder()
              .Question("www.example.test", Type::kA)
              .Edns({.version = 1, .flags = 0x4000, .options = test::Option(100, "x")}));
  EXPECT_EQ(reply.flags & 0xF, 0);
  EXPECT_EQ(reply.opt_ttl, 0x01000000U);
  EXPECT_TRUE(reply.answer.empty());
  EXPECT_TRUE(reply.opt_rdata.empty());
  EXPECT_EQ(reply.qname, Owner("www"));
  EXPECT_EQ(client_.Count(Counter::kBadVers), 1U);
}

TEST_F(Reply, conf_E08_E09_E11_CopiesDoAndNothingElse) {
  const auto reply = Ask(PacketBuilder()
                             .Question("www.example.test", Type::kA)
                             .Edns({.flags = 0xFFFF, .options = test::Option(65001, "abc")}));
  EXPECT_EQ(reply.answer.size(), 1U);
  EXPECT_EQ(reply.opt_ttl, 0x8000U);
  EXPECT_TRUE(reply.opt_rdata.empty());
}

TEST_F(Reply, conf_E14_SendsTheSameOptOverTcp) {
  const auto reply = Ask(PacketBuilder().Question("www.example.test", Type::kA).Edns({.size = 512}),
                         Transport::kTcp);
  EXPECT_TRUE(reply.has_opt);
  EXPECT_EQ(reply.opt_size, 1232);
}

// ---- Sizes

// The octets of the reply that is sent when there is room for all of it.
std::size_t WholeSize(test::AnswerClient& client,
                      const table::Snapshot& snapshot,
                      const char* name,
                      Type type) {
  client.Ask(snapshot, PacketBuilder().Question(name, type).Edns(), Transport::kTcp);
  return client.octets();
}

TEST_F(Reply, conf_E03_E04_E05_T04_StepsExactlyAtTheLimit) {
  // An MX without addresses of its own zone would do as well; a long TXT has no optional parts.
  test::TestZone zone("size.test.");
  for (std::size_t octets = 300; octets <= 1300; octets += 25) {
    zone.Add("t" + std::to_string(octets), Type::kTxt, {test::Txt(std::string(octets, 't'))});
  }
  control::Model model;
  model.zones.push_back(zone.zone());
  const test::TestTables tables(model);
  int whole_replies = 0;
  int truncated_replies = 0;
  for (std::size_t octets = 300; octets <= 1300; octets += 25) {
    const std::string name = "t" + std::to_string(octets) + ".size.test";
    const std::size_t whole = WholeSize(client_, tables.snapshot(), name.c_str(), Type::kTxt);
    for (const std::size_t size : {std::size_t{0},
                                   std::size_t{511},
                                   std::size_t{512},
                                   whole - 1,
                                   whole,
                                   whole + 1,
                                   std::size_t{4096}}) {
      const auto reply = client_.Ask(
          tables.snapshot(),
          PacketBuilder().Question(name, Type::kTxt).Edns({.size = static_cast<unsigned>(size)}));
      const std::size_t limit = std::min<std::size_t>(1232, std::max<std::size_t>(512, size));
      EXPECT_LE(client_.octets(), limit);
      EXPECT_EQ(reply.Tc(), whole > limit) << name << " " << size;
      EXPECT_EQ(reply.answer.size(), whole > limit ? 0U : 1U);
      EXPECT_TRUE(reply.has_opt) << "conf_E15";
      ++(reply.Tc() ? truncated_replies : whole_replies);
    }
  }
  EXPECT_GT(whole_replies, 50);
  EXPECT_GT(truncated_replies, 50);
}

TEST_F(Reply, conf_T02_T03_TruncatesToAnEmptyAnswer) {
  const auto reply = Ask("big", Type::kTxt);
  EXPECT_EQ(client_.octets(), 12U + Owner("big").size() + 4);
  EXPECT_TRUE(reply.Tc());
  EXPECT_TRUE(reply.Aa());
  EXPECT_EQ(client_.Count(Counter::kTruncated), 1U);
}

TEST_F(Reply, conf_T05_SendsAllOverTcp) {
  const auto reply = AskTcp("big", Type::kTxt);
  EXPECT_FALSE(reply.Tc());
  ASSERT_EQ(reply.answer.size(), 1U);
  EXPECT_EQ(reply.answer[0].rdata, test::Txt(std::string(3000, 'b')));
}

TEST_F(Reply, conf_T05_T07_SendsSixtyThousandOctetsOverTcpWithoutPointersPastTheirReach) {
  test::TestZone zone("huge.test.");
  std::vector<std::string> hosts;
  for (int i = 0; i < 2200; ++i) {
    hosts.push_back(test::Mx(static_cast<unsigned>(i), "m" + std::to_string(i) + ".huge.test."));
  }
  zone.Add("mx", Type::kMx, hosts).Cname("to", "mx");
  zone.Add("m2000", Type::kA, {A("192.0.2.1")}).Add("m3", Type::kA, {A("192.0.2.3")});
  control::Model model;
  model.zones.push_back(zone.zone());
  const test::TestTables tables(model);
  for (const char* name : {"mx.huge.test", "to.huge.test"}) {
    for (int i = 0; i < 20; ++i) {
      const auto reply = client_.Ask(
          tables.snapshot(), PacketBuilder().Question(name, Type::kMx).Edns(), Transport::kTcp);
      EXPECT_GE(reply.answer.size(), 2200U);
      EXPECT_GT(client_.octets(), 40000U);
    }
  }
}

// ---- ANY

TEST_F(Reply, conf_Y01_Y03_AnswersAnyWithTheSmallestRrset) {
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    const auto reply = Ask(PacketBuilder().Question("www.example.test", Type::kAny), transport);
    EXPECT_EQ(Shape(reply.answer), (Lines{"www.example.test. HTTPS"}));
  }
  EXPECT_EQ(Ask("f2", Type::kAny).answer.size(), 1U);
}

TEST_F(Reply, conf_Y04_Y05_AnswersAnyNegativelyAndDoesNotChase) {
  ExpectNxDomain(Ask("nope", Type::kAny));
  ExpectNodata(Ask("ent", Type::kAny));
  EXPECT_EQ(Shape(Ask("alias", Type::kAny).answer), (Lines{"alias.example.test. CNAME"}));
}

TEST_F(Reply, conf_Y09_SaysNodataForAnUnknownType) {
  ExpectNodata(Ask(PacketBuilder().RawQuestion(Owner("www"), 65000)));
}

}  // namespace
}  // namespace holdfast::answer

// Replies over the example zone, row by row of the conformance list (the row is in the test's
// name). Tables are made by compile and publish, replies are read by the strict reader.
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/dataplane/answer_client.h"
#include "tests/dataplane/example_zone.h"
#include "tests/dataplane/test_tables.h"

namespace holdfast::answer {
namespace {

using test::A;
using test::N;
using test::PacketBuilder;
using test::ReadReply;
using test::Wire;
using wire::Type;

class Reply : public testing::Test {
 protected:
  static void SetUpTestSuite() { tables_ = new test::TestTables(test::ExampleModel()); }
  static void TearDownTestSuite() {
    delete tables_;
    tables_ = nullptr;
  }
  ReadReply Ask(const PacketBuilder& message, Transport transport = Transport::kUdp) {
    return client_.Ask(tables_->snapshot(), message, transport);
  }
  ReadReply Ask(std::string_view name, Type type) {
    return Ask(PacketBuilder().Question(std::string(name) + ".example.test", type));
  }
  ReadReply AskTcp(std::string_view name, Type type) {
    return Ask(PacketBuilder().Question(std::string(name) + ".example.test", type),
               Transport::kTcp);
  }

  static test::TestTables* tables_;
  test::AnswerClient client_;
};
test::TestTables* Reply::tables_ = nullptr;

std::string Owner(std::string_view name) {
  return Wire(std::string(name) + ".example.test");
}

// "owner TYPE" of each record in its order.
std::vector<std::string> Shape(const std::vector<test::ReadRecord>& section) {
  std::vector<std::string> out;
  for (const auto& record : section) {
    out.push_back(wire::ToText(wire::Fold(record.owner)) + " " + wire::TypeText(record.type));
  }
  return out;
}
using Lines = std::vector<std::string>;

std::set<std::string> Rdata(const std::vector<test::ReadRecord>& section) {
  std::set<std::string> out;
  for (const auto& record : section) {
    out.insert(record.rdata);
  }
  return out;
}

void ExpectSoa(const ReadReply& reply, const char* origin, std::uint32_t ttl) {
  ASSERT_EQ(reply.authority.size(), 1U);
  EXPECT_EQ(wire::Fold(reply.authority[0].owner), Wire(origin));
  EXPECT_EQ(reply.authority[0].type, N(Type::kSoa));
  EXPECT_EQ(reply.authority[0].ttl, ttl);
}

void ExpectNodata(const ReadReply& reply) {
  EXPECT_EQ(reply.Rcode(), 0U);
  EXPECT_TRUE(reply.Aa());
  EXPECT_TRUE(reply.answer.empty());
  ExpectSoa(reply, "example.test", 60);
}

void ExpectNxDomain(const ReadReply& reply) {
  EXPECT_EQ(reply.Rcode(), 3U);
  EXPECT_TRUE(reply.Aa());
  EXPECT_TRUE(reply.answer.empty());
  ExpectSoa(reply, "example.test", 60);
}

// ---- Header and question

TEST_F(Reply, conf_H03_CopiesTheId) {
  EXPECT_EQ(Ask(PacketBuilder().Id(0xBEEF).Question("www.example.test", Type::kA)).id, 0xBEEF);
}

TEST_F(Reply, conf_H04_H05_SendsHeaderAndOptAloneForAnUnknownOpcode) {
  const auto plain = Ask(PacketBuilder().Opcode(2).Question("www.example.test", Type::kA));
  EXPECT_EQ(client_.octets(), 12U);
  EXPECT_EQ(plain.Opcode(), 2U);
  EXPECT_EQ(plain.Rcode(), 4U);
  EXPECT_FALSE(plain.Aa());
  const auto edns = Ask(PacketBuilder().Opcode(15).Question("www.example.test", Type::kA).Edns());
  EXPECT_EQ(client_.octets(), 23U);
  EXPECT_TRUE(edns.has_opt);
  EXPECT_EQ(client_.Count(Counter::kNotImp), 2U);
}

TEST_F(Reply, conf_H11_SetsAaOnAnswersAndNegativeAnswers) {
  EXPECT_TRUE(Ask("www", Type::kA).Aa());
  EXPECT_TRUE(Ask("nope", Type::kA).Aa());
  EXPECT_TRUE(Ask("www", Type::kMx).Aa());
}

TEST_F(Reply, conf_H13_SetsAaWhenTheChainLeavesOurZones) {
  EXPECT_TRUE(Ask("ext", Type::kA).Aa());
}

TEST_F(Reply, conf_H14_H15_H16_H17_CopiesRdAndClearsTheRest) {
  const auto reply = Ask(
      PacketBuilder().Flags(0x0100 | 0x40 | 0x20 | 0x10).Question("www.example.test", Type::kA));
  EXPECT_EQ(reply.flags, 0x8000 | 0x0400 | 0x0100);
  EXPECT_EQ(Ask("www", Type::kA).flags, 0x8000 | 0x0400);
}

TEST_F(Reply, conf_H18_AnswersAQueryWithTcAsOneWithout) {
  const auto reply = Ask(PacketBuilder().Flags(0x0205).Question("www.example.test", Type::kA));
  EXPECT_EQ(reply.flags, 0x8000 | 0x0400);
  EXPECT_EQ(reply.answer.size(), 1U);
}

TEST_F(Reply, conf_H19_RefusesNamesOutsideEveryZone) {
  for (const char* name : {"other.invalid", "test", "example.tes", "xexample.test"}) {
    const auto reply = Ask(PacketBuilder().Question(name, Type::kA));
    EXPECT_EQ(reply.flags, 0x8005) << name;
    EXPECT_FALSE(reply.question.empty());
    EXPECT_TRUE(reply.answer.empty() && reply.authority.empty() && reply.additional.empty());
  }
  EXPECT_EQ(client_.Count(Counter::kRefused), 4U);
}

TEST_F(Reply, conf_H20_ServfailsForAZoneWithoutData) {
  for (const char* name : {"dead.test", "www.dead.test"}) {
    const auto reply = Ask(PacketBuilder().Question(name, Type::kA));
    EXPECT_EQ(reply.Rcode(), 2U);
    EXPECT_FALSE(reply.Aa());
    EXPECT_TRUE(reply.authority.empty());
  }
  EXPECT_EQ(client_.Count(Counter::kUnreadableTable), 0U);
}

TEST_F(Reply, conf_H21_Q16_EchoesTheQuestionWithErrors) {
  const auto reply =
      Ask(PacketBuilder().Id(77).Flags(0x0100).Question("wWw.example.test", Type::kA).Raw("x"));
  EXPECT_EQ(reply.id, 77);
  EXPECT_EQ(reply.flags, 0x8101);
  EXPECT_EQ(reply.qname, Wire("wWw.example.test"));
  const auto without = Ask(PacketBuilder().Id(78).Flags(0x0100).RawQuestion("\xC0\x0C", 1));
  EXPECT_EQ(without.id, 78);
  EXPECT_EQ(without.flags, 0x8101);
  EXPECT_TRUE(without.question.empty());
}

TEST_F(Reply, conf_H23_EchoesTheClassItRefuses) {
  const auto reply = Ask(PacketBuilder().Question("www.example.test", Type::kA, 4));
  EXPECT_EQ(reply.Rcode(), 5U);
  EXPECT_EQ(reply.qclass, 4);
}

// ---- Names

TEST_F(Reply, conf_N01_N02_N03_MatchesInAnyCaseAndAnswersInTheAskers) {
  const auto reply = Ask(PacketBuilder().Question("aLiAs.ExAmPlE.tEsT", Type::kA));
  EXPECT_EQ(reply.qname, Wire("aLiAs.ExAmPlE.tEsT"));
  ASSERT_EQ(reply.answer.size(), 2U);
  EXPECT_EQ(reply.answer[0].owner, Wire("aLiAs.ExAmPlE.tEsT"));
  EXPECT_EQ(reply.answer[1].owner, Wire("www.example.test"));
}

TEST_F(Reply, conf_N06_N07_AnswersTheLongestNames) {
  const std::string origin = Wire("example.test");
  std::string name;
  while (name.size() + origin.size() + 2 <= 255) {
    name += "\1a";
  }
  const auto deep = Ask(PacketBuilder().RawQuestion(name + origin, 1));
  ExpectNxDomain(deep);
  const std::string wide = "\x3f" + std::string(63, 'x') + "\x3f" + std::string(63, 'x') + "\x3f" +
                           std::string(63, 'x') + "\x30" + std::string(48, 'x') + origin;
  ASSERT_EQ(wide.size(), 255U);
  ExpectNxDomain(Ask(PacketBuilder().RawQuestion(wide, 1)));
}

TEST_F(Reply, conf_N11_N13_ComparesLabelsOctetByOctet) {
  const std::string any = std::string("\3\0.\xFF", 4) + Wire("example.test");
  EXPECT_EQ(Ask(PacketBuilder().RawQuestion(any, N(Type::kTxt))).answer.size(), 1U);
  EXPECT_EQ(
      Ask(PacketBuilder().RawQuestion("\3a.b" + Wire("example.test"), N(Type::kTxt))).answer.size(),
      1U);
  ExpectNxDomain(Ask("a.b", Type::kTxt));
  const std::string other = std::string("\3\0.\xDF", 4) + Wire("example.test");
  ExpectNxDomain(Ask(PacketBuilder().RawQuestion(other, N(Type::kTxt))));
}

TEST_F(Reply, conf_N12_RefusesTheRoot) {
  EXPECT_EQ(Ask(PacketBuilder().Question(".", Type::kNs)).Rcode(), 5U);
}

TEST_F(Reply, conf_N14_TakesAnAsteriskInsideALabelAsOrdinary) {
  EXPECT_EQ(Ask("x*y", Type::kTxt).answer.size(), 1U);
  ExpectNxDomain(Ask("xzy", Type::kTxt));
}

TEST_F(Reply, conf_N15_R02_R11_ServesUnderscoresAndUncompressedSrv) {
  const auto reply = Ask("_sip._tcp", Type::kSrv);
  ASSERT_EQ(reply.answer.size(), 1U);
  EXPECT_EQ(reply.answer[0].rdata, test::Srv(5060, "www.example.test"));
}

// ---- Answers and chains

TEST_F(Reply, conf_A01_A20_GivesTheWholeRrsetOnceInAnyOrder) {
  std::set<std::string> firsts;
  for (int i = 0; i < 200; ++i) {
    const auto reply = Ask("multi", Type::kA);
    ASSERT_EQ(reply.answer.size(), 8U);
    ASSERT_EQ(Rdata(reply.answer).size(), 8U);
    firsts.insert(reply.answer[0].rdata);
  }
  EXPECT_EQ(firsts.size(), 8U) << "every record comes first now and then";
}

TEST_F(Reply, conf_A04_A05_FollowsACnameUnlessItWasAskedFor) {
  const auto reply = Ask("alias", Type::kA);
  EXPECT_EQ(Shape(reply.answer), (Lines{"alias.example.test. CNAME", "www.example.test. A"}));
  EXPECT_EQ(reply.answer[1].ttl, 300U);
  EXPECT_EQ(Shape(Ask("alias", Type::kCname).answer), (Lines{"alias.example.test. CNAME"}));
}

TEST_F(Reply, conf_A06_FollowsAChainInOrder) {
  EXPECT_EQ(Shape(Ask("c1", Type::kA).answer),
            (Lines{"c1.example.test. CNAME",
                   "c2.example.test. CNAME",
                   "c3.example.test. CNAME",
                   "www.example.test. A"}));
}

TEST_F(Reply, conf_A07_StopsWhereOurZonesEnd) {
  const auto reply = Ask("ext", Type::kA);
  EXPECT_EQ(reply.flags, 0x8400);
  EXPECT_EQ(Shape(reply.answer), (Lines{"ext.example.test. CNAME"}));
  EXPECT_TRUE(reply.authority.empty());
}

TEST_F(Reply, conf_A07_StopsAtAZoneWithoutData) {
  const auto reply = Ask("todead", Type::kA);
  EXPECT_EQ(reply.flags, 0x8400);
  EXPECT_EQ(reply.answer.size(), 1U);
}

TEST_F(Reply, conf_A08_SaysNxdomainAtTheEndOfAChain) {
  const auto reply = Ask("dangling", Type::kA);
  EXPECT_EQ(reply.Rcode(), 3U);
  EXPECT_TRUE(reply.Aa());
  EXPECT_EQ(Shape(reply.answer), (Lines{"dangling.example.test. CNAME"}));
  ExpectSoa(reply, "example.test", 60);
}

TEST_F(Reply, conf_A09_SaysNodataAtTheEndOfAChain) {
  const auto reply = Ask("alias", Type::kTxt);
  EXPECT_EQ(reply.Rcode(), 0U);
  EXPECT_EQ(Shape(reply.answer), (Lines{"alias.example.test. CNAME"}));
  ExpectSoa(reply, "example.test", 60);
}

TEST_F(Reply, conf_A10_EndsALoopWithEachRecordOnce) {
  const auto reply = Ask("loop1", Type::kA);
  EXPECT_EQ(reply.Rcode(), 0U);
  EXPECT_EQ(Shape(reply.answer), (Lines{"loop1.example.test. CNAME", "loop2.example.test. CNAME"}));
  EXPECT_EQ(Shape(Ask("self", Type::kA).answer), (Lines{"self.example.test. CNAME"}));
}

TEST_F(Reply, conf_A11_CapsAChainAtSixteen) {
  const auto reply = AskTcp("step0", Type::kA);
  EXPECT_EQ(reply.Rcode(), 0U);
  EXPECT_EQ(reply.answer.size(), 16U);
  EXPECT_EQ(AskTcp("step15", Type::kA).answer.size(), 16U) << "15 links and the address";
}

TEST_F(Reply, conf_A13_FollowsACnameIntoADelegation) {
  const auto reply = Ask("tosub", Type::kA);
  EXPECT_EQ(Shape(reply.answer), (Lines{"tosub.example.test. CNAME"}));
  EXPECT_EQ(Shape(reply.authority), (Lines{"sub.example.test. NS", "sub.example.test. NS"}));
  EXPECT_EQ(Shape(reply.additional), (Lines{"ns1.sub.example.test. A"}));
  EXPECT_EQ(Shape(Ask("tochild", Type::kA).answer),
            (Lines{"tochild.example.test. CNAME", "www.child.example.test. A"}));
}

TEST_F(Reply, conf_A14_A17_RedirectsBelowADname) {
  const auto reply = Ask("hOst.dn", Type::kA);
  EXPECT_EQ(
      Shape(reply.answer),
      (Lines{
          "dn.example.test. DNAME", "host.dn.example.test. CNAME", "host.target.example.test. A"}));
  EXPECT_EQ(reply.answer[1].ttl, 500U);
  EXPECT_EQ(reply.answer[1].rdata, Wire("hOst.target.example.test"));
  EXPECT_EQ(Shape(Ask("host.dn", Type::kCname).answer),
            (Lines{"dn.example.test. DNAME", "host.dn.example.test. CNAME"}));
  EXPECT_EQ(Ask("host.dn", Type::kAny).answer.size(), 2U);
  const auto missing = Ask("nope.dn", Type::kA);
  EXPECT_EQ(missing.Rcode(), 3U);
  EXPECT_EQ(missing.answer.size(), 2U);
}

TEST_F(Reply, conf_A15_DoesNotRedirectTheDnameItself) {
  ExpectNodata(Ask("dn", Type::kA));
  EXPECT_EQ(Shape(Ask("dn", Type::kDname).answer), (Lines{"dn.example.test. DNAME"}));
}

TEST_F(Reply, conf_A16_SaysYxdomainWhenTheTargetWouldBeTooLong) {
  const std::string origin = Wire("dn.example.test");
  const std::string wide = "\x3f" + std::string(63, 'x') + "\x3f" + std::string(63, 'x') + "\x3f" +
                           std::string(63, 'x') + "\x2c" + std::string(44, 'x') + origin;
  const auto reply = Ask(PacketBuilder().RawQuestion(wide, 1));
  EXPECT_EQ(reply.Rcode(), 6U);
  EXPECT_EQ(Shape(reply.answer), (Lines{"dn.example.test. DNAME"}));
}

TEST_F(Reply, conf_A10_ADnameThatLeadsBelowItselfStandsOnce) {
  // a.dnloop -> a.dnloop: the name comes back at once.
  const auto reply = AskTcp("a.dnloop", Type::kA);
  EXPECT_EQ(Shape(reply.answer),
            (Lines{"dnloop.example.test. DNAME", "a.dnloop.example.test. CNAME"}));
}

TEST_F(Reply, conf_A18_T01_AddsAddressesThatFitAndNeverTruncatesForThem) {
  const auto reply = Ask("mail", Type::kMx);
  EXPECT_EQ(reply.answer.size(), 2U);
  std::map<std::string, int> beside;
  for (const auto& line : Shape(reply.additional)) {
    ++beside[line];
  }
  EXPECT_EQ(beside["www.example.test. A"], 1);
  EXPECT_EQ(beside["www.example.test. AAAA"], 1);
  EXPECT_EQ(beside["multi.example.test. A"], 8);
  EXPECT_FALSE(reply.Tc());
}

TEST_F(Reply, conf_A18_AddsWhatTheTargetsOwnPolicyChooses) {
  const auto reply = Ask("mxf", Type::kMx);
  ASSERT_EQ(Shape(reply.additional), (Lines{"f2.example.test. A"}));
  EXPECT_EQ(reply.additional[0].rdata, A("192.0.2.10"));
}

TEST_F(Reply, conf_A19_A21_AnswersMinimallyAndFromTheApex) {
  EXPECT_TRUE(Ask("www", Type::kA).authority.empty());
  const auto ns = Ask(PacketBuilder().Question("example.test", Type::kNs));
  EXPECT_TRUE(ns.Aa());
  EXPECT_EQ(ns.answer.size(), 2U);
  EXPECT_EQ(ns.additional.size(), 4U);
  EXPECT_EQ(Ask(PacketBuilder().Question("example.test", Type::kSoa)).answer.size(), 1U);
}

TEST_F(Reply, conf_R01_ServesAnUnknownTypeAsItIs) {
  const auto reply = Ask(PacketBuilder().RawQuestion(Owner("unknown"), 65280));
  ASSERT_EQ(reply.answer.size(), 1U);
  EXPECT_EQ(reply.answer[0].rdata, "\x0a\x0b\x0c");
}

// ---- Wildcards and empty non-terminals

TEST_F(Reply, conf_W01_W02_AnswersMissingNamesFromTheWildcard) {
  for (const char* name : {"foo.w", "a.b.w", "FOO.w"}) {
    const auto reply = Ask(name, Type::kA);
    ASSERT_EQ(reply.answer.size(), 1U) << name;
    EXPECT_EQ(reply.answer[0].owner, Owner(name));
    EXPECT_EQ(reply.answer[0].rdata, A("192.0.2.5"));
  }
}

TEST_F(Reply, conf_W03_W04_W05_AnExistingNameBlocksTheWildcard) {
  ExpectNodata(Ask("host.w", Type::kA));
  ExpectNodata(Ask("w", Type::kA));
  ExpectNxDomain(Ask("x.host.w", Type::kA));
}

TEST_F(Reply, conf_W06_SaysNodataForATypeTheWildcardLacks) {
  ExpectNodata(Ask("foo.w", Type::kMx));
}

TEST_F(Reply, conf_W07_AnswersTheAsteriskItself) {
  const auto reply = Ask("*.w", Type::kA);
  ASSERT_EQ(reply.answer.size(), 1U);
  EXPECT_EQ(reply.answer[0].owner, Owner("*.w"));
}

TEST_F(Reply, conf_W09_FollowsACnameAtAWildcard) {
  EXPECT_EQ(Shape(Ask("q.cw", Type::kA).answer),
            (Lines{"q.cw.example.test. CNAME", "www.example.test. A"}));
}

TEST_F(Reply, conf_W10_TakesTheLeftMostAsteriskAlone) {
  EXPECT_EQ(Ask("a.*.nw", Type::kA).answer.size(), 1U);
  // *.nw is an empty non-terminal, so the wildcard right below nw has no data.
  ExpectNodata(Ask("a.b.nw", Type::kA));
}

TEST_F(Reply, conf_W11_SaysNodataForAWildcardThatIsAnEmptyNonTerminal) {
  ExpectNodata(Ask("foo.ew", Type::kA));
}

TEST_F(Reply, conf_W13_W14_SaysNodataForAnEmptyNonTerminal) {
  ExpectNodata(Ask("ent", Type::kA));
  ExpectNodata(Ask("_tcp", Type::kSrv));
  EXPECT_EQ(client_.Count(Counter::kNodata), 2U);
}

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

// ---- Routed names

TEST_F(Reply, AnswersThePrimaryThenTheSecondaryThenTheLastResort) {
  test::TestTables tables(test::ExampleModel());
  const auto ask = [&] {
    const auto reply =
        client_.Ask(tables.snapshot(), PacketBuilder().Question("f2.example.test", Type::kA));
    EXPECT_EQ(reply.answer.size(), 1U);
    EXPECT_EQ(reply.answer.at(0).ttl, 30U);
    return reply.answer.at(0).rdata;
  };
  EXPECT_EQ(ask(), A("192.0.2.10"));
  tables.SetHealth("check-p", false);
  EXPECT_EQ(ask(), A("192.0.2.20"));
  EXPECT_EQ(client_.Count(Counter::kLastResort), 0U);
  tables.SetHealth("check-s", false);
  EXPECT_EQ(ask(), A("192.0.2.10"));
  EXPECT_EQ(client_.Count(Counter::kLastResort), 1U);
  tables.SetHealth("check-p", true);
  EXPECT_EQ(ask(), A("192.0.2.10"));
  EXPECT_EQ(client_.Count(Counter::kLastResort), 1U);
}

TEST_F(Reply, conf_X07_HealthNeverChangesWhichNamesAndTypesExist) {
  test::TestTables tables(test::ExampleModel());
  for (const bool healthy : {true, false}) {
    tables.SetHealth("check-p", healthy);
    tables.SetHealth("check-s", healthy);
    const auto address =
        client_.Ask(tables.snapshot(), PacketBuilder().Question("f2.example.test", Type::kA));
    EXPECT_EQ(address.answer.size(), 1U);
    ExpectNodata(
        client_.Ask(tables.snapshot(), PacketBuilder().Question("f2.example.test", Type::kAaaa)));
  }
}

TEST_F(Reply, FollowsTheCnameThatARuleChose) {
  test::TestTables tables(test::ExampleModel());
  const auto ask = [&] {
    return Shape(
        client_.Ask(tables.snapshot(), PacketBuilder().Question("fc.example.test", Type::kAaaa))
            .answer);
  };
  EXPECT_EQ(ask(), (Lines{"fc.example.test. CNAME", "www.example.test. AAAA"}));
  tables.SetHealth("check-p", false);
  EXPECT_EQ(ask(), (Lines{"fc.example.test. CNAME"})) << "multi has no AAAA";
}

TEST_F(Reply, conf_K07_DrawsWeightsInTheirShares) {
  constexpr int kDraws = 100000;
  std::map<std::string, int> seen;
  for (int i = 0; i < kDraws; ++i) {
    const auto raw = client_.Raw(tables_->snapshot(),
                                 PacketBuilder().Question("w3.example.test", Type::kA).Build());
    ++seen[raw->substr(raw->size() - 4)];
  }
  const double shares[] = {0.1, 0.2, 0.7};
  for (int i = 0; i < 3; ++i) {
    const int count = seen[A(("192.0.2." + std::to_string(31 + i)).c_str())];
    const double sigma = std::sqrt(kDraws * shares[i] * (1 - shares[i]));
    EXPECT_NEAR(count, kDraws * shares[i], 6 * sigma) << i;
  }
}

TEST_F(Reply, DrawsEightDifferentRecordsOfAMultivalueGroupEachAsOften) {
  constexpr int kDraws = 30000;
  std::map<std::string, int> seen;
  for (int i = 0; i < kDraws; ++i) {
    const auto reply = Ask("mv", Type::kA);
    ASSERT_EQ(reply.answer.size(), 8U);
    ASSERT_EQ(Rdata(reply.answer).size(), 8U) << "without replacement";
    for (const auto& record : reply.answer) {
      ++seen[record.rdata];
    }
  }
  ASSERT_EQ(seen.size(), 12U);
  const double share = 8.0 / 12;
  for (const auto& [rdata, count] : seen) {
    EXPECT_NEAR(count, kDraws * share, 6 * std::sqrt(kDraws * share * (1 - share)));
  }
}

// ---- Bursts and counters

TEST_F(Reply, AnswersAFullBurstOfDifferentQueriesAsOneByOne) {
  const char* names[] = {"www", "nope", "alias", "x.sub", "foo.w", "f2", "ent", "multi"};
  std::vector<std::vector<std::byte>> buffers;
  std::vector<Job> jobs(kMaxBurst);
  for (std::size_t i = 0; i < kMaxBurst; ++i) {
    PacketBuilder message;
    message.Id(static_cast<std::uint16_t>(i))
        .Question(std::string(names[i % 8]) + ".example.test", Type::kA);
    std::string octets = i % 16 == 3 ? std::string("short") : message.Build();
    auto& buffer = buffers.emplace_back(4096);
    std::memcpy(buffer.data(), octets.data(), octets.size());
    jobs[i].message = buffer.data();
    jobs[i].query_octets = static_cast<std::uint32_t>(octets.size());
    jobs[i].room_octets = 4096;
  }
  Answer(tables_->snapshot(), jobs, client_.scratch());
  for (std::size_t i = 0; i < kMaxBurst; ++i) {
    if (i % 16 == 3) {
      EXPECT_EQ(jobs[i].outcome, Outcome::kDrop);
      continue;
    }
    ASSERT_EQ(jobs[i].outcome, Outcome::kReply);
    const auto burst =
        test::ReadMessage({reinterpret_cast<const char*>(jobs[i].message), jobs[i].reply_octets});
    ASSERT_TRUE(burst.has_value());
    EXPECT_EQ(burst->id, i);
    test::AnswerClient alone;
    const auto single =
        alone.Ask(tables_->snapshot(),
                  PacketBuilder().Question(std::string(names[i % 8]) + ".example.test", Type::kA));
    EXPECT_EQ(burst->flags, single.flags) << names[i % 8];
    EXPECT_EQ(Rdata(burst->answer), Rdata(single.answer));
    EXPECT_EQ(Shape(burst->authority), Shape(single.authority));
  }
  EXPECT_EQ(client_.Count(Counter::kQueries), kMaxBurst);
  EXPECT_EQ(client_.Count(Counter::kReplies), kMaxBurst - 4);
  EXPECT_EQ(client_.Count(Counter::kDroppedShort), 4U);
}

TEST_F(Reply, DropsEverythingWithoutATable) {
  const auto raw = client_.Raw(table::Snapshot(),
                               PacketBuilder().Question("www.example.test", Type::kA).Build());
  EXPECT_FALSE(raw.has_value());
  EXPECT_EQ(client_.Count(Counter::kDroppedNoTable), 1U);
}

TEST_F(Reply, conf_H02_CountsTheResponsesItDrops) {
  EXPECT_FALSE(
      client_.Raw(tables_->snapshot(),
                  PacketBuilder().Flags(0x8000).Question("www.example.test", Type::kA).Build()));
  EXPECT_EQ(client_.Count(Counter::kDroppedResponse), 1U);
}

TEST(CounterText, NamesEveryCounterOnce) {
  std::set<std::string> names;
  for (int i = 0; i < static_cast<int>(Counter::kCount); ++i) {
    names.insert(CounterText(static_cast<Counter>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Counter::kCount));
  EXPECT_FALSE(names.contains(""));
}

}  // namespace
}  // namespace holdfast::answer

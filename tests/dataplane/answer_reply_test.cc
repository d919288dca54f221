// Replies over the example zone, row by row of the conformance list (the row is in the test's
// name): header and question, names, answers and chains, wildcards. Tables are made by compile and
// publish, replies are read by the strict reader.
#include "tests/dataplane/answer_reply.h"

#include <string>
#include <vector>

namespace holdfast::answer {
namespace {

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

}  // namespace
}  // namespace holdfast::answer

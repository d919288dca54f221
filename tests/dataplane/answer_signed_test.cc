// Zones that were signed elsewhere, row by row of the conformance list (group S). Whether resolvers
// that validate agree is tests/e2e/signed_zones_test.py's affair.
#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

#include "dataplane/answer/nsec3_hash.h"
#include "tests/dataplane/answer_client.h"
#include "tests/dataplane/signed_zones.h"
#include "tests/dataplane/test_tables.h"

namespace holdfast::answer {
namespace {

using test::N;
using test::PacketBuilder;
using test::ReadRecord;
using test::ReadReply;
using test::Wire;
using wire::Type;
using Lines = std::vector<std::string>;

// "owner TYPE", of a signature "owner RRSIG TYPE"; sorted, since the order within an rrset is
// random.
Lines Shape(const std::vector<ReadRecord>& section) {
  Lines out;
  for (const auto& record : section) {
    out.push_back(wire::ToText(wire::Fold(record.owner)) + " " + wire::TypeText(record.type));
    if (record.type == N(Type::kRrsig)) {
      out.back() += " " + wire::TypeText(LoadBe16(record.rdata.data()));
    }
  }
  std::ranges::sort(out);
  return out;
}

// Each owner and type with one signature over it.
Lines WithSigs(Lines lines) {
  for (std::size_t i = 0, count = lines.size(); i < count; ++i) {
    const std::size_t space = lines[i].find(' ');
    lines.push_back(lines[i].substr(0, space) + " RRSIG" + lines[i].substr(space));
  }
  std::ranges::sort(lines);
  return lines;
}

// The owner of the NSEC3 of a name in n3.test (no salt) or optout.test (salt abcd, 5 iterations).
std::string Hashed(const std::string& name, const std::string& zone) {
  const std::string wire = Wire(name);
  const std::string salt = zone == "n3.test" ? "" : "\xab\xcd";
  const auto hash = Nsec3Hash(
      std::as_bytes(std::span(wire)), std::as_bytes(std::span(salt)), zone == "n3.test" ? 0 : 5);
  std::string label(kHashLabelOctets, '\0');
  WriteHashLabel(hash.data(), reinterpret_cast<std::byte*>(label.data()));
  return label.substr(1) + "." + zone + ".";
}

class Signed : public testing::Test {
 protected:
  static void SetUpTestSuite() { tables_ = new test::TestTables(test::SignedModel()); }
  static void TearDownTestSuite() {
    delete tables_;
    tables_ = nullptr;
  }
  ReadReply Plain(const std::string& name, Type type) {
    return client_.Ask(tables_->snapshot(), PacketBuilder().Question(name, type).Edns());
  }
  ReadReply Ask(const std::string& name,
                Type type,
                unsigned size = 4096,
                Transport transport = Transport::kUdp) {
    return client_.Ask(
        tables_->snapshot(),
        PacketBuilder().Question(name, type).Edns({.size = size, .flags = 0x8000, .options = {}}),
        transport);
  }
  // Every NSEC3 of `reply` that is not the hash of one of `names`, which all must be there.
  std::size_t CoversBeside(const ReadReply& reply, const Lines& names, const std::string& zone) {
    const Lines lines = Shape(reply.authority);
    std::size_t matched = 0;
    for (const auto& name : names) {
      const auto line = Hashed(name, zone) + " NSEC3";
      EXPECT_EQ(std::ranges::count(lines, line), 1) << name;
      ++matched;
    }
    const auto all =
        std::ranges::count_if(lines, [](const auto& l) { return l.ends_with(" NSEC3"); });
    EXPECT_EQ(
        std::ranges::count_if(lines, [](const auto& l) { return l.ends_with("RRSIG NSEC3"); }),
        all / 2);
    return static_cast<std::size_t>(all) / 2 - matched;
  }
  // Whether an NSEC3 of the reply covers the hash of `name`.
  static bool Covers(const ReadReply& reply, const std::string& name, const std::string& zone) {
    const std::string hash = Hashed(name, zone).substr(0, 32);
    return std::ranges::any_of(reply.authority, [&](const ReadRecord& record) {
      if (record.type != N(Type::kNsec3)) {
        return false;
      }
      const std::string from = wire::ToText(wire::Fold(record.owner)).substr(0, 32);
      const std::size_t salt = static_cast<unsigned char>(record.rdata[4]);
      std::string label(kHashLabelOctets, '\0');
      WriteHashLabel(reinterpret_cast<const std::byte*>(record.rdata.data()) + 6 + salt,
                     reinterpret_cast<std::byte*>(label.data()));
      const std::string to = label.substr(1);
      return from < to ? from < hash && hash < to : from < hash || hash < to;
    });
  }

  static inline test::TestTables* tables_ = nullptr;
  test::AnswerClient client_{1, 4096};
};

TEST_F(Signed, conf_S01_WithoutDoNothingOfDnssecIsAdded) {
  const struct {
    const char* name;
    Type type;
  } cases[] = {{"www.", Type::kA},
               {"alias.", Type::kA},
               {"x.w.", Type::kA},
               {"www.", Type::kMx},
               {"nope.", Type::kA},
               {"host.sub.", Type::kA},
               {"host.secure.", Type::kA},
               {"x.dn.", Type::kA},
               {"www.", Type::kAny}};
  for (const std::string zone : {"signed.test", "n3.test", "optout.test"}) {
    for (const auto& c : cases) {
      const auto reply = Plain(c.name + zone, c.type);
      for (const auto* section : {&reply.answer, &reply.authority, &reply.additional}) {
        for (const auto& record : *section) {
          EXPECT_TRUE(record.type != N(Type::kRrsig) && record.type != N(Type::kNsec) &&
                      record.type != N(Type::kNsec3) && record.type != N(Type::kDs))
              << c.name << zone << " " << record.type;
        }
      }
    }
  }
  EXPECT_EQ(Shape(Plain("www.signed.test", Type::kNsec).answer), (Lines{"www.signed.test. NSEC"}));
}

TEST_F(Signed, conf_S02_WithDoEveryRrsetHasItsSignatures) {
  EXPECT_EQ(Shape(Ask("www.signed.test", Type::kA).answer),
            (Lines{"www.signed.test. A", "www.signed.test. A", "www.signed.test. RRSIG A"}));
  const auto chain = Ask("alias.signed.test", Type::kAaaa);
  EXPECT_EQ(Shape(chain.answer), WithSigs({"alias.signed.test. CNAME", "www.signed.test. AAAA"}));
  const auto mail = Ask("mx.signed.test", Type::kMx);
  EXPECT_EQ(Shape(mail.answer), WithSigs({"mx.signed.test. MX"}));
  EXPECT_EQ(Shape(mail.additional),
            (Lines{"www.signed.test. A",
                   "www.signed.test. A",
                   "www.signed.test. AAAA",
                   "www.signed.test. RRSIG A",
                   "www.signed.test. RRSIG AAAA"}));
  // The CNAME that a DNAME gives has no signature (RFC 6672 5.3.1).
  EXPECT_EQ(Shape(Ask("x.dn.signed.test", Type::kA).answer),
            (Lines{"dn.signed.test. DNAME",
                   "dn.signed.test. RRSIG DNAME",
                   "x.dn.signed.test. CNAME",
                   "x.target.signed.test. A",
                   "x.target.signed.test. RRSIG A"}));
  for (const auto& record : Ask("www.signed.test", Type::kA).answer) {
    EXPECT_EQ(record.ttl, 3600U);
  }
}

TEST_F(Signed, conf_S03_SignaturesAreRequiredButNotBesideTheAnswer) {
  // The rrset alone would fit.
  const auto big = Ask("big.signed.test", Type::kTxt, 512);
  EXPECT_TRUE(big.Tc());
  EXPECT_TRUE(big.answer.empty() && big.authority.empty() && big.additional.empty());
  EXPECT_FALSE(Plain("big.signed.test", Type::kTxt).Tc());
  EXPECT_FALSE(Ask("big.signed.test", Type::kTxt, 512, Transport::kTcp).Tc());
  const auto negative = Ask("nope.n3.test", Type::kA, 512);
  EXPECT_TRUE(negative.Tc());
  EXPECT_TRUE(negative.authority.empty());
  EXPECT_EQ(negative.Rcode(), 3U);
  const auto mail = Ask("mx.signed.test", Type::kMx, 512);
  EXPECT_FALSE(mail.Tc());
  EXPECT_EQ(Shape(mail.answer), WithSigs({"mx.signed.test. MX"}));
  EXPECT_LE(client_.octets(), 512U);
  // A referral's proof is required too: from some size on all of it is there, below nothing is.
  bool truncated = false;
  for (unsigned size = 512; size < 900; ++size) {
    const auto cut =
        Ask("a-name-that-makes-the-question-longer.and-longer.sub.optout.test", Type::kA, size);
    truncated = truncated || cut.Tc();
    EXPECT_LE(client_.octets(), size);
    EXPECT_EQ(cut.authority.size(), cut.Tc() ? 0U : 5U) << size;
    EXPECT_EQ(cut.additional.size(), cut.Tc() ? 0U : 1U) << size;
  }
}

TEST_F(Signed, conf_S04_S11_NodataHasTheNsecOfTheNameOrBeforeAnEmptyNonTerminal) {
  const auto reply = Ask("www.signed.test", Type::kMx);
  EXPECT_EQ(reply.Rcode(), 0U);
  EXPECT_TRUE(reply.Aa());
  EXPECT_EQ(Shape(reply.authority), WithSigs({"signed.test. SOA", "www.signed.test. NSEC"}));
  const auto ent = Ask("ent.signed.test", Type::kA);
  EXPECT_EQ(ent.Rcode(), 0U);
  EXPECT_EQ(Shape(ent.authority), WithSigs({"dn.signed.test. NSEC", "signed.test. SOA"}));
  const auto apex = Ask("signed.test", Type::kMx);
  EXPECT_EQ(Shape(apex.authority), WithSigs({"signed.test. NSEC", "signed.test. SOA"}));
}

TEST_F(Signed, conf_S05_NxdomainHasTheCoveringNsecAndThatOfTheWildcard) {
  const auto reply = Ask("Nope.x.signed.test", Type::kA);
  EXPECT_EQ(reply.Rcode(), 3U);
  EXPECT_TRUE(reply.Aa());
  EXPECT_EQ(Shape(reply.authority),
            WithSigs({"signed.test. NSEC", "signed.test. SOA", "www.signed.test. NSEC"}));
  // Both in one, then it stands once.
  const auto below = Ask("x.www.signed.test", Type::kA);
  EXPECT_EQ(Shape(below.authority), WithSigs({"signed.test. SOA", "www.signed.test. NSEC"}));
  // Behind a CNAME whose target is missing.
  const auto gone = Ask("gone.signed.test", Type::kA);
  EXPECT_EQ(gone.Rcode(), 3U);
  EXPECT_EQ(Shape(gone.answer), WithSigs({"gone.signed.test. CNAME"}));
  EXPECT_EQ(Shape(gone.authority),
            WithSigs({"deep.lone.signed.test. NSEC", "signed.test. NSEC", "signed.test. SOA"}));
}

TEST_F(Signed, conf_S06_AWildcardsAnswerProvesThatTheNameIsNotThere) {
  const auto reply = Ask("foo.w.signed.test", Type::kA);
  EXPECT_EQ(Shape(reply.answer), WithSigs({"foo.w.signed.test. A"}));
  EXPECT_EQ(Shape(reply.authority), WithSigs({"*.w.signed.test. NSEC"}));
  for (const auto& record : reply.answer) {
    if (record.type == N(Type::kRrsig)) {
      EXPECT_EQ(record.rdata[3], 3) << "labels of *.w.signed.test without the *";
    }
  }
  // The wildcard itself is asked for: it is there.
  EXPECT_TRUE(Ask("*.w.signed.test", Type::kA).authority.empty());
  // Proofs of a chain come behind all of its answers.
  const auto chain = Ask("towild.signed.test", Type::kTxt);
  EXPECT_EQ(Shape(chain.answer), WithSigs({"towild.signed.test. CNAME", "x.w.signed.test. TXT"}));
  EXPECT_EQ(Shape(chain.authority), WithSigs({"*.w.signed.test. NSEC"}));
  const auto gone = Ask("towildgone.signed.test", Type::kA);
  EXPECT_EQ(gone.Rcode(), 3U);
  EXPECT_EQ(Shape(gone.answer),
            WithSigs({"towildgone.signed.test. CNAME", "x.w2.signed.test. CNAME"}));
  EXPECT_EQ(Shape(gone.authority),
            WithSigs({"*.w2.signed.test. NSEC",
                      "deep.lone.signed.test. NSEC",
                      "signed.test. NSEC",
                      "signed.test. SOA"}));
}

TEST_F(Signed, conf_S07_AWildcardsNodataHasBothNsec) {
  const auto reply = Ask("foo.w.signed.test", Type::kMx);
  EXPECT_EQ(reply.Rcode(), 0U);
  EXPECT_EQ(Shape(reply.authority), WithSigs({"*.w.signed.test. NSEC", "signed.test. SOA"}));
  // One that the wildcard's own NSEC does not cover.
  const auto before = Ask("!.w.signed.test", Type::kMx);
  EXPECT_EQ(
      Shape(before.authority),
      WithSigs({"*.w.signed.test. NSEC", "signed.test. SOA", "towildgone.signed.test. NSEC"}));
}

TEST_F(Signed, conf_S08_Nsec3ProvesEncloserNextCloserAndWildcard) {
  const auto missing = Ask("a.b.nope.n3.test", Type::kA);
  EXPECT_EQ(missing.Rcode(), 3U);
  EXPECT_LE(CoversBeside(missing, {"n3.test"}, "n3.test"), 2U);
  EXPECT_TRUE(Covers(missing, "nope.n3.test", "n3.test"));
  EXPECT_TRUE(Covers(missing, "*.n3.test", "n3.test"));
  const auto nodata = Ask("www.n3.test", Type::kMx);
  EXPECT_EQ(CoversBeside(nodata, {"www.n3.test"}, "n3.test"), 0U);
  const auto wild = Ask("a.b.w.n3.test", Type::kA);
  EXPECT_EQ(Shape(wild.answer), WithSigs({"a.b.w.n3.test. A"}));
  EXPECT_EQ(CoversBeside(wild, {}, "n3.test"), 1U);
  EXPECT_TRUE(Covers(wild, "b.w.n3.test", "n3.test"));
  const auto wild_nodata = Ask("a.b.w.n3.test", Type::kMx);
  EXPECT_EQ(CoversBeside(wild_nodata, {"w.n3.test", "*.w.n3.test"}, "n3.test"), 1U);
  EXPECT_TRUE(Covers(wild_nodata, "b.w.n3.test", "n3.test"));
}

TEST_F(Signed, conf_S08_OptOutProvesWithTheClosestEncloserThatHasAnNsec3) {
  // lone and deep.lone lead to an insecure delegation alone: they have no NSEC3.
  const auto ds = Ask("deep.lone.optout.test", Type::kDs);
  EXPECT_EQ(ds.Rcode(), 0U);
  EXPECT_TRUE(ds.Aa());
  CoversBeside(ds, {"optout.test"}, "optout.test");
  EXPECT_TRUE(Covers(ds, "lone.optout.test", "optout.test"));
  const auto ent = Ask("lone.optout.test", Type::kA);
  EXPECT_EQ(ent.Rcode(), 0U);
  EXPECT_TRUE(Covers(ent, "lone.optout.test", "optout.test"));
  const auto missing = Ask("nope.lone.optout.test", Type::kA);
  EXPECT_EQ(missing.Rcode(), 3U);
  CoversBeside(missing, {"optout.test"}, "optout.test");
  EXPECT_TRUE(Covers(missing, "lone.optout.test", "optout.test"));
  EXPECT_TRUE(Covers(missing, "*.optout.test", "optout.test"));
}

TEST_F(Signed, conf_S09_ServesParametersAsTheyStand) {
  const auto reply = Ask("n3.test", Type::kNsec3param);
  EXPECT_EQ(Shape(reply.answer), WithSigs({"n3.test. NSEC3PARAM"}));
  const auto& record = *std::ranges::find(reply.answer, N(Type::kNsec3param), &ReadRecord::type);
  EXPECT_EQ(record.rdata, std::string("\1\0\0\0\0", 5));
}

TEST_F(Signed, conf_S10_AHashedOwnerIsNoName) {
  for (const Type type : {Type::kA, Type::kNsec3, Type::kRrsig}) {
    const auto reply = Ask(Hashed("www.n3.test", "n3.test"), type);
    EXPECT_EQ(reply.Rcode(), 3U);
    EXPECT_TRUE(reply.answer.empty());
    CoversBeside(reply, {"n3.test"}, "n3.test");
  }
}

TEST_F(Signed, conf_S11_AnEmptyNonTerminalHasAnNsec3) {
  const auto reply = Ask("ent.n3.test", Type::kA);
  EXPECT_EQ(reply.Rcode(), 0U);
  EXPECT_EQ(CoversBeside(reply, {"ent.n3.test"}, "n3.test"), 0U);
}

TEST_F(Signed, conf_S12_ProofsLiveNoLongerThanTheNegativeAnswer) {
  auto model = test::SignedModel();
  for (auto& zone : model.zones) {
    for (auto& rrset : zone.rrsets) {
      if (rrset.type == N(Type::kNsec) || rrset.type == N(Type::kNsec3)) {
        rrset.ttl = 3600;  // as older signers left them
      }
    }
  }
  const test::TestTables tables(model);
  for (const std::string name : {"nope.signed.test", "nope.n3.test"}) {
    const auto reply = client_.Ask(
        tables.snapshot(),
        PacketBuilder().Question(name, Type::kA).Edns({.flags = 0x8000, .options = {}}));
    EXPECT_GE(reply.authority.size(), 4U);
    for (const auto& record : reply.authority) {
      EXPECT_EQ(record.ttl, 60U) << name << " " << record.type;
    }
  }
}

TEST_F(Signed, conf_S18_D06_DsIsTheParentsAndDnskeyTheApexs) {
  EXPECT_EQ(Shape(Ask("signed.test", Type::kDnskey).answer), WithSigs({"signed.test. DNSKEY"}));
  EXPECT_EQ(Shape(Ask("secure.signed.test", Type::kDs).answer),
            WithSigs({"secure.signed.test. DS"}));
  // Parent and child are both served here.
  const auto ds = Ask("child.signed.test", Type::kDs);
  EXPECT_EQ(Shape(ds.answer), WithSigs({"child.signed.test. DS"}));
  EXPECT_EQ(Shape(Ask("child.signed.test", Type::kDnskey).answer),
            WithSigs({"child.signed.test. DNSKEY"}));
  EXPECT_EQ(Shape(Ask("child.signed.test", Type::kMx).authority),
            WithSigs({"child.signed.test. NSEC", "child.signed.test. SOA"}));
  EXPECT_EQ(Shape(Ask("sub.signed.test", Type::kDs).authority),
            WithSigs({"signed.test. SOA", "sub.signed.test. NSEC"}));
  EXPECT_EQ(CoversBeside(Ask("sub.n3.test", Type::kDs), {"sub.n3.test"}, "n3.test"), 0U);
}

TEST_F(Signed, conf_S18_D09_AReferralHasTheDsOrTheProofOfNone) {
  const auto secure = Ask("host.secure.signed.test", Type::kA);
  EXPECT_FALSE(secure.Aa());
  EXPECT_EQ(
      Shape(secure.authority),
      (Lines{"secure.signed.test. DS", "secure.signed.test. NS", "secure.signed.test. RRSIG DS"}));
  EXPECT_EQ(Shape(secure.additional), (Lines{"ns1.secure.signed.test. A"}));
  const auto insecure = Ask("host.sub.signed.test", Type::kA);
  EXPECT_EQ(Shape(insecure.authority),
            (Lines{"sub.signed.test. NS", "sub.signed.test. NSEC", "sub.signed.test. RRSIG NSEC"}));
  EXPECT_EQ(Shape(insecure.additional), (Lines{"ns1.sub.signed.test. A"}));
  const auto n3 = Ask("host.sub.n3.test", Type::kA);
  EXPECT_EQ(CoversBeside(n3, {"sub.n3.test"}, "n3.test"), 0U);
  EXPECT_EQ(Shape(n3.additional), (Lines{"ns1.sub.n3.test. A"}));
  const auto optout = Ask("host.sub.optout.test", Type::kA);
  EXPECT_EQ(CoversBeside(optout, {"optout.test"}, "optout.test"), 1U);
  EXPECT_TRUE(Covers(optout, "sub.optout.test", "optout.test"));
  const auto chain = Ask("tocut.signed.test", Type::kA);
  EXPECT_EQ(Shape(chain.answer), WithSigs({"tocut.signed.test. CNAME"}));
  EXPECT_EQ(chain.authority.size(), 3U);
}

TEST_F(Signed, conf_S22_ServesCdsAndCdnskey) {
  EXPECT_EQ(Shape(Ask("signed.test", static_cast<Type>(59)).answer),
            WithSigs({"signed.test. CDS"}));
  EXPECT_EQ(Shape(Ask("signed.test", static_cast<Type>(60)).answer),
            WithSigs({"signed.test. CDNSKEY"}));
}

TEST_F(Signed, conf_S24_PassesUnknownAlgorithmsThroughAndServesAllSignatures) {
  auto model = test::SignedModel();
  for (auto& rrset : model.zones[0].rrsets) {
    if (rrset.type == N(Type::kRrsig) && rrset.owner == Wire("www.signed.test")) {
      std::string other = rrset.rdata[0];
      other[2] = static_cast<char>(253);
      rrset.rdata.push_back(other);
    }
  }
  const test::TestTables tables(model);
  const auto reply = client_.Ask(
      tables.snapshot(),
      PacketBuilder().Question("www.signed.test", Type::kA).Edns({.flags = 0x8000, .options = {}}));
  std::vector<int> algorithms;
  for (const auto& record : reply.answer) {
    if (record.type == N(Type::kRrsig)) {
      algorithms.push_back(static_cast<unsigned char>(record.rdata[2]));
    }
  }
  std::ranges::sort(algorithms);
  EXPECT_EQ(algorithms, (std::vector<int>{13, 253}));
}

TEST_F(Signed, conf_Y02_AnyIsSigned) {
  EXPECT_EQ(Shape(Ask("www.signed.test", Type::kAny).answer), WithSigs({"www.signed.test. AAAA"}));
  EXPECT_EQ(Shape(Ask("alias.signed.test", Type::kAny).answer),
            WithSigs({"alias.signed.test. CNAME"}));
  EXPECT_EQ(Ask("nope.signed.test", Type::kAny).Rcode(), 3U);
}

TEST_F(Signed, conf_Y06_RrsigGetsTheSignaturesOverOneRrset) {
  EXPECT_EQ(Shape(Ask("www.signed.test", Type::kRrsig).answer),
            (Lines{"www.signed.test. RRSIG A"}));
  EXPECT_EQ(Shape(Plain("signed.test", Type::kRrsig).answer), (Lines{"signed.test. RRSIG NS"}));
  // Beside a CNAME, not behind it; of a wildcard too; at a cut the referral.
  EXPECT_EQ(Shape(Ask("alias.signed.test", Type::kRrsig).answer),
            (Lines{"alias.signed.test. RRSIG CNAME"}));
  const auto wild = Ask("foo.w.signed.test", Type::kRrsig);
  EXPECT_EQ(Shape(wild.answer), (Lines{"foo.w.signed.test. RRSIG A"}));
  EXPECT_EQ(Shape(wild.authority), WithSigs({"*.w.signed.test. NSEC"}));
  EXPECT_EQ(Ask("ent.signed.test", Type::kRrsig).answer.size(), 0U);
  EXPECT_FALSE(Ask("sub.signed.test", Type::kRrsig).Aa());
}

TEST_F(Signed, AnswersNsecByType) {
  EXPECT_EQ(Shape(Ask("alias.signed.test", Type::kNsec).answer),
            WithSigs({"alias.signed.test. NSEC"}));
  EXPECT_EQ(Shape(Ask("foo.w.signed.test", Type::kNsec).answer),
            WithSigs({"foo.w.signed.test. NSEC"}));
  EXPECT_EQ(Ask("ent.signed.test", Type::kNsec).Rcode(), 0U);
  EXPECT_TRUE(Ask("ent.signed.test", Type::kNsec).answer.empty());
  EXPECT_TRUE(Ask("www.n3.test", Type::kNsec).answer.empty());
}

// Whatever the octets say: nothing outside is read, which the sanitizers see, and the reader ends.
TEST_F(Signed, SurvivesDamageOfEachKind) {
  const test::FrozenImage image = tables_->Freeze();
  const char* names[] = {"www.signed.test",
                         "x.nope.signed.test",
                         "foo.w.signed.test",
                         "host.secure.signed.test",
                         "nope.n3.test",
                         "deep.lone.optout.test"};
  std::vector<std::string> messages;
  for (const char* name : names) {
    for (const Type type : {Type::kA, Type::kDs, Type::kNsec, Type::kRrsig}) {
      messages.push_back(
          PacketBuilder().Question(name, type).Edns({.flags = 0x8000, .options = {}}).Build());
    }
  }
  std::mt19937_64 random(7);
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t at = 4096 + random() % (image.octets().size() - 4096);
    const std::byte before = image.octets()[at];
    image.octets()[at] = static_cast<std::byte>(random());
    client_.Raw(image.snapshot(), messages[static_cast<std::size_t>(round) % messages.size()]);
    image.octets()[at] = before;
  }
}

}  // namespace
}  // namespace holdfast::answer

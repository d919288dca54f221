// Where a zone's own records lead: what is served all the same, and warned about with its place.
#include <cstdio>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/config/zone_file.h"
#include "control/model/rules.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The warnings of example.test with these lines more, which begin with line 4.
std::vector<std::string> WarningsOf(const std::string& lines) {
  std::string text =
      "$TTL 60\n@ IN SOA ns h 1 2 3 4 5\n@ IN NS ns\n" + lines + "\nns IN A 192.0.2.53\n";
  Zone zone;
  zone.origin = wire::FromText("example.test.").value();
  Findings findings;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(
      fmemopen(text.data(), text.size(), "r"), &std::fclose);
  ReadZoneStream(stream.get(), "z", zone, findings);
  EXPECT_TRUE(findings.Ok()) << findings.ToError().message;
  Findings linted;
  LintTargets(zone, linted);
  return linted.Warnings();
}

TEST(TargetLint, NamesLoopsWithTheirPlace) {
  EXPECT_THAT(WarningsOf("q CNAME q"),
              ElementsAre("z:4: 'q.example.test. CNAME': leads back to itself: a loop, which "
                          "nobody gets an address from"));
  EXPECT_EQ(WarningsOf("a CNAME B\nb CNAME A").size(), 2U);
  EXPECT_THAT(WarningsOf("a CNAME b\nb CNAME c\nc CNAME b"),
              ::testing::Contains(HasSubstr("z:4: 'a.example.test. CNAME': leads on and on")));
  EXPECT_THAT(WarningsOf("d1 DNAME d2\nd2 DNAME d1"),
              ElementsAre(HasSubstr("DNAME': leads on and on"), HasSubstr("leads on and on")));
  EXPECT_THAT(WarningsOf("d3 DNAME x.d3"), ElementsAre(HasSubstr("z:4: 'd3.example.test. DNAME'")));
  EXPECT_THAT(
      WarningsOf("a CNAME x.d\nd DNAME e\nx.e CNAME a"),
      ElementsAre(HasSubstr("leads back"), HasSubstr("on and on"), HasSubstr("leads back")));
  std::string chain;
  for (int i = 0; i < 17; ++i) {
    chain += "c" + std::to_string(i) + " CNAME c" + std::to_string(i + 1) + "\n";
  }
  EXPECT_THAT(WarningsOf(chain),
              ElementsAre(HasSubstr("'c0.example.test. CNAME': leads on and on: a loop, or a "
                                    "chain of more than 16 links")));
}

TEST(TargetLint, IsSilentOfChainsThatEnd) {
  EXPECT_THAT(WarningsOf("a CNAME b\nb CNAME www\nwww A 192.0.2.1\next CNAME a.other.test."),
              IsEmpty());
  EXPECT_THAT(WarningsOf("d DNAME target\na CNAME x.d\nx.target A 192.0.2.1\no DNAME other.test."),
              IsEmpty());
}

TEST(TargetLint, NamesServersThatNobodyCanAsk) {
  EXPECT_THAT(WarningsOf("s NS ns.s"),
              ElementsAre("z:4: 's.example.test. NS': server ns.s.example.test. lies below its own "
                          "delegation and has no address here (glue), so nobody can ask it"));
  EXPECT_THAT(WarningsOf("s NS s"), ElementsAre(HasSubstr("lies below its own delegation")));
  EXPECT_THAT(WarningsOf("s NS ns.s\nns.s TXT \"no address\""), ElementsAre(HasSubstr("(glue)")));
  EXPECT_THAT(WarningsOf("s NS nowhere"),
              ElementsAre(HasSubstr("nowhere.example.test. has no address in this zone")));
  EXPECT_THAT(WarningsOf("@ NS gone"), ElementsAre(HasSubstr("gone.example.test. has no address")));
  for (const char* good : {"s NS ns.s\nns.s A 192.0.2.1",
                           "s NS ns.s\nNS.S AAAA 2001:db8::1",
                           "s NS ns.other.test.",
                           "s NS ns",
                           "s NS n.w\n*.w A 192.0.2.1",
                           "s NS ns.t\nt NS ns.other.test."}) {
    EXPECT_THAT(WarningsOf(good), IsEmpty()) << good;
  }
}

TEST(TargetLint, NamesAliasesWhereThereMustBeNone) {
  EXPECT_THAT(WarningsOf("c CNAME ns\ng NS c\nm MX 10 c\ns SRV 0 0 53 c"),
              ElementsAre(HasSubstr("'g.example.test. NS': leads to c.example.test., which is a "
                                    "CNAME (z:4); expected a name with addresses (RFC 2181 10.3)"),
                          HasSubstr("'m.example.test. MX': leads to c.example.test."),
                          HasSubstr("(RFC 2782)")));
  EXPECT_THAT(WarningsOf("m MX 0 .\ns SRV 0 0 0 .\nn MX 10 mail.other.test."), IsEmpty());
}

TEST(TargetLint, NamesDsWithoutADelegation) {
  constexpr const char* kDs =
      " DS 1 8 2 "
      "0000000000000000000000000000000000000000000000000000000000000000";
  EXPECT_THAT(WarningsOf(std::string("s") + kDs), ElementsAre(HasSubstr("DS belongs to")));
  EXPECT_THAT(WarningsOf(std::string("@") + kDs), ElementsAre(HasSubstr("DS belongs to")));
  EXPECT_THAT(WarningsOf(std::string("s NS ns.other.test.\ns") + kDs), IsEmpty());
}

}  // namespace
}  // namespace holdfast::control

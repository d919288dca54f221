// Zone files: what they mean, and each way in which one is refused or warned about.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include "control/config/load.h"
#include "control/config/zone_file.h"
#include "control/model/rules.h"
#include "dataplane/wire/name.h"

namespace holdfast::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Wire(const char* name) {
  return wire::FromText(name).value();
}

struct Read {
  Zone zone;
  Findings findings;
};

// Reads and judges text as the zone example.test.
std::unique_ptr<Read> ReadText(std::string text) {
  auto read = std::make_unique<Read>();
  read->zone.origin = Wire("example.test");
  read->zone.id = "Z1";
  read->zone.source = Source{"z", 0};
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(
      text.empty() ? std::fopen("/dev/null", "r") : fmemopen(text.data(), text.size(), "r"),
      std::fclose);
  ReadZoneStream(stream.get(), "z", read->zone, read->findings);
  if (read->findings.Ok()) {
    CheckZone(read->zone, read->findings);
  }
  return read;
}

constexpr const char* kHead = "$TTL 300\n@ SOA ns h 1 2 3 4 5\n@ NS ns.other.test.\n";

const Rrset* Find(const Zone& zone, const char* name, std::uint16_t type) {
  for (const Rrset& rrset : zone.rrsets) {
    if (rrset.owner == Wire(name) && rrset.type == type) {
      return &rrset;
    }
  }
  return nullptr;
}

TEST(ZoneFile, GroupsRecordsAndKeepsTheOwnersLetterCase) {
  const auto read = ReadText(std::string(kHead) + R"(
WwW 60 IN A 192.0.2.1
other   A 192.0.2.9 ; a comment
www IN 60 A 192.0.2.2
    60 AAAA 2001:db8::1
$ORIGIN sub
x A 192.0.2.3
$ORIGIN example.test.
abs.example.test. A 192.0.2.4
"quoted" A 192.0.2.5
)");
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  EXPECT_THAT(read->findings.Warnings(), IsEmpty());
  const Rrset* www = Find(read->zone, "WwW.example.test", 1);
  ASSERT_NE(www, nullptr);
  EXPECT_EQ(www->ttl, 60U);
  EXPECT_THAT(www->rdata, ElementsAre(std::string("\xc0\0\2\1", 4), std::string("\xc0\0\2\2", 4)));
  EXPECT_EQ(www->source.Text(), "z:5");
  const Rrset* aaaa = Find(read->zone, "www.example.test", 28);
  ASSERT_NE(aaaa, nullptr);
  EXPECT_EQ(aaaa->rdata.at(0).size(), 16U);
  EXPECT_EQ(Find(read->zone, "other.example.test", 1)->ttl, 300U);
  EXPECT_NE(Find(read->zone, "x.sub.example.test", 1), nullptr);
  EXPECT_NE(Find(read->zone, "abs.example.test", 1), nullptr);
  EXPECT_NE(Find(read->zone, "\"quoted\".example.test", 1), nullptr);
}

TEST(ZoneFile, ReadsParenthesesQuotesAndUnits) {
  const auto read = ReadText(
      "@ 1h SOA ns h ( 1 ; serial\n 2h\n 15m 2w\n 1m30s )\r\n@ NS ns.other.test.\n"
      "t TXT \"a;b\" ( \"(c\" \"\\100\\\"\" ) ; end\n");
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  const Rrset* soa = Find(read->zone, "example.test", 6);
  ASSERT_NE(soa, nullptr);
  EXPECT_EQ(soa->ttl, 3600U);
  const std::string tail = soa->rdata.at(0).substr(soa->rdata.at(0).size() - 20);
  EXPECT_EQ(tail, std::string("\0\0\0\1\0\0\x1c\x20\0\0\3\x84\0\x12\x75\0\0\0\0\x5a", 20));
  EXPECT_EQ(Find(read->zone, "t.example.test", 16)->rdata.at(0), "\3a;b\2(c\2d\"");
  // The last TTL stated goes on, as in RFC 1035.
  EXPECT_EQ(Find(read->zone, "t.example.test", 16)->ttl, 3600U);
}

struct Rdata {
  const char* text;  // TYPE RDATA
  std::string wire;
};

TEST(ZoneFile, TurnsRdataOfManyTypesIntoWireForm) {
  const std::vector<Rdata> table{
      {"MX 0 .", std::string("\0\0\0", 3)},                        // null MX, R12
      {"SRV 0 0 0 .", std::string("\0\0\0\0\0\0\0", 7)},           // R11
      {"MX 10 a", std::string("\0\x0a\1a\7example\4test\0", 18)},  // relative to the origin
      {"MX 10 a.", std::string("\0\x0a\1a\0", 5)},
      {"CAA 128 foo \"bar\"",
       "\x80\x03"
       "foobar"},                          // R09
      {"TXT \"\"", std::string("\0", 1)},  // R04
      {"TXT a \"b c\"", "\1a\3b c"},
      {"SPF \"v=spf1\"", "\6v=spf1"},
      {"HTTPS 0 svc.example.", std::string("\0\0\3svc\7example\0", 15)},  // R05
      {"HTTPS 1 . port=443 alpn=h2",
       std::string("\0\1\0\0\1\0\3\2h2\0\3\0\2\1\xbb", 16)},  // sorted by key
      {"TYPE65280 \\# 3 010203", "\1\2\3"},
      {"TYPE65280 \\# 0", ""},
      {"A \\# 4 C0000201", std::string("\xc0\0\2\1", 4)},
      {"TYPE1 192.0.2.1", std::string("\xc0\0\2\1", 4)},
      {"HINFO \\# 4 ( 0161\n 0162 )", "\1a\1b"},
      {"NAPTR 100 10 \"u\" \"s\" \"!^.*$!x!\" .",
       std::string("\0\x64\0\x0a\1u\1s\10!^.*$!x!\0", 18)},
      {"TLSA 3 1 1 0a 0b", "\3\1\1\x0a\x0b"},
      {"TLSA DANE-EE SPKI SHA2-256 0a0b", "\3\1\1\x0a\x0b"},
      {"SSHFP 1 1 0a0b", "\1\1\x0a\x0b"},
      {"DS 1 8 2 0a0b", std::string("\0\1\10\2\x0a\x0b", 6)},
      {"PTR \\065\\.b.", std::string("\3A.b\0", 5)},
  };
  for (const Rdata& row : table) {
    const auto read = ReadText(std::string(kHead) + "n " + row.text + "\n");
    ASSERT_TRUE(read->findings.Ok()) << row.text << ": " << read->findings.ToError().message;
    ASSERT_EQ(read->zone.rrsets.size(), 3U) << row.text;
    EXPECT_EQ(read->zone.rrsets.back().rdata.at(0), row.wire) << row.text;
  }
}

TEST(ZoneFile, TakesATxtOf64KilobytesInOneEntry) {
  std::string text = std::string(kHead) + "big TXT (\n";
  for (int i = 0; i < 250; ++i) {
    text += "\"" + std::string(255, 'x') + "\"\n";
  }
  const auto read = ReadText(text + ")\n");
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  EXPECT_EQ(read->zone.rrsets.back().rdata.at(0).size(), 64'000U);
}

struct Refusal {
  std::string text;
  std::vector<const char*> parts;
};

void ExpectRefusals(const std::vector<Refusal>& table, const std::string& head) {
  for (const Refusal& row : table) {
    const auto read = ReadText(head + row.text);
    ASSERT_FALSE(read->findings.Ok()) << row.text;
    for (const char* part : row.parts) {
      EXPECT_THAT(read->findings.ToError().message, HasSubstr(part)) << row.text;
    }
  }
}

TEST(ZoneFile, RefusesEntriesWithFileLineAndReason) {
  const std::string label64(64, 'a');
  std::string long_name;
  for (int i = 0; i < 125; ++i) {
    long_name += "a.";
  }
  ExpectRefusals(
      {
          {"x.other.test. A 192.0.2.1\n",
           {"z:4: 'x.other.test.' is outside the zone example.test."}},
          {"\n\nx A 192.0.2.1 192.0.2.2\n", {"z:6: rdata '192.0.2.1 192.0.2.2' is no A"}},
          {"x A\n", {"z:4: rdata '' is no A: it is no address; expected an IPv4 address"}},
          {"x\n", {"z:4: the record has no type"}},
          {"x 300 IN\n", {"z:4: the record has no type"}},
          {"x NOPE 1\n", {"z:4: 'NOPE' is not a record type"}},
          {"x CH TXT a\n", {"z:4: class is CH; expected IN"}},
          {"x CLASS3 TXT a\n", {"z:4: class is CLASS3; expected IN"}},
          {"x OPT \\# 0\n", {"z:4: type OPT cannot be stored in a zone"}},
          {"x ANY \\# 0\n", {"z:4: type ANY cannot be stored"}},
          {"x TYPE0 \\# 0\n", {"z:4: type TYPE0 cannot be stored"}},
          {"x 2147483648 A 192.0.2.1\n", {"z:4: TTL is '2147483648'; expected 0..2147483647"}},
          {"x 4294967295 A 192.0.2.1\n", {"z:4: TTL is '4294967295'"}},  // A03
          {"x 4294967297 A 192.0.2.1\n", {"z:4: TTL is '4294967297'"}},
          {"x 1x A 192.0.2.1\n", {"z:4: TTL is '1x'"}},
          {"$TTL 4294967295\n", {"z:4: $TTL is '4294967295'; expected 0..2147483647"}},
          {"$TTL\n", {"z:4: $TTL is ''"}},
          {"$TTL 1 2\n", {"z:4: $TTL has more than one argument"}},
          {"$ORIGIN a..b\n", {"z:4: $ORIGIN a..b: name has an empty label"}},
          {"$GENERATE 1-2 a A 192.0.2.$\n", {"z:4: "}},
          {"$BAD x\n", {"z:4: '$BAD' is not known; expected $ORIGIN, $TTL or $INCLUDE"}},
          {"$INCLUDE x\n", {"z:4: $INCLUDE x: is not allowed here"}},
          {"$INCLUDE\n", {"z:4: $INCLUDE expects a file"}},
          {label64 + " A 192.0.2.1\n", {"z:4: owner '", "label of 64 octets; expected at most 63"}},
          {long_name + "x A 192.0.2.1\n",
           {"z:4: owner '", "octets with its origin; expected at most 255"}},
          {"a..b A 192.0.2.1\n", {"z:4: owner 'a..b': name has an empty label"}},
          {"x TXT \"open\nx A 192.0.2.1\n", {"z:4: a quote is not closed on its line"}},
          {"x MX ( 10 a\n", {"z:4: '(' is not closed before the end of the file"}},
          {"x MX 10 a )\n", {"z:4: ')' without '('"}},
          {std::string("x TXT a\0b\n", 10), {"z:4: the line holds a NUL octet"}},
          {std::string("x TXT ") + std::string(600'000, 'a') + "\n",
           {"z:4: an entry is longer than 524288 octets"}},
      },
      kHead);
  ExpectRefusals({{" A 192.0.2.1\n", {"z:1: the record has no owner and none came before it"}},
                  {"x A 192.0.2.1\n", {"z:1: the record has no TTL and no $TTL came before"}}},
                 "");
}

TEST(ZoneFile, RefusesBadRdata) {
  std::vector<Refusal> table;
  for (const auto& [rdata, part] : std::vector<std::pair<std::string, const char*>>{
           {"A 1.2.3", "is no A: it is no address; expected an IPv4 address such as"},
           {"A 1.2.3.256", "is no A"},
           {"A 2001:db8::1", "is no A"},
           {"AAAA 192.0.2.1", "is no AAAA: it is no address; expected an IPv6 address"},
           {"A \\# 3 010203", "is no A"},  // R10
           {"AAAA \\# 4 01020304", "is no AAAA"},
           {"A \\# 4 0102", "its length is not that of its hex digits"},
           {"A \\# 4 0102030g", "its length is not that of its hex digits"},
           {"A \\#", "its length is not that of its hex digits"},
           {"TYPE65280 \\# 65536 00", "its length is not"},
           {"TYPE65280 abc", "is no TYPE65280"},
           {"MX 70000 a", "'70000' is not a number of 0..65535; expected PREFERENCE NAME"},
           {"MX -1 a", "'-1' is not a number of 0..65535"},
           {"MX 10", "is no MX"},
           {"MX 10 a b", "is no MX"},
           {"MX a 10", "'a' is not a number"},
           {"MX \\# 4 000a0100", "is no MX"},
           {"CNAME \\# 2 c00c", "is no CNAME"},
           {"CNAME a..b", "is no CNAME"},
           {"CAA 256 issue \"x\"", "'256' is not a number of 0..255"},
           {"CAA 0 is-sue \"x\"", "is no CAA"},
           {"SRV 1 2 65536 a", "'65536' is not a number of 0..65535"},
           {"SOA a b 1 2 3 4 4294967296", "'4294967296' is not a time"},
           {"SOA a b 4294967296 2 3 4 5", "'4294967296' is not a number of 0..4294967295"},
           {"SOA a b 1 2 3 4", "is no SOA"},
           {"TXT \"a\\300b\"", "a backslash needs a character or three digits up to 255"},
           {"TXT \"a\\3\"", "a backslash needs"},
           {"TXT", "it has no string"},
           {"TLSA 3 1 1 0ab", "not an even number of hex digits"},
           {"TLSA 3 1 1 0x", "not an even number of hex digits"},
           {"TLSA 300 1 1 0a", "'300' is not a number of 0..255"},
           {"DS 1 8 2 zz", "not an even number of hex digits"},
           {"HTTPS 99999 .", "'99999' is not a number of 0..65535"},
           {"HTTPS 1 . port=99999", "'port=99999' is not a port"},
           {"HTTPS 1 . alpn=h2 alpn=h3", "it has alpn twice"},  // R05
           {"HTTPS \\# 15 0001 00 0003 0002 0050 0001 0003 026832", "is no HTTPS"},
           {"HTTPS \\# 16 0001 00 0003 0002 0050 0001 0003 026832",
            "it has its keys out of order (alpn)"},  // R05
           {"SVCB 1 . mandatory=alpn port=1",
            "it has a key mandatory that names alpn, which is not there"},  // R06
           {"SVCB 1 . mandatory=mandatory,port port=1", "is no SVCB"},
           {"SVCB \\# 15 0001 00 0000 0002 0000 0003 0002 0050", "mandatory that names itself"},
           {"SVCB 1 . no-default-alpn", "has no-default-alpn without alpn"},
           {"SVCB \\# 9 0001 00 0001 0002 6832", "malformed value of alpn"},
           {"SVCB \\# 9 0001 00 0001 0003 6832", "a parameter that is cut short"},
           {"SVCB \\# 2 0001", "it is cut short"},
           {"SVCB \\# 4 0001 0561", "malformed target"},
           {"SVCB 1 . ipv4hint=192.0.2", "is no SVCB"},
       }) {
    table.push_back({"x " + rdata + "\n", {"z:4: rdata '", part}});
  }
  ExpectRefusals(table, kHead);
}

TEST(ZoneFile, RefusesAStringOf256Octets) {
  const auto read = ReadText(std::string(kHead) + "x TXT \"" + std::string(256, 'a') + "\"\n");
  ASSERT_FALSE(read->findings.Ok());
  EXPECT_THAT(read->findings.ToError().message, HasSubstr("is no TXT: a string has 256 octets"));
}

TEST(ZoneRules, RefuseWhatNoZoneMayHold) {
  ExpectRefusals(
      {
          {"", {"z: zone example.test. has no SOA record at its apex"}},
          {"$TTL 1\n@ NS a.\n", {"z: zone example.test. has no SOA record"}},
          {"$TTL 1\n@ SOA a b 1 2 3 4 5\n", {"z: zone example.test. has no NS record"}},
          {std::string(kHead) + "@ SOA ns h 2 2 3 4 5\n",
           {"z:2: 'example.test. SOA': has 2 values; expected one"}},
          {std::string(kHead) + "x SOA ns h 2 2 3 4 5\n",
           {"z:4: 'x.example.test. SOA': SOA stands below the apex"}},
          // A12
          {std::string(kHead) + "x CNAME a\nX A 192.0.2.1\n",
           {"z:5: 'X.example.test. A': RRSet of type A with DNS name X.example.test. is not "
            "permitted because a conflicting RRSet of type CNAME"}},
          {std::string(kHead) + "x CNAME a\nx CNAME b\n",
           {"z:4: 'x.example.test. CNAME': has 2 values; expected one"}},
          {std::string(kHead) + "@ CNAME a\n",
           {"z:4: 'example.test. CNAME': ", "is not permitted at apex in zone example.test."}},
          {std::string(kHead) + "d DNAME a\nx.y.D A 192.0.2.1\n",
           {"z:5: 'x.y.D.example.test. A': lies below the DNAME of 'd.example.test.'"}},
          {std::string(kHead) + "d DNAME a\nd DNAME b\n",
           {"z:4: 'd.example.test. DNAME': has 2 values; expected one"}},
          {std::string(kHead) + "d DNAME a\nd CNAME b\n", {"a conflicting RRSet of type CNAME"}},
      },
      "");
}

TEST(ZoneRules, LetDnssecTypesStandBesideACname) {
  const auto read = ReadText(std::string(kHead) + "x CNAME a\nx NSEC y.example.test. CNAME NSEC\n");
  EXPECT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
}

TEST(ZoneRules, RefuseAnRrsetThatFitsNoMessage) {
  std::string text = kHead;
  for (int i = 0; i < 4100; ++i) {
    text += "x A 10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256) + "\n";
  }
  const auto read = ReadText(text);
  ASSERT_FALSE(read->findings.Ok());
  EXPECT_THAT(read->findings.ToError().message,
              HasSubstr("z:4: 'x.example.test. A': its 4100 records need a message of 65632 "
                        "octets; expected at most 65535"));
}

TEST(ZoneFile, WarnsAndTakesTheLowerTtl) {  // A02
  const auto read = ReadText(std::string(kHead) + "x 60 A 192.0.2.1\nx 30 A 192.0.2.2\n");
  ASSERT_TRUE(read->findings.Ok());
  EXPECT_EQ(Find(read->zone, "x.example.test", 1)->ttl, 30U);
  EXPECT_THAT(read->findings.Warnings(),
              ElementsAre("z:5: 'x.example.test.' A has records of different TTL; the lower one, "
                          "30, is taken (RFC 2181 5.2)"));
}

TEST(ZoneFile, DropsDuplicatesWithAWarningInSmallAndLargeRrsets) {
  const auto small = ReadText(std::string(kHead) + "x A 192.0.2.1\nx A 192.0.2.1\n");
  EXPECT_EQ(Find(small->zone, "x.example.test", 1)->rdata.size(), 1U);
  EXPECT_THAT(small->findings.Warnings(), ElementsAre(HasSubstr("z:5: 'x.example.test.' A: the")));
  std::string text = kHead;
  for (int i = 0; i < 120; ++i) {
    text += "x A 192.0.2." + std::to_string(i % 100) + "\n";
  }
  const auto large = ReadText(text);
  EXPECT_EQ(Find(large->zone, "x.example.test", 1)->rdata.size(), 100U);
  EXPECT_THAT(large->findings.Warnings(),
              ElementsAre("z:4: 'x.example.test.' A: 20 records that came before are dropped"));
}

// RFC 2181 5: names that differ in letter case are one name, so the rrset holds the record twice.
TEST(ZoneFile, TakesNamesOfAnotherLetterCaseForDuplicates) {
  for (const auto& [first, second] :
       {std::pair{"MX 10 A.x.", "MX 10 a.x."},
        std::pair{"NS a.x.", "NS A.X."},
        std::pair{"PTR a.x.", "PTR a.X."},
        std::pair{"SRV 1 2 3 a.x.", "SRV 1 2 3 A.x."},
        std::pair{"RP a.x. b.x.", "RP A.x. B.x."},
        std::pair{"AFSDB 1 a.x.", "AFSDB 1 A.x."},
        std::pair{"NAPTR 1 2 \"u\" \"S\" \"\" a.x.", "NAPTR 1 2 \"u\" \"S\" \"\" A.x."}}) {
    const auto read = ReadText(std::string(kHead) + "x " + first + "\nx " + second + "\n");
    ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
    ASSERT_EQ(read->zone.rrsets.size(), 3U);
    EXPECT_EQ(read->zone.rrsets[2].rdata.size(), 1U) << first;
    EXPECT_THAT(read->findings.Warnings(),
                ElementsAre(HasSubstr("the same record came before; it is dropped")));
  }
  for (const auto& [first, second] :
       {std::pair{"TXT \"A\"", "TXT \"a\""},
        std::pair{"MX 10 a.x.", "MX 11 A.x."},
        std::pair{"MX 16640 a.x.", "MX 24832 a.x."},  // "A" and "a" in the preference
        std::pair{"NAPTR 1 2 \"u\" \"S\" \"\" a.x.", "NAPTR 1 2 \"u\" \"s\" \"\" a.x."},
        std::pair{"HTTPS 1 a.x.", "HTTPS 1 A.x."}}) {
    const auto read = ReadText(std::string(kHead) + "x " + first + "\nx " + second + "\n");
    ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
    EXPECT_EQ(read->zone.rrsets.at(2).rdata.size(), 2U) << first;
  }
  std::string text = kHead;
  for (int i = 0; i < 80; ++i) {
    text += std::string("x MX 10 ") + (i % 2 == 0 ? "A" : "a") + std::to_string(i / 2) + ".x.\n";
  }
  EXPECT_EQ(ReadText(text)->zone.rrsets.at(2).rdata.size(), 40U);
}

TEST(ZoneFile, WarnsOfNsAndDsAtAWildcard) {  // W12
  const auto read = ReadText(std::string(kHead) + "*.a NS b\n*.c DS 1 8 2 0a0b\n");
  ASSERT_TRUE(read->findings.Ok());
  Findings lint;
  LintZone(read->zone, {}, lint);
  EXPECT_THAT(lint.Warnings(),
              ElementsAre(HasSubstr("z:4: '*.a.example.test. NS': NS at a wildcard"),
                          HasSubstr("z:5: '*.c.example.test. DS': DS at a wildcard")));
}

TEST(ZoneFile, TakesTheSoaMinimumWhereNoTtlIsGiven) {
  const auto read = ReadText("@ SOA ns h 1 2 3 4 77\n@ NS a.\n");
  EXPECT_TRUE(read->findings.Ok());
  EXPECT_EQ(Find(read->zone, "example.test", 2)->ttl, 77U);
  EXPECT_THAT(read->findings.Warnings(),
              ElementsAre(HasSubstr("z:1: SOA has no TTL; its minimum 77")));
}

TEST(ZoneFile, StopsAfterAHundredErrors) {
  std::string text = kHead;
  for (int i = 0; i < 1000; ++i) {
    text += "x A bad\n";
  }
  const auto read = ReadText(text);
  EXPECT_EQ(read->findings.ErrorCount(), Findings::kKept);
}

class IncludeFolder : public ::testing::Test {
 protected:
  IncludeFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-zone-XXXXXX").string();
    root_ = mkdtemp(name.data());
    std::filesystem::create_directories(root_ / "zones" / "parts");
  }
  ~IncludeFolder() override { std::filesystem::remove_all(root_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(root_ / name) << text;
  }
  Result<LoadedZone> Load() {
    ZoneConfig config;
    config.origin = Wire("example.test");
    config.id = "Z1";
    config.file = (root_ / "zones/zone").string();
    return LoadZone(config, {});
  }
  void ExpectRefusal(const std::string& include, const char* part) {
    Write("zones/zone", std::string(kHead) + include + "\n");
    const auto loaded = Load();
    ASSERT_FALSE(loaded) << include;
    EXPECT_THAT(loaded.error().message, HasSubstr(part)) << include;
  }

  std::filesystem::path root_;
};

TEST_F(IncludeFolder, IncludesWithAnOriginOfItsOwnAndComesBack) {
  Write("zones/parts/a", "h A 192.0.2.1\n$ORIGIN deep\nd A 192.0.2.2\n$INCLUDE b\n");
  Write("zones/parts/b", "e A 192.0.2.3\n");
  Write("zones/zone",
        std::string(kHead) + "first A 192.0.2.9\n$INCLUDE parts/a sub ; comment\n A 192.0.2.8\n" +
            "after A 192.0.2.7\n$INCLUDE " + (root_ / "zones/parts/b").string() + "\n");
  const auto loaded = Load();
  ASSERT_TRUE(loaded) << loaded.error().message;
  const Zone& zone = loaded->zone;
  for (const char* name : {"h.sub.example.test",
                           "d.deep.sub.example.test",
                           "e.deep.sub.example.test",
                           "after.example.test",
                           "e.example.test"}) {
    EXPECT_NE(Find(zone, name, 1), nullptr) << name;
  }
  // The owner before the inclusion goes on behind it.
  EXPECT_EQ(Find(zone, "first.example.test", 1)->rdata.size(), 2U);
  EXPECT_THAT(Find(zone, "h.sub.example.test", 1)->source.Text(), HasSubstr("zones/parts/a:1"));
}

TEST_F(IncludeFolder, RefusesFilesOutsideTheZonesFolder) {
  Write("outside", "x A 192.0.2.1\n");
  std::filesystem::create_symlink(root_ / "outside", root_ / "zones/link");
  ExpectRefusal("$INCLUDE ../outside",
                "zone:4: $INCLUDE ../outside: lies outside the zone's folder");
  ExpectRefusal("$INCLUDE link", "zone:4: $INCLUDE link: lies outside the zone's folder");
  ExpectRefusal("$INCLUDE /etc/passwd", "$INCLUDE /etc/passwd: lies outside");
  ExpectRefusal("$INCLUDE parts/../../outside", "lies outside the zone's folder");
  ExpectRefusal("$INCLUDE parts", "$INCLUDE parts: is no file");
  ExpectRefusal("$INCLUDE nothere", "$INCLUDE nothere: No such file or directory");
  ExpectRefusal("$INCLUDE a b c", "$INCLUDE expects a file and perhaps an origin");
  ExpectRefusal("$INCLUDE a b..c", "$INCLUDE a: its origin: name has an empty label");
}

TEST_F(IncludeFolder, BoundsDepthAndNumber) {
  ExpectRefusal("$INCLUDE zone", "zone:4: $INCLUDE zone: more than 8 files deep");
  // Each level takes ten of the next: 10^8 files, if nobody counted them.
  for (char level = 'a'; level < 'h'; ++level) {
    std::string text;
    for (int i = 0; i < 10; ++i) {
      text += std::string("$INCLUDE ") + static_cast<char>(level + 1) + "\n";
    }
    Write(std::string("zones/") + level, text);
  }
  Write("zones/h", "");
  ExpectRefusal("$INCLUDE a", "more than 1000 inclusions");
}

}  // namespace
}  // namespace holdfast::control

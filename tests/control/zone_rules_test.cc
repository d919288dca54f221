// What binds a zone's record sets together: the rules of groups, those of aliases, the lint.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/wire/name.h"
#include "tests/control/records_kit.h"

namespace holdfast::control {
namespace {

using testing::Alias;
using ::testing::ElementsAre;
using testing::ExpectRefusals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kApex;
using testing::Plain;
using testing::Read;
using testing::ReadRecords;

TEST(GroupRules, RefuseWhatOneGroupMayNotHold) {
  const std::string weight = R"("SetIdentifier": "w1", "Weight": 1)";
  const std::string primary =
      R"("SetIdentifier": "p1", "Failover": "PRIMARY", "HealthCheckId": "c")";
  const std::string second =
      R"("SetIdentifier": "p2", "Failover": "PRIMARY", "HealthCheckId": "c")";
  std::string many;
  for (int i = 0; i < 101; ++i) {
    many += (i == 0 ? "" : ",") +
            Plain("w", "\"SetIdentifier\": \"" + std::to_string(i) + "\", \"Weight\": 1");
  }
  ExpectRefusals({
      {Plain("w") + "," + Plain("w"),
       {"RRSet with DNS name w.example.test., type A cannot be created as other RRSets exist with "
        "the same name and type."}},
      {Plain("w", weight) + "," + Plain("w"), {"cannot be created as other RRSets exist"}},
      {Plain("w") + "," + Plain("w", weight),
       {"record 'w.example.test. A' (SetIdentifier 'w1'): RRSet with DNS name w.example.test., "
        "type A, SetIdentifier w1 cannot be created as a non-weighted set exists with the same "
        "name and type."}},
      {Plain("w", weight) + "," + Plain("w", primary), {"as a non-failover set exists"}},
      {Plain("w", weight) + "," + Plain("w", R"("SetIdentifier": "m", "MultiValueAnswer": true)"),
       {"as a non-multivalue set exists"}},
      {Plain("w", weight) + "," + Plain("w", weight),
       {"Tried to create resource record set [name='w.example.test.', type='A', "
        "set-identifier='w1'] but it already exists"}},
      {Plain("w", weight) + R"(,{"Name": "w.example.test.", "Type": "A", "SetIdentifier": "w2",
          "Weight": 1, "TTL": 61, "ResourceRecords": [{"Value": "192.0.2.2"}]})",
       {"SetIdentifier w2 cannot be created as weighted sets must contain the same TTL. It has 61, "
        "SetIdentifier w1 has 60."}},
      {Plain("w", primary) + "," + Plain("w", second),
       {"SetIdentifier p2 cannot be created as SetIdentifier p1 is PRIMARY already."}},
      {Plain("w", R"("SetIdentifier": "s1", "Failover": "SECONDARY")") + "," +
           Plain("w", R"("SetIdentifier": "s2", "Failover": "SECONDARY")"),
       {"cannot be created as SetIdentifier s1 is SECONDARY already."}},
      {Plain("w", R"("SetIdentifier": "p", "Failover": "PRIMARY")"),
       {"A non-alias primary ResourceRecordSet must have an associated health check."}},
      {many, {"(SetIdentifier '100'): the group has 101 record sets; expected at most 100"}},
      {R"({"Name": "w.example.test.", "Type": "CNAME", "TTL": 1,
          "ResourceRecords": [{"Value": "a."}]},)" +
           Plain("w"),
       {"record 'w.example.test. A': RRSet of type A with DNS name w.example.test. is not "
        "permitted because a conflicting RRSet of type CNAME"}},
      {R"({"Name": "w.example.test.", "Type": "CNAME", "TTL": 1,
          "ResourceRecords": [{"Value": "a."}, {"Value": "b."}]})",
       {"record 'w.example.test. CNAME': has 2 values; expected one"}},
      {R"({"Name": "example.test.", "Type": "CNAME", "AliasTarget": {"HostedZoneId": "Z1",
          "DNSName": "a.example.test.", "EvaluateTargetHealth": true}})",
       {"is not permitted at apex in zone example.test."}},
  });
}

TEST(GroupRules, LetTypesOfOneNameDifferInPolicyAndAliasesMixWithValues) {
  const auto read =
      ReadRecords(Plain("w", R"("SetIdentifier": "a", "Weight": 1)") + "," +
                  Alias("w", "p", R"("SetIdentifier": "b", "Weight": 9)") + "," + Plain("p") +
                  R"(,{"Name": "w.example.test.", "Type": "AAAA", "TTL": 9,
          "ResourceRecords": [{"Value": "2001:DB8::1"}]})");
  EXPECT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
}

std::string Where(const std::string& id, const std::string& where) {
  return Plain("w", "\"SetIdentifier\": \"" + id + "\", " + where);
}

TEST(GroupRules, LetEachPlaceBeSaidOnce) {
  const std::string region = R"("Region": "eu-west-1")";
  const std::string state = R"("GeoLocation": {"CountryCode": "US", "SubdivisionCode": "NY"})";
  const std::string place =
      R"("GeoProximityLocation": {"Coordinates": {"Latitude": "1", "Longitude": "2"}, "Bias": )";
  const std::string block = R"("CidrRoutingConfig": {"CollectionId": "c", "LocationName": "x"})";
  const std::string other = R"("CidrRoutingConfig": {"CollectionId": "d", "LocationName": "y"})";
  std::string many;
  for (int i = 0; i < 31; ++i) {
    const std::string degrees = std::to_string(i);
    many +=
        (i == 0 ? "" : ",") + Where(degrees,
                                    R"("GeoProximityLocation": {"Coordinates": {"Latitude": ")" +
                                        degrees + R"(", "Longitude": "0"}})");
  }
  ExpectRefusals({
      {Where("a", region) + "," + Where("b", region),
       {"SetIdentifier b cannot be created as SetIdentifier a has the same region eu-west-1."}},
      {Where("a", state) + "," + Where("b", state), {"has the same location US-NY."}},
      {Where("a", place + "1}") + "," + Where("b", place + "2}"), {"has the same coordinates"}},
      {Where("a", block) + "," + Where("b", block), {"has the same CIDR location x."}},
      {Where("a", block) + "," + Where("b", other),
       {"all RRSets of a group must use one CIDR collection; SetIdentifier a uses c."}},
      {Where("a", region) + "," + Where("b", state), {"as a non-geolocation set exists"}},
      {many, {"the group has 31 record sets; expected at most 30"}},
  });
}

// AF, AS, NA and SA are continents and countries.
TEST(GroupRules, TellAContinentFromACountryOfTheSameCode) {
  std::string records;
  for (const std::string code : {"AF", "AS", "NA", "SA"}) {
    records += (records.empty() ? "" : ",") +
               Where("continent-" + code, R"("GeoLocation": {"ContinentCode": ")" + code + "\"}") +
               "," + Where("country-" + code, R"("GeoLocation": {"CountryCode": ")" + code + "\"}");
  }
  const auto read = ReadRecords(records);
  EXPECT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
}

TEST(AliasRules, RefuseTargetsThatAreNotThere) {
  ExpectRefusals({
      {Alias("a", "b"),
       {"Tried to create an alias that targets b.example.test., type A in zone example.test., but "
        "that target was not found"}},
      {R"({"Name": "a.example.test.", "Type": "AAAA", "AliasTarget": {"HostedZoneId": "Z1",
          "DNSName": "b.example.test.", "EvaluateTargetHealth": true}},)" +
           Plain("b"),
       {"targets b.example.test., type AAAA in zone example.test., but that target was not found"}},
      {R"({"Name": "a.example.test.", "Type": "A", "AliasTarget": {"HostedZoneId": "Z1",
          "DNSName": "b.other.test.", "EvaluateTargetHealth": true}})",
       {"but the alias target name does not lie within the target zone"}},
  });
}

TEST(AliasRules, TakeAStaticRrsetAsTarget) {
  auto read = std::make_unique<Read>();
  read->zone.origin = wire::FromText("example.test").value();
  read->zone.id = "Z1";
  read->zone.rrsets.push_back(
      Rrset{wire::FromText("B.example.test").value(), 1, 60, {"\1\2\3\4"}, {}});
  ReadRecordSetsText("{\"ResourceRecordSets\": [" + Alias("a", "b") + "," + kApex + "]}",
                     "r.json",
                     read->zone,
                     read->findings);
  CheckZone(read->zone, read->findings);
  EXPECT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
}

TEST(AliasRules, SpellOutLoops) {
  ExpectRefusals({
      {Alias("a", "a"), {"aliases go round in a loop: a.example.test. A -> a.example.test. A"}},
      {Alias("x", "a") + "," + Alias("a", "b") + "," +
           Alias("b", "c", R"("SetIdentifier": "1", "Weight": 1)") + "," +
           Plain("b", R"("SetIdentifier": "2", "Weight": 1)") + "," + Alias("c", "a"),
       {"record 'c.example.test. A': aliases go round in a loop: a.example.test. A -> "
        "b.example.test. A -> c.example.test. A -> a.example.test. A"}},
  });
}

std::string Chain(int steps) {
  std::string records;
  for (int i = 0; i < steps; ++i) {
    records += Alias("n" + std::to_string(i), "n" + std::to_string(i + 1)) + ",";
  }
  return records + Plain("n" + std::to_string(steps));
}

TEST(AliasRules, BoundTheDepth) {
  const auto read = ReadRecords(Chain(16));
  EXPECT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  ExpectRefusals({{Chain(17),
                   {"record 'n0.example.test. A': the aliases below it are 17 deep; expected at "
                    "most 16"}}});
  // A long chain is one error, and no deep recursion.
  EXPECT_EQ(ReadRecords(Chain(20'000))->findings.ErrorCount(), 1U);
}

health::CheckConfig Check(const char* id, const char* fqdn) {
  health::CheckConfig check;
  check.id = id;
  check.fqdn = fqdn;
  return check;
}

TEST(Lint, WarnsOfWhatAvertingProblemsAdvisesAgainst) {
  const std::vector<health::CheckConfig> checks{Check("c", "server1.other.test"),
                                                Check("own", "WWW.example.test.")};
  const auto checked = [](const char* id) {
    return R"("SetIdentifier": ")" + std::string(id) + R"(", "Weight": 1, "HealthCheckId": "c")";
  };
  const std::string unchecked = R"("SetIdentifier": "u", "Weight": 1)";
  const std::vector<std::pair<std::string, std::vector<const char*>>> table{
      {Plain("www", checked("1")) + "," + Plain("www", unchecked),
       {"(SetIdentifier 'u'): has no health check although others of its group have"}},
      {Plain("www", unchecked), {}},
      {Plain("www", R"("SetIdentifier": "p", "Failover": "PRIMARY", "HealthCheckId": "c")") + "," +
           Plain("www", R"("SetIdentifier": "s", "Failover": "SECONDARY")"),
       {}},
      {Plain("p", checked("1")) + "," + Alias("www", "p", checked("1")) + "," +
           Alias("www", "p", unchecked),
       {}},
      {Plain("p", checked("1")) + "," + Alias("www", "p", "", false),
       {"record 'www.example.test. A': EvaluateTargetHealth is false above records with health"}},
      {Plain("p") + "," + Alias("www", "p", "", false), {}},
      {R"({"Name": "www.example.test.", "Type": "A", "TTL": 61, "HealthCheckId": "c",
          "ResourceRecords": [{"Value": "192.0.2.1"}]})",
       {"TTL is 61 with a health check; expected at most 60"}},
      {Plain("www", R"("HealthCheckId": "gone")"),
       {"HealthCheckId 'gone' is no health check of this node; the record counts as unchecked"}},
      {Plain("www", R"("HealthCheckId": "own")"),
       {"health check 'own' resolves the very name that it decides about"}},
  };
  for (const auto& [records, parts] : table) {
    const auto read = ReadRecords(records);
    ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
    EXPECT_THAT(read->findings.Warnings(), IsEmpty());
    LintZone(read->zone, checks, read->findings);
    const auto warnings = read->findings.Warnings();
    ASSERT_EQ(warnings.size(), parts.size()) << records << ::testing::PrintToString(warnings);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      EXPECT_THAT(warnings[i], HasSubstr(parts[i]));
    }
  }
}

TEST(Lint, NamesTheDelegationThatHidesARecordSet) {
  const auto ns = [](const std::string& name, const std::string& value) {
    return "{\"Name\": \"" + name + ".example.test.\", \"Type\": \"NS\", \"TTL\": 60, " +
           R"("ResourceRecords": [{"Value": ")" + value + "\"}]},";
  };
  const std::string hidden = "is hidden by the delegation at sub.example.test. (r.json:1), whose";
  const std::vector<std::pair<std::string, std::vector<std::string>>> table{
      {Plain("a.sub"), {"record 'a.sub.example.test. A': " + hidden}},
      {Plain("sub"), {"record 'sub.example.test. A': " + hidden}},
      {ns("low.sub", "x.") + Plain("b.a.low.sub"),
       {"record 'low.sub.example.test. NS': " + hidden,
        "record 'b.a.low.sub.example.test. A': " + hidden}},
      {R"({"Name": "sub.example.test.", "Type": "DS", "TTL": 60,
           "ResourceRecords": [{"Value": "1 8 2 0a0b"}]})",
       {}},
      {Plain("ns1.sub"), {}},  // goes with the referral
      {Plain("NS1.Sub"), {}},
      {Plain("ns1.sub", R"("SetIdentifier": "x", "Weight": 1)"), {}},  // drawn for each
      {ns("asub", "ns9.sub.example.test.") + Plain("ns9.sub"), {}},
      {ns("asub", "ns9.sub.example.test.") +
           Plain("ns9.sub", R"("SetIdentifier": "x", "Weight": 1)"),
       {"(SetIdentifier 'x'): " + hidden}},
      {Plain("asub") + "," + Plain("www"), {}}};
  for (const auto& [records, parts] : table) {
    const auto read = ReadRecords(ns("sub", "Ns1.sub.example.test.") + records);
    ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
    LintZone(read->zone, {}, read->findings);
    const auto warnings = read->findings.Warnings();
    ASSERT_EQ(warnings.size(), parts.size()) << records << ::testing::PrintToString(warnings);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      EXPECT_THAT(warnings[i], HasSubstr(parts[i]));
    }
  }
}

TEST(Lint, KnowsTheDelegationsOfAZoneFile) {
  const auto read = ReadRecords(Plain("a.sub"));
  const std::string owner = wire::FromText("SUB.example.test").value();
  read->zone.rrsets.push_back(Rrset{owner, 2, 60, {wire::FromText("ns.other").value()}, {"z", 7}});
  LintZone(read->zone, {}, read->findings);
  EXPECT_THAT(read->findings.Warnings(),
              ElementsAre(HasSubstr("is hidden by the delegation at SUB.example.test. (z:7)")));
}

}  // namespace
}  // namespace holdfast::control

// Record sets as aws-cli prints them: what each policy may say, and how the rest is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "tests/control/records_kit.h"

namespace holdfast::control {
namespace {

using testing::Alias;
using ::testing::ElementsAre;
using testing::ExpectRefusals;
using ::testing::HasSubstr;
using testing::Plain;
using testing::ReadJson;
using testing::ReadRecords;

TEST(RecordSets, ReadWhatTheCommandPrints) {
  const auto read = ReadJson(R"({
    "ResourceRecordSets": [
        {
            "Name": "example.test.",
            "Type": "NS",
            "TTL": 172800,
            "ResourceRecords": [
                {
                    "Value": "ns-2048.awsdns-64.com."
                },
                {
                    "Value": "ns-2049.awsdns-65.net."
                }
            ]
        },
        {
            "Name": "example.test.",
            "Type": "SOA",
            "TTL": 900,
            "ResourceRecords": [
                {
                    "Value": "ns-2048.awsdns-64.com. hostmaster.example.com. 1 7200 900 1209600 86400"
                }
            ]
        },
        {
            "Name": "\\052.w.example.test.",
            "Type": "TXT",
            "SetIdentifier": "m1",
            "MultiValueAnswer": true,
            "TTL": 60,
            "ResourceRecords": [
                {
                    "Value": "\"a\\052\\134\" \"b\""
                }
            ]
        },
        {
            "Name": "WWW.example.test.",
            "Type": "A",
            "SetIdentifier": "primary",
            "Failover": "PRIMARY",
            "TTL": 60,
            "ResourceRecords": [
                {
                    "Value": "192.0.2.1"
                },
                {
                    "Value": "192.0.2.2"
                }
            ],
            "HealthCheckId": "abcdef11-2222-3333-4444-555555fedcba"
        },
        {
            "Name": "www.example.test.",
            "Type": "A",
            "SetIdentifier": "secondary",
            "Failover": "SECONDARY",
            "AliasTarget": {
                "HostedZoneId": "Z1",
                "DNSName": "pool.example.test.",
                "EvaluateTargetHealth": true
            }
        },
        {
            "Name": "pool.example.test.",
            "Type": "A",
            "SetIdentifier": "one",
            "Weight": 255,
            "TTL": 30,
            "ResourceRecords": [
                {
                    "Value": "192.0.2.3"
                }
            ]
        }
    ],
    "IsTruncated": false,
    "MaxItems": "300"
})");
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  const std::vector<RecordSet>& records = read->zone.record_sets;
  ASSERT_EQ(records.size(), 6U);
  EXPECT_EQ(records[0].policy, Policy::kSimple);
  EXPECT_EQ(records[0].rdata.size(), 2U);
  EXPECT_EQ(records[0].source.Text(), "r.json:3");
  EXPECT_EQ(wire::ToText(records[2].name), "*.w.example.test.");
  EXPECT_EQ(records[2].policy, Policy::kMultivalue);
  EXPECT_THAT(records[2].rdata, ElementsAre("\3a*\\\1b"));
  EXPECT_EQ(wire::ToText(records[3].name), "www.example.test.");
  EXPECT_EQ(records[3].policy, Policy::kFailover);
  EXPECT_TRUE(records[3].primary);
  EXPECT_EQ(records[3].set_identifier, "primary");
  EXPECT_EQ(records[3].ttl, 60U);
  EXPECT_EQ(records[3].health_check_id, "abcdef11-2222-3333-4444-555555fedcba");
  EXPECT_FALSE(records[3].alias);
  EXPECT_FALSE(records[4].primary);
  ASSERT_TRUE(records[4].alias);
  EXPECT_EQ(wire::ToText(records[4].alias->name), "pool.example.test.");
  EXPECT_TRUE(records[4].alias->evaluate_target_health);
  EXPECT_EQ(records[5].policy, Policy::kWeighted);
  EXPECT_EQ(records[5].weight, 255);
  EXPECT_EQ(records[5].source.line, 65U);
}

TEST(RecordSets, TakeTheZoneIdWithItsPathAndNamesWithoutFinalDot) {
  const auto read = ReadRecords(
      R"({"Name": "a.example.test", "Type": "A", "AliasTarget": {"HostedZoneId": "/hostedzone/Z1",
         "DNSName": "B.example.test", "EvaluateTargetHealth": false}},)" +
      Plain("b"));
  EXPECT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
}

TEST(RecordSets, RefuseDocumentsOfAnotherShape) {
  const std::vector<std::pair<std::string, const char*>> table{
      {"", "r.json:1:1: syntax error"},
      {"[]", "r.json:1: expected {\"ResourceRecordSets\": [...]}"},
      {"{}", "expected {\"ResourceRecordSets\": [...]}"},
      {"{\"ResourceRecordSets\": 1}", "expected {\"ResourceRecordSets\": [...]}"},
      {"{\"ResourceRecordSets\": [1]}", "ResourceRecordSets holds 1; expected objects"},
      {"{\"ResourceRecordSets\": [],\n\"Records\": []}", "r.json:2: 'Records' is not known"},
      {"{\"ResourceRecordSets\": [],\n\"IsTruncated\": true}",
       "r.json:2: 'IsTruncated' says that this is one page of several"},
      {"{\"ResourceRecordSets\": [], \"NextToken\": \"x\"}", "'NextToken' says that this is one"},
      {"{\"ResourceRecordSets\": [\n{\"Name\": \"a\",\n\"Name\": \"b\"}]}",
       "r.json:3: 'Name' is given twice in one object"},
      {"{\"ResourceRecordSets\": [\n]", "r.json:2:"},
      {"{\"ResourceRecordSets\": [{\"Name\": \"\xff\"}]}", "r.json:1:"},
      {"{\"ResourceRecordSets\": " + std::string(100, '[') + std::string(100, ']') + "}",
       "r.json:1: values are nested deeper than 64"},
      {"{\"ResourceRecordSets\": [{\"Name\": \"a\",\n\"Weight\": 1e400\n}]}",
       "r.json:2: 'Weight' is 1e400, beyond what is read; expected a number of at most 1.8e308"},
      {"{\"ResourceRecordSets\": [\n\n-1e999]}",
       "r.json:3: a value is -1e999, beyond what is read"},
  };
  for (const auto& [text, part] : table) {
    const auto read = ReadJson(text);
    ASSERT_FALSE(read->findings.Ok()) << text;
    EXPECT_THAT(read->findings.ToError().message, HasSubstr(part)) << text;
  }
}

TEST(RecordSets, RefuseFieldsWithRecordFieldValueAndExpectation) {
  const std::string values = R"("TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]})";
  ExpectRefusals({
      {Plain("www", R"("SetIdentifier": "b", "Weight": 256)"),
       {"r.json:1: record 'www.example.test. A' (SetIdentifier 'b'): Weight is 256; expected "
        "0..255"}},
      {Plain("www", R"("SetIdentifier": "b", "Weight": -1)"), {"Weight is -1; expected 0..255"}},
      {Plain("www", R"("SetIdentifier": "b", "Weight": "1")"),
       {"Weight is \"1\"; expected 0..255"}},
      {Plain("www", R"("SetIdentifier": "b", "Failover": "primary")"),
       {"Failover is \"primary\"; expected \"PRIMARY\" or \"SECONDARY\""}},
      {Plain("www", R"("SetIdentifier": "b", "MultiValueAnswer": "yes")"),
       {"MultiValueAnswer is \"yes\"; expected true or false"}},
      {Plain("www", R"("SetIdentifer": "b", "Weight": 1)"),
       {"SetIdentifer is not known; did you mean 'SetIdentifier'?",
        "SetIdentifier is missing; expected 1..128 characters, since Weight is given"}},
      {Plain("www", R"("SetIdentifier": "", "Weight": 1)"),
       {"SetIdentifier has 0 characters; expected 1..128"}},
      {Plain("www", "\"SetIdentifier\": \"" + std::string(129, 'x') + "\", \"Weight\": 1"),
       {"SetIdentifier has 129 characters"}},
      {Plain("www", R"("SetIdentifier": "b")"),
       {"SetIdentifier is given without a routing policy; expected Weight, Region, Failover"}},
      {Plain("www", R"("SetIdentifier": "b", "Weight": 1, "Failover": "PRIMARY")"),
       {"Weight and Failover are given together; expected one routing policy"}},
      {Plain("www", R"("HealthCheckId": "")"), {"HealthCheckId has 0 characters; expected 1..64"}},
      {Plain("www", R"("SetIdentifier": "b", "Region": "US East")"),
       {R"(Region is "US East"; expected the name of a region)"}},
      {Plain("www", R"("Region": "us-east-1")"), {"SetIdentifier is missing"}},
      {Plain("www", R"("SetIdentifier": "b", "Region": "us-east-1", "Weight": 1)"),
       {"Weight and Region are given together; expected one routing policy"}},
      {Plain("www", R"("SetIdentifier": "b", "GeoLocation": {"CountryCode": "XX"})"),
       {R"(GeoLocation: CountryCode is "XX"; expected two capital letters)"}},
      {Plain("www", R"("SetIdentifier": "b", "GeoLocation": {"ContinentCode": "ASIA"})"),
       {R"(ContinentCode is "ASIA"; expected AF, AN, AS)"}},
      {Plain("www", R"("SetIdentifier": "b", "GeoLocation": {"SubdivisionCode": "NY"})"),
       {"expected one of them, SubdivisionCode beside CountryCode only"}},
      {Plain(
           "www",
           R"("SetIdentifier": "b", "GeoLocation": {"CountryCode": "DE", "SubdivisionCode": "BE"})"),
       {R"(SubdivisionCode is "BE"; expected a state of US (AK AL )"}},
      {Plain(
           "www",
           R"("SetIdentifier": "b", "GeoLocation": {"CountryCode": "UA", "SubdivisionCode": "99"})"),
       {R"(SubdivisionCode is "99"; expected a state of US)",
        "WV WY) or a region of UA (05 07 09 12 14 18 21 23 26 30 32 35 40 43 46 48 51 53 56 59 61 "
        "63 65 68 71 74 77)"}},
      {Plain("www", R"("SetIdentifier": "b", "GeoProximityLocation": {"Bias": 5})"),
       {"expected exactly one of them"}},
      {Plain("www",
             R"("SetIdentifier": "b", "GeoProximityLocation": {"AWSRegion": "a", "Bias": 100})"),
       {"Bias is 100; expected -99..99"}},
      {Plain("www",
             R"("SetIdentifier": "b", "GeoProximityLocation": )"
             R"({"Coordinates": {"Latitude": "91", "Longitude": "1.234"}})"),
       {R"(Latitude is "91"; expected -90..90 with at most two decimals)",
        R"(Longitude is "1.234"; expected -180..180)"}},
      {Plain("www", R"("SetIdentifier": "b", "CidrRoutingConfig": {"LocationName": "a b"})"),
       {"CollectionId is missing", R"(LocationName is "a b"; expected 1..16 letters)"}},
      {Plain("www", R"("TrafficPolicyInstanceId": "x")"),
       {"TrafficPolicyInstanceId is not yet supported"}},
      {"{\"Type\": \"A\", " + values, {"Name is missing; expected a domain name"}},
      {"{\"Name\": 1, \"Type\": \"A\", " + values, {"Name is 1; expected a string"}},
      {R"({"Name": "a..example.test", "Type": "A", )" + values,
       {"record 'a..example.test A': Name is \"a..example.test\": name has an empty label"}},
      {R"({"Name": "www.other.test.", "Type": "A", )" + values,
       {"RRSet with DNS name www.other.test. is not permitted in zone example.test."}},
      {R"({"Name": "www.example.test.", )" + values, {"Type is missing"}},
      {R"({"Name": "www.example.test.", "Type": "HINFO", )" + values,
       {"Type is \"HINFO\"; expected SOA A TXT NS CNAME MX"}},
      {R"({"Name": "www.example.test.", "Type": "nope", )" + values,
       {"Type is \"nope\"; expected"}},
      {R"({"Name": "\\052.example.test.", "Type": "NS", "TTL": 60,
          "ResourceRecords": [{"Value": "a."}]})",
       {"record '*.example.test. NS': Name is a wildcard, which NS cannot have"}},
      {R"({"Name": "d.example.test.", "Type": "DS", "SetIdentifier": "a", "Weight": 1, "TTL": 60,
          "ResourceRecords": [{"Value": "1 8 2 0a0b"}]})",
       {"Weight is given; expected no routing policy for type DS"}},
      {R"({"Name": "d.example.test.", "Type": "CNAME", "SetIdentifier": "a",
          "MultiValueAnswer": true, "TTL": 60, "ResourceRecords": [{"Value": "a."}]})",
       {"MultiValueAnswer is given; expected no routing policy for type CNAME with many answers"}},
  });
}

// A value is of no type then, so nothing more can be wrong with it.
TEST(RecordSets, SayNothingOfTheValuesOfAnUnknownType) {
  for (const char* type : {R"("Type": "FOO",)", R"("Type": 7,)", ""}) {
    const auto read = ReadRecords(std::string(R"({"Name": "www.example.test.", )") + type +
                                  R"("TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]})");
    EXPECT_EQ(read->findings.ErrorCount(), 1U) << read->findings.ToError().message;
  }
}

TEST(RecordSets, CountCharactersAndNotOctets) {
  std::string longest;
  for (int i = 0; i < 128; ++i) {
    longest += "\u00e4";
  }
  const auto named = [](const std::string& identifier) {
    return Plain("www", "\"SetIdentifier\": \"" + identifier + "\", \"Weight\": 1");
  };
  const auto read = ReadRecords(named(longest));
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  EXPECT_EQ(read->zone.record_sets.at(0).set_identifier.size(), 256U);
  ExpectRefusals(
      {{named(longest + "\u00e4"), {"SetIdentifier has 129 characters; expected 1..128"}}});
}

// A newline could make one message two, an escape sequence clear a screen.
TEST(RecordSets, AreNamedWithTheirControlCharactersShown) {
  ExpectRefusals({{Plain("www", R"("SetIdentifier": "a\nr.json:9: b\u001b", "Weight": 256)"),
                   {R"((SetIdentifier 'a\x0ar.json:9: b\x1b'): Weight is 256; expected 0..255)"}}});
  const auto read = ReadRecords(
      Plain("www", R"("SetIdentifier": "a\nb", "Weight": 1, "HealthCheckId": "c\r\n\u0085d")"));
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  LintZone(read->zone, {}, read->findings);
  EXPECT_THAT(
      read->findings.Warnings(),
      ElementsAre(HasSubstr(R"((SetIdentifier 'a\x0ab'): HealthCheckId 'c\x0d\x0a\xc2\x85d' )"
                            "is no health check of this node")));
}

TEST(RecordSets, RefuseTargetsThatAreNoneOrTooMany) {
  const std::string head = R"({"Name": "www.example.test.", "Type": "A")";
  const std::string one_of =
      "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
      "TrafficPolicyInstanceId], but found ";
  const std::string none = one_of + "none";
  const std::string more = one_of + "more than one";
  std::string many;
  for (int i = 0; i < 401; ++i) {
    many += (i == 0 ? "" : ",") + std::string(R"({"Value": "10.0.)") + std::to_string(i / 256) +
            "." + std::to_string(i % 256) + "\"}";
  }
  const auto with_values = [&head](const std::string& values) {
    return head + ", \"TTL\": 60, \"ResourceRecords\": " + values + "}";
  };
  ExpectRefusals({
      {head + "}", {none.c_str()}},
      {head + ", \"TTL\": 60}", {none.c_str()}},
      {head + R"(, "ResourceRecords": [{"Value": "192.0.2.1"}]})", {none.c_str()}},
      {head + R"(, "TTL": 60, "AliasTarget": {"HostedZoneId": "Z1", "DNSName": "a.example.test.",
                "EvaluateTargetHealth": true}})",
       {more.c_str()}},
      {head + R"(, "TTL": 2147483648, "ResourceRecords": [{"Value": "192.0.2.1"}]})",
       {"TTL is 2147483648; expected 0..2147483647"}},
      {with_values("[]"), {"ResourceRecords has 0 values; expected 1..400"}},
      {with_values("[" + many + "]"), {"ResourceRecords has 401 values; expected 1..400"}},
      {with_values("[\"192.0.2.1\"]"),
       {"ResourceRecords is \"192.0.2.1\"; expected objects of the form {\"Value\": \"...\"}"}},
      {with_values(R"([{"Value": "192.0.2.1", "x": 1}])"), {"expected objects of the form"}},
      {with_values(R"([{"Value": "192.0.2"}])"),
       {"record 'www.example.test. A': ResourceRecords rdata '192.0.2' is no A"}},
      {with_values(R"([{"Value": "192.0.2.1"}, {"Value": "192.0.2.1"}])"),
       {"ResourceRecords has the value \"192.0.2.1\" twice"}},
      {R"({"Name": "www.example.test.", "Type": "MX", "TTL": 60, "ResourceRecords": [
          {"Value": "10 A.x."}, {"Value": "10 a.x."}]})",
       {"ResourceRecords has the value \"10 a.x.\" twice"}},
      {with_values(R"([{"Value": "192.0.2.1\n192.0.2.2"}])"), {"it holds a control character"}},
      {R"({"Name": "t.example.test.", "Type": "TXT", "TTL": 1,
          "ResourceRecords": [{"Value": "unquoted"}]})",
       {"value \"unquoted\" is not enclosed in quotation marks"}},
      {R"({"Name": "t.example.test.", "Type": "TXT", "TTL": 1,
          "ResourceRecords": [{"Value": "\"open"}]})",
       {"a quote is not closed"}},
      {R"({"Name": "t.example.test.", "Type": "MX", "TTL": 1,
          "ResourceRecords": [{"Value": "10 a. ; note"}]})",
       {"it holds an unquoted ';'"}},
      {R"({"Name": "t.example.test.", "Type": "HTTPS", "TTL": 1,
          "ResourceRecords": [{"Value": "32768 ."}]})",
       {"has no priority of 0..32767"}},
      {R"({"Name": "t.example.test.", "Type": "HTTPS", "TTL": 1,
          "ResourceRecords": [{"Value": "1 . key667=a"}]})",
       {"names a parameter by number (keyNNNNN)"}},
      {head + R"(, "AliasTarget": {"HostedZoneId": "Z2", "DNSName": "a.example.test.",
                "EvaluateTargetHealth": true}})",
       {"record 'www.example.test. A': AliasTarget: HostedZoneId is \"Z2\", which is not this "
        "zone; expected \"Z1\""}},
      {head + R"(, "AliasTarget": {}})",
       {"HostedZoneId is missing", "DNSName is missing", "EvaluateTargetHealth is missing"}},
      {head + R"(, "AliasTarget": {"HostedZoneId": "Z1", "DNSName": "a..b",
                "EvaluateTargetHealth": 1, "x": 1}})",
       {"DNSName is \"a..b\": name has an empty label",
        "EvaluateTargetHealth is 1; expected true or false",
        "AliasTarget: x is not known"}},
      {head + R"(, "AliasTarget": "a"})", {"AliasTarget is \"a\"; expected a table"}},
      {R"({"Name": "www.example.test.", "Type": "NS", "AliasTarget": {"HostedZoneId": "Z1",
          "DNSName": "example.test.", "EvaluateTargetHealth": true}})",
       {"AliasTarget is given; expected ResourceRecords for this type"}},
      {Alias("www", "example", R"("SetIdentifier": "a", "MultiValueAnswer": true)"),
       {"AliasTarget is given; expected ResourceRecords with MultiValueAnswer"}},
  });
}

}  // namespace
}  // namespace holdfast::control

// Traffic policies as record sets: they compile to the very rules that record sets of the same
// meaning compile to, and their hidden groups show nowhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <variant>
#include <vector>

#include "control/compile/compile.h"
#include "control/compile/explain.h"
#include "control/config/record_sets.h"
#include "control/model/rules.h"
#include "control/traffic/document.h"
#include "control/traffic/expand.h"
#include "tests/control/compile_kit.h"

namespace holdfast::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kId = "6a1d4b5e-0000-4000-8000-000000000001";

StoredInstance Instance(const TrafficDocument& document, const std::string& name) {
  return {kId, kit::Wire("example.test"), kit::Wire(name), document.type, 60, "p1", 2};
}

TrafficDocument ReadDocument(const std::string& rules) {
  auto read = ReadTrafficDocument(R"({"AWSPolicyFormatVersion": "2015-10-01", "RecordType": "A",
    "StartRule": "start", "Endpoints": {
      "a": {"Type": "value", "Value": "192.0.2.1"}, "b": {"Type": "value", "Value": "192.0.2.2"},
      "c": {"Type": "value", "Value": "192.0.2.3"}}, "Rules": {)" +
                                      rules + "}}",
                                  "p.json");
  EXPECT_TRUE(read) << read.error().message;
  return read ? std::move(*read) : TrafficDocument{};
}

TrafficTree Tree(const TrafficDocument& document, const std::string& name = "www.example.test") {
  const StoredInstance instance = Instance(document, name);
  auto records = Expand(instance, "web", document);
  EXPECT_TRUE(records) << records.error().message;
  return {kId,
          instance.origin,
          instance.name,
          "instance",
          records.value_or(std::vector<RecordSet>{}),
          ""};
}

struct Zoned {
  Model model;
  std::vector<TrafficTree> trees;
  Findings findings;

  explicit Zoned(Zone zone) {
    for (const char* id : {"one", "two"}) {
      model.checks.push_back({.id = id});
    }
    model.zones.push_back(std::move(zone));
  }
  Zoned& With(TrafficTree tree) {
    trees.push_back(std::move(tree));
    return *this;
  }
  Zoned& Judge() {
    findings = {};
    JudgeWithTrees(model.zones[0], trees, CheckZone, findings);
    return *this;
  }
  Compiled Compile() {
    EXPECT_TRUE(findings.Ok()) << findings.ToError().message;
    auto compiled = control::Compile(model, {}, 0);
    EXPECT_TRUE(compiled) << compiled.error().message;
    return compiled ? std::move(*compiled) : Compiled{};
  }
};

Zone Empty() {
  Zone zone = kit::ZoneText("example.test.").zone;
  zone.source = {.file = "example.zone", .line = 0};
  return zone;
}

// Record sets are of type A, in zone Z1.
Zone Written(const std::string& records) {
  Zone zone = Empty();
  zone.id = "Z1";
  Findings findings;
  ReadRecordSetsText("{\"ResourceRecordSets\": [" + records + "]}", "records.json", zone, findings);
  EXPECT_TRUE(findings.Ok()) << findings.ToError().message;
  return zone;
}
std::string Record(const std::string& name, const std::string& rest) {
  return R"({"Name": ")" + name + R"(.example.test", "Type": "A", )" + rest + "}";
}
std::string Value(const std::string& address) {
  return R"("TTL": 60, "ResourceRecords": [{"Value": ")" + address + "\"}]";
}
std::string Alias(const std::string& name, bool evaluate) {
  return R"("AliasTarget": {"HostedZoneId": "Z1", "DNSName": ")" + name +
         R"(.example.test", "EvaluateTargetHealth": )" + (evaluate ? "true}" : "false}");
}

const CompiledName* NameOf(const Compiled& compiled, const std::string& name) {
  for (const CompiledName& one : compiled.zones[0].names) {
    if (one.name == kit::Wire(name)) {
      return &one;
    }
  }
  return nullptr;
}
RuleDigest RuleAt(const Compiled& compiled, const std::string& name) {
  const CompiledName* found = NameOf(compiled, name);
  if (found == nullptr || found->rrsets.size() != 1 ||
      !std::holds_alternative<RuleDigest>(found->rrsets[0].answer)) {
    ADD_FAILURE() << name << " leads to no rule";
    return {};
  }
  return std::get<RuleDigest>(found->rrsets[0].answer);
}

struct Same {
  const char* what;
  std::string rules;    // of a document
  std::string records;  // of the same meaning
};

const std::vector<Same>& Pairs() {
  static const std::vector<Same> kPairs{
      {"weighted",
       R"("start": {"RuleType": "weighted", "Items": [
          {"EndpointReference": "a", "Weight": 3, "HealthCheck": "one"},
          {"EndpointReference": "b", "Weight": 0}]})",
       Record(
           "www",
           R"("SetIdentifier": "x", "Weight": 3, "HealthCheckId": "one", )" + Value("192.0.2.1")) +
           "," + Record("www", R"("SetIdentifier": "y", "Weight": 0, )" + Value("192.0.2.2"))},
      {"failover over weighted",
       R"("start": {"RuleType": "failover",
          "Primary": {"RuleReference": "w", "EvaluateTargetHealth": true, "HealthCheck": "two"},
          "Secondary": {"EndpointReference": "c"}},
          "w": {"RuleType": "weighted", "Items": [
          {"EndpointReference": "a", "Weight": 1, "HealthCheck": "one"},
          {"EndpointReference": "b", "Weight": 1, "HealthCheck": "two"}]})",
       Record("www",
              R"("SetIdentifier": "p", "Failover": "PRIMARY", "HealthCheckId": "two", )" +
                  Alias("w", true)) +
           "," +
           Record("www",
                  R"("SetIdentifier": "s", "Failover": "SECONDARY", )" + Value("192.0.2.3")) +
           "," +
           Record("w",
                  R"("SetIdentifier": "x", "Weight": 1, "HealthCheckId": "one", )" +
                      Value("192.0.2.1")) +
           "," +
           Record("w",
                  R"("SetIdentifier": "y", "Weight": 1, "HealthCheckId": "two", )" +
                      Value("192.0.2.2"))},
      {"a rule shared by two legs",
       R"("start": {"RuleType": "weighted", "Items": [
          {"RuleReference": "m", "Weight": 1, "EvaluateTargetHealth": true},
          {"RuleReference": "m", "Weight": 2}]},
          "m": {"RuleType": "multivalue", "Items": [
          {"EndpointReference": "a"}, {"EndpointReference": "b", "HealthCheck": "one"}]})",
       Record("www", R"("SetIdentifier": "x", "Weight": 1, )" + Alias("m", true)) + "," +
           Record("www", R"("SetIdentifier": "y", "Weight": 2, )" + Alias("m", false)) + "," +
           Record("m", R"("SetIdentifier": "1", "MultiValueAnswer": true, )" + Value("192.0.2.1")) +
           "," +
           Record("m",
                  R"("SetIdentifier": "2", "MultiValueAnswer": true, "HealthCheckId": "one", )" +
                      Value("192.0.2.2"))},
      {"geolocation over latency",
       R"("start": {"RuleType": "geo", "Locations": [
          {"EndpointReference": "a", "IsDefault": true},
          {"RuleReference": "l", "Country": "DE", "EvaluateTargetHealth": true}]},
          "l": {"RuleType": "latency", "Regions": [
          {"EndpointReference": "b", "Region": "eu-west-1"},
          {"EndpointReference": "c", "Region": "us-east-1", "HealthCheck": "two"}]})",
       Record(
           "www",
           R"("SetIdentifier": "x", "GeoLocation": {"CountryCode": "*"}, )" + Value("192.0.2.1")) +
           "," +
           Record("www",
                  R"("SetIdentifier": "y", "GeoLocation": {"CountryCode": "DE"}, )" +
                      Alias("l", true)) +
           "," +
           Record("l", R"("SetIdentifier": "x", "Region": "eu-west-1", )" + Value("192.0.2.2")) +
           "," +
           Record("l",
                  R"("SetIdentifier": "y", "Region": "us-east-1", "HealthCheckId": "two", )" +
                      Value("192.0.2.3"))},
      {"geoproximity",
       R"("start": {"RuleType": "geoproximity", "GeoproximityLocations": [
          {"EndpointReference": "a", "Latitude": "51.50", "Longitude": "-0.16", "Bias": "10"},
          {"EndpointReference": "b", "Region": "aws:route53:us-west-1"}]})",
       Record("www",
              R"("SetIdentifier": "1", "GeoProximityLocation": {"Bias": 10,
                 "Coordinates": {"Latitude": "51.50", "Longitude": "-0.16"}}, )" +
                  Value("192.0.2.1")) +
           "," +
           Record("www",
                  R"("SetIdentifier": "2", "GeoProximityLocation": {"AWSRegion": "us-west-1"}, )" +
                      Value("192.0.2.2"))},
  };
  return kPairs;
}

TEST(TrafficExpand, CompilesToTheRulesOfRecordSetsThatMeanTheSame) {
  for (const Same& one : Pairs()) {
    Zoned policy(Empty());
    const Compiled ours = policy.With(Tree(ReadDocument(one.rules))).Judge().Compile();
    Zoned written(Written(one.records));
    const Compiled theirs = written.Judge().Compile();
    EXPECT_EQ(RuleAt(ours, "www.example.test"), RuleAt(theirs, "www.example.test")) << one.what;
    EXPECT_EQ(ours.pools.size(), theirs.pools.size()) << one.what;
    // The apex and www: no rule is a name, none is between.
    EXPECT_THAT(ours.zones[0].names, SizeIs(2)) << one.what;
    EXPECT_EQ(ours.zones[0].max_labels, 3) << one.what;
  }
}

TEST(TrafficExpand, TellsOfTheTreeInThePolicysWords) {
  Zoned zone(Empty());
  zone.With(Tree(ReadDocument(Pairs()[1].rules))).Judge();
  const std::vector<CompiledHealth> health{{.id = "one", .healthy = false},
                                           {.id = "two", .healthy = true}};
  const auto told = Explain(zone.model, health, kit::Wire("www.example.test"), kit::TypeOf("A"));
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(told->tree->traffic_policy_instance_id, kId);
  const ExplainedMember& primary = told->tree->members[0];
  EXPECT_EQ(primary.alias_target, "policy web v2 rule w");
  ASSERT_NE(primary.target, nullptr);
  EXPECT_EQ(primary.target->name, "policy web v2 rule w");
  EXPECT_EQ(primary.target->traffic_policy_instance_id, "");
  EXPECT_THAT(primary.source, HasSubstr("policy web v2:"));
  ASSERT_EQ(told->answers.size(), 1U);
  EXPECT_THAT(told->answers[0].values, ElementsAre("192.0.2.2"));
}

TEST(TrafficExpand, TitlesHaveNoControlCharacters) {
  const TrafficDocument document = ReadDocument(R"("start": {"RuleType": "weighted", "Items": [
      {"RuleReference": "x\u001b[2J", "Weight": 1}]}, "x\u001b[2J": {"RuleType": "weighted",
      "Items": [{"EndpointReference": "a", "Weight": 1}]})");
  const auto records = Expand(Instance(document, "www.example.test"),
                              "we\x1b"
                              "b",
                              document);
  ASSERT_TRUE(records) << records.error().message;
  EXPECT_EQ(records->back().traffic->title, "policy we\\x1bb v2 rule x\\x1b[2J");
  EXPECT_EQ(records->back().source.file, "policy we\\x1bb v2");
}

TEST(TrafficExpand, HiddenGroupsAreFoundByNothingButTheirAliases) {
  const TrafficTree tree = Tree(ReadDocument(Pairs()[1].rules));
  const std::string hidden = tree.record_sets.back().name;
  ASSERT_TRUE(IsHiddenOwner(hidden));
  kit::ZoneText text("example.test.");
  text.Add("*", "A", {kit::V4("192.0.2.77")});
  text.Add("mail", "MX", {kit::Be16Octets(1) + hidden});
  text.Add("cut", "NS", {hidden});
  Zoned zone(text.zone);
  const Compiled compiled = zone.With(tree).Judge().Compile();
  EXPECT_THAT(compiled.zones[0].names, SizeIs(5));
  const auto& mail = NameOf(compiled, "mail.example.test")->rrsets[0];
  EXPECT_THAT(std::get<ImageSpecPtr>(mail.answer)->additional, IsEmpty());
  const auto& cut = NameOf(compiled, "cut.example.test")->rrsets[0];
  const auto& image = *std::get<ImageSpecPtr>(cut.answer);
  EXPECT_EQ(image.record_ends.size(), 1U) << "glue";
  // As any name that is not there: by the wildcard.
  const auto told = Explain(zone.model, {}, hidden, kit::TypeOf("A"));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->owner, "*.example.test.");
  EXPECT_THAT(told->answers[0].values, ElementsAre("192.0.2.77"));
}

TEST(TrafficExpand, StandsAtAnApexWithADname) {
  kit::ZoneText text("example.test.");
  text.Add("@", "DNAME", {kit::Wire("elsewhere.test.")});
  Zoned zone(text.zone);
  const Compiled compiled =
      zone.With(Tree(ReadDocument(Pairs()[1].rules), "example.test")).Judge().Compile();
  EXPECT_THAT(zone.trees[0].fault, IsEmpty());
  EXPECT_THAT(compiled.warnings, IsEmpty());
  EXPECT_THAT(compiled.zones[0].names, SizeIs(1));
}

TEST(TrafficExpand, NobodyElseMayHaveOrNameAHiddenOwner) {
  const TrafficTree tree = Tree(ReadDocument(Pairs()[1].rules));
  const std::string hidden = tree.record_sets.back().name;
  Zone zone = Written(Record("other", Value("192.0.2.8")));
  zone.record_sets[0].name = hidden;
  Zoned taken(zone);
  taken.Judge();
  EXPECT_THAT(taken.findings.ToError().message,
              HasSubstr("kept for the rules of traffic policies"));
  zone = Written(Record("other", Alias("x", true)));
  zone.record_sets[0].alias->name = hidden;
  Zoned named(zone);
  named.With(tree).Judge();
  EXPECT_THAT(named.findings.ToError().message, HasSubstr("that target was not found"));
}

TEST(TrafficExpand, WhatDoesNotFitIsLeftOutAndTheRestStays) {
  kit::ZoneText text("example.test.");
  text.Add("www", "A", {kit::V4("192.0.2.7")});
  Zoned zone(text.zone);
  TrafficTree other = Tree(ReadDocument(Pairs()[0].rules), "other.example.test");
  for (RecordSet& record : other.record_sets) {
    EXPECT_EQ(record.ttl, 60U);
  }
  const Compiled compiled =
      zone.With(Tree(ReadDocument(Pairs()[1].rules))).With(other).Judge().Compile();
  EXPECT_THAT(zone.trees[0].fault, HasSubstr("the zone file has this name and type too"));
  EXPECT_THAT(zone.trees[1].fault, IsEmpty());
  EXPECT_NE(NameOf(compiled, "other.example.test"), nullptr);
  EXPECT_THAT(compiled.zones[0].names, SizeIs(3));
  // Once the record is gone it stands there; a second judging leaves nothing of the first behind.
  zone.model.zones[0].rrsets.pop_back();
  EXPECT_THAT(zone.Judge().Compile().zones[0].names, SizeIs(3));
  EXPECT_THAT(zone.trees[0].fault, IsEmpty());
  EXPECT_THAT(zone.model.zones[0].record_sets, SizeIs(6));
}

TEST(TrafficExpand, AliasesOfOthersMayLeadToTheRootAndNeedIt) {
  Zoned zone(Written(Record("other", Alias("www", true))));
  zone.Judge();
  EXPECT_THAT(zone.findings.ToError().message, HasSubstr("that target was not found"));
  const Compiled compiled = zone.With(Tree(ReadDocument(Pairs()[1].rules))).Judge().Compile();
  EXPECT_THAT(compiled.warnings, IsEmpty());
  EXPECT_NE(NameOf(compiled, "other.example.test"), nullptr);
}

TEST(TrafficExpand, IsNamedWhereAnAliasLeadsToWhatDoesNotFit) {
  Zone wanted = Written(Record("other", Alias("www", true)));
  kit::ZoneText text("example.test.");
  text.Add("www", "CNAME", {kit::Wire("x.example.test.")});
  wanted.rrsets = text.zone.rrsets;
  Zoned zone(wanted);
  const std::string said =
      zone.With(Tree(ReadDocument(Pairs()[1].rules))).Judge().findings.ToError().message;
  EXPECT_THAT(said, HasSubstr("that target was not found"));
  EXPECT_THAT(said, HasSubstr("\ninstance does not fit: policy web v2:"));
}

TEST(TrafficExpand, RefusesAZoneWhoseNameLeavesNoRoom) {
  const TrafficDocument document = ReadDocument(Pairs()[1].rules);
  const std::string label(63, 'x');
  StoredInstance instance = Instance(document, "www.example.test");
  instance.origin = kit::Wire(label + "." + label + "." + label + "." + std::string(30, 'y'));
  instance.name = instance.origin;
  const auto records = Expand(instance, "web", document);
  ASSERT_FALSE(records);
  EXPECT_THAT(records.error().message, HasSubstr("octets too long for the groups"));
}

TEST(TrafficExpand, TakesAStartEndpointAsASimpleRecord) {
  const auto document = ReadTrafficDocument(R"({"AWSPolicyFormatVersion": "2015-10-01",
    "RecordType": "TXT", "StartEndpoint": "t",
    "Endpoints": {"t": {"Type": "value", "Value": "\"text\""}}})",
                                            "p.json");
  ASSERT_TRUE(document) << document.error().message;
  const TrafficTree tree = Tree(*document);
  ASSERT_THAT(tree.record_sets, SizeIs(1));
  EXPECT_EQ(tree.record_sets[0].policy, Policy::kSimple);
  EXPECT_EQ(tree.record_sets[0].ttl, 60U);
  EXPECT_THAT(tree.record_sets[0].rdata, ElementsAre("\4text"));
}

}  // namespace
}  // namespace holdfast::control

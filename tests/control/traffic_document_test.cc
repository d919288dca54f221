// Traffic policy documents: both formats as Route 53 has them, and how each fault is refused.
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <vector>

#include "control/traffic/document.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using namespace std::string_literals;

// A document of RecordType A with endpoints a, b, and c; `rules` is what Rules holds.
std::string Document(const std::string& rules,
                     const std::string& start = R"("StartRule": "r")",
                     const std::string& format = "2015-10-01") {
  return R"({"AWSPolicyFormatVersion": ")" + format + R"(", "RecordType": "A",
)" + start +
         R"(, "Endpoints": {
  "a": {"Type": "value", "Value": "192.0.2.1"}, "b": {"Type": "value", "Value": "192.0.2.2"},
  "c": {"Type": "value", "Value": "192.0.2.3"}},
"Rules": {)" +
         rules + "}}";
}
std::string Rule(const std::string& type, const std::string& legs, const std::string& id = "r") {
  return "\"" + id + R"(": {"RuleType": ")" + type + "\", " + legs + "}";
}
std::string Weighted(const std::string& items, const std::string& id = "r") {
  return Rule("weighted", "\"Items\": [" + items + "]", id);
}
// One leg of weight 1 to another rule.
std::string To(const std::string& from, const std::string& to) {
  return Weighted(R"({"RuleReference": ")" + to + R"(", "Weight": 1})", from);
}

TrafficDocument Good(const std::string& text) {
  auto read = ReadTrafficDocument(text, "p.json");
  EXPECT_TRUE(read) << read.error().message << "\n" << text;
  return read ? std::move(*read) : TrafficDocument{};
}
std::string Fault(const std::string& text) {
  const auto read = ReadTrafficDocument(text, "p.json");
  EXPECT_FALSE(read) << text;
  const std::string message = read ? "" : read.error().message;
  for (std::size_t at = 0; at < message.size(); at = message.find('\n', at) + 1) {
    EXPECT_THAT(message.substr(at), StartsWith("InvalidTrafficPolicyDocument: p.json"));
    if (message.find('\n', at) == std::string::npos) {
      break;
    }
  }
  return message;
}

TEST(TrafficDocument, ReadsTheExample) {
  std::ifstream file(HOLDFAST_EXAMPLES "/traffic-policy.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const TrafficDocument document = Good(text);
  ASSERT_EQ(document.rules.size(), 2U);
  EXPECT_EQ(document.rules[document.start.target].id, "site");
  EXPECT_THAT(document.warnings, IsEmpty());
  EXPECT_EQ(document.rules[1].legs[0].weight, 3);
}

TEST(TrafficDocument, ReadsFailoverAndWeightedLegs) {
  const TrafficDocument document =
      Good(Document(Rule("failover",
                         R"("Primary": {"RuleReference": "w", "EvaluateTargetHealth": "true"},
         "Secondary": {"EndpointReference": "c", "HealthCheck": "h"})") +
                    "," +
                    Weighted(R"({"EndpointReference": "a", "Weight": "0"},
        {"EndpointReference": "b", "Weight": 255, "EvaluateTargetHealth": true})",
                             "w")));
  EXPECT_EQ(document.type, static_cast<std::uint16_t>(wire::Type::kA));
  EXPECT_TRUE(document.start.to_rule);
  const TrafficRule& failover = document.rules[0];
  EXPECT_EQ(failover.policy, Policy::kFailover);
  EXPECT_TRUE(failover.legs[0].primary && failover.legs[0].to_rule);
  EXPECT_TRUE(failover.legs[0].evaluate_target_health);
  EXPECT_EQ(failover.legs[0].target, 1U);
  EXPECT_FALSE(failover.legs[1].primary || failover.legs[1].to_rule);
  EXPECT_EQ(failover.legs[1].health_check_id, "h");
  EXPECT_EQ(document.endpoints[failover.legs[1].target].rdata, "\xC0\x00\x02\x03"s);
}

TEST(TrafficDocument, ReadsAStartEndpointOfAnyRoutableType) {
  const TrafficDocument document = Good(R"({"AWSPolicyFormatVersion": "2023-05-09",
    "RecordType": "TXT", "StartEndpoint": "t",
    "Endpoints": {"t": {"Type": "value", "Value": "\"a\" \"b\""}}})");
  EXPECT_FALSE(document.start.to_rule);
  EXPECT_EQ(document.endpoints[0].rdata, "\1a\1b");
}

TEST(TrafficDocument, ReadsPlacesOfClients) {
  const TrafficDocument geo = Good(Document(Rule("geo", R"("Locations": [
    {"EndpointReference": "a", "IsDefault": "true"}, {"EndpointReference": "b", "Continent": "EU"},
    {"EndpointReference": "b", "Country": "US", "Subdivision": "NY", "IsDefault": false}])")));
  EXPECT_EQ(geo.rules[0].legs[0].where->geo.country, "*");
  EXPECT_EQ(geo.rules[0].legs[1].where->geo.continent, "EU");
  EXPECT_EQ(geo.rules[0].legs[2].where->geo.subdivision, "NY");
  const TrafficDocument star = Good(Document(Rule(
      "geo", R"("Locations": [{"EndpointReference": "a", "Country": "*", "IsDefault": true}])")));
  EXPECT_EQ(star.rules[0].legs[0].where->geo.country, "*");
  const TrafficDocument latency = Good(Document(
      Rule("latency", R"("Regions": [{"EndpointReference": "a", "Region": "eu-west-1"}])")));
  EXPECT_EQ(latency.rules[0].legs[0].where->region, "eu-west-1");
}

TEST(TrafficDocument, ReadsGeoproximityOfBothFormats) {
  const std::string old = Rule("geoproximity", R"("GeoproximityLocations": [
    {"EndpointReference": "a", "Region": "aws:route53:us-west-1", "Bias": "-10"},
    {"EndpointReference": "b", "Latitude": "51.5", "Longitude": "-0.16"}])");
  const std::string now = Rule("geoproximity", R"("GeoproximityLocations": [
    {"EndpointReference": "a", "Bias": -10,
     "Location": {"Type": "Region", "LocationName": "aws:route53:us-west-1"}},
    {"EndpointReference": "b",
     "Location": {"Type": "Coordinate", "Latitude": "51.5", "Longitude": "-0.16"}},
    {"EndpointReference": "c",
     "Location": {"Type": "LocalZone", "LocationName": "aws:route53:us-east-1-atl-1a"}}])");
  for (const TrafficDocument& document :
       {Good(Document(old)), Good(Document(now, R"("StartRule": "r")", "2023-05-09"))}) {
    const std::vector<TrafficLeg>& legs = document.rules[0].legs;
    EXPECT_EQ(legs[0].where->region, "us-west-1");
    EXPECT_EQ(legs[0].where->bias, -10);
    EXPECT_DOUBLE_EQ(legs[1].where->place.value().latitude, 51.5);
    EXPECT_DOUBLE_EQ(legs[1].where->place.value().longitude, -0.16);
  }
  EXPECT_THAT(Fault(Document(old, R"("StartRule": "r")", "2023-05-09")),
              HasSubstr("Location is missing; expected an object with Type"));
  EXPECT_THAT(Fault(Document(now)), HasSubstr(": Location is not known"));
}

TEST(TrafficDocument, WarnsOfARuleThatNoWayLeadsTo) {
  const TrafficDocument document =
      Good(Document(Weighted(R"({"EndpointReference": "a", "Weight": 1})") + "," + To("x", "r")));
  EXPECT_THAT(document.warnings, ::testing::ElementsAre("p.json: rule 'x': no way leads there"));
}

TEST(TrafficDocument, RefusesWhatStandsAtItsTop) {
  const std::string rule = Weighted(R"({"EndpointReference": "a", "Weight": 1})");
  EXPECT_THAT(Fault(Document(rule, R"("Start": "r")")), HasSubstr("found neither"));
  EXPECT_THAT(Fault(Document(rule, R"("StartRule": "r", "StartEndpoint": "a")")),
              HasSubstr("found both"));
  EXPECT_THAT(Fault(Document(rule, R"("StartRule": "s")")),
              HasSubstr("p.json:2: document: StartRule is \"s\"; expected the id of one of the "
                        "Rules"));
  EXPECT_THAT(Fault(Document(rule, R"("StartEndpoint": "r")")),
              HasSubstr("StartEndpoint is \"r\"; expected the id of one of the Endpoints"));
  EXPECT_THAT(Fault(Document(rule, R"("StartRule": "r")", "2016-01-01")),
              HasSubstr("is \"2016-01-01\"; expected \"2015-10-01\" or \"2023-05-09\""));
  EXPECT_THAT(Fault("[]"), HasSubstr("the document is an array; expected an object"));
  EXPECT_THAT(Fault("{"), HasSubstr("p.json:1:2: syntax error"));
  EXPECT_THAT(Fault(R"({"Rules": {"a": {}, "a": {}}})"), HasSubstr("'a' is given twice"));
  EXPECT_THAT(Fault("{}"), HasSubstr("AWSPolicyFormatVersion is missing"));
  EXPECT_THAT(Fault("{}"), HasSubstr("RecordType is missing"));
  EXPECT_THAT(Fault(R"({"RecordType": "SOA"})"), HasSubstr("RecordType is \"SOA\"; expected A"));
  EXPECT_THAT(Fault(Document(rule, R"("Endpoint": {}, "StartRule": "r")")),
              HasSubstr("Endpoint is not known; did you mean 'Endpoints'?"));
}

TEST(TrafficDocument, CountsCharactersNotOctets) {
  std::string text = Document(Weighted(R"({"EndpointReference": "a", "Weight": 1})"));
  text += std::string(kMaxDocumentCharacters - text.size(), ' ');
  Good(text);
  std::string accented;
  for (int i = 0; i < 128; ++i) {
    accented += "\u00e9";
  }
  const std::string leg = R"({"EndpointReference": "a", "Weight": 1})";
  Good(Document(Weighted(leg, accented), "\"StartRule\": \"" + accented + "\""));
  EXPECT_THAT(Fault(Document(Weighted(leg, accented + "x"))),
              HasSubstr("the id of a rule has 129 characters; expected 1..128"));
  EXPECT_THAT(Fault(text + " "),
              HasSubstr("the document has 102401 characters; expected at most 102400"));
}

TEST(TrafficDocument, ShowsControlCharactersOfIdsAndNeverWritesThem) {
  const std::string id = R"(x\u001b[2J\u0000\n\u009b)";
  const std::string shown = "'x\\x1b[2J\\x00\\x0a\\xc2\\x9b'";
  const TrafficDocument document =
      Good(Document(Weighted(R"({"EndpointReference": "a", "Weight": 1})") + "," + To(id, "r")));
  EXPECT_THAT(document.warnings,
              ::testing::ElementsAre("p.json: rule " + shown + ": no way leads there"));
  EXPECT_THAT(Fault(Document(Weighted("1", id))), HasSubstr("rule " + shown + ": Items is 1"));
  EXPECT_THAT(Fault(Document(To("r", id) + "," + To(id, "r"))),
              HasSubstr("loop: 'r' -> " + shown + " -> 'r'"));
  EXPECT_THAT(Fault(Document(To("r", id))), HasSubstr(R"(RuleReference is "x\x1b[2J\x00)"));
}

TEST(TrafficDocument, RefusesANulOctetWhereverItIs) {
  const std::string text = Document(Weighted(R"({"EndpointReference": "a", "Weight": 1})"));
  EXPECT_THAT(Fault(text + "\n\0 and more"s), HasSubstr("p.json:6: holds a NUL octet"));
  EXPECT_THAT(Fault("\0"s + text), HasSubstr("p.json:1: holds a NUL octet"));
}

TEST(TrafficDocument, RefusesEndpointsThatAreNoValues) {
  const auto with = [](const std::string& endpoint) {
    return Fault(R"({"AWSPolicyFormatVersion": "2015-10-01", "RecordType": "A",
      "StartEndpoint": "e", "Endpoints": {"e": )" +
                 endpoint + "}}");
  };
  EXPECT_THAT(with(R"({"Type": "elastic-load-balancer", "Value": "x"})"),
              HasSubstr("endpoint 'e': Type is \"elastic-load-balancer\"; expected \"value\""));
  EXPECT_THAT(with(R"({"Type": "value"})"), HasSubstr("endpoint 'e': Value is missing"));
  EXPECT_THAT(with(R"({"Type": "value", "Value": "192.0.2.256"})"),
              HasSubstr("endpoint 'e': Value is refused: rdata '192.0.2.256' is no A"));
  EXPECT_THAT(with(R"({"Type": "value", "Value": "192.0.2.1", "Region": "eu-west-1"})"),
              HasSubstr("endpoint 'e': Region is not known"));
  EXPECT_THAT(with("7"), HasSubstr("Endpoints is 7; expected objects"));
}

struct Refused {
  const char* rule;  // of format 2015-10-01
  const char* says;
};

TEST(TrafficDocument, RefusesEachFaultOfARuleInWords) {
  const std::vector<Refused> cases{
      {R"("r": {})", "rule 'r': RuleType is missing; expected failover, geo"},
      {R"("r": 1)", "Rules is 1; expected objects with a RuleType"},
      {R"("r": {"RuleType": "simple"})", "rule 'r': RuleType is \"simple\"; expected failover"},
      {R"("r": {"RuleType": "weighted"})", "rule 'r': Items is missing"},
      {R"("r": {"RuleType": "weighted", "Items": []})", "rule 'r': Items is empty"},
      {R"("r": {"RuleType": "weighted", "Items": [1]})", "Items is 1; expected objects only"},
      {R"("r": {"RuleType": "weighted", "Items": [{"EndpointReference": "a", "Weight": 1}],
          "Regions": []})",
       "rule 'r': Regions is not known"},
      {R"("r": {"RuleType": "weighted", "Items": [{"EndpointReference": "a"}]})",
       "rule 'r' Items 1: Weight is missing; expected 0..255"},
      {R"("r": {"RuleType": "weighted", "Items": [{"EndpointReference": "a", "Weight": "256"}]})",
       "rule 'r' Items 1: Weight is \"256\"; expected 0..255"},
      {R"("r": {"RuleType": "weighted", "Items": [{"Weight": 1}]})",
       "EndpointReference or RuleReference: expected exactly one of them, found neither"},
      {R"("r": {"RuleType": "weighted", "Items": [
          {"EndpointReference": "a", "RuleReference": "r", "Weight": 1}]})",
       "found both"},
      {R"("r": {"RuleType": "weighted", "Items": [{"EndpointReference": "d", "Weight": 1}]})",
       "rule 'r' Items 1: EndpointReference is \"d\"; expected the id of one of the Endpoints"},
      {R"("r": {"RuleType": "weighted", "Items": [{"RuleReference": "rr", "Weight": 1}]})",
       "RuleReference is \"rr\"; expected the id of one of the Rules"},
      {R"("r": {"RuleType": "weighted", "Items": [
          {"EndpointReference": "a", "Weight": 1, "EvaluateTargetHealth": "yes"}]})",
       "EvaluateTargetHealth is \"yes\"; expected true or false"},
      {R"("r": {"RuleType": "weighted", "Items": [
          {"EndpointReference": "a", "Weight": 1, "Bias": 1}]})",
       "Bias is not known"},
      {R"("r": {"RuleType": "failover", "Primary": {"EndpointReference": "a", "HealthCheck": "h"}})",
       "rule 'r': Secondary is missing"},
      {R"("r": {"RuleType": "failover", "Primary": {"EndpointReference": "a"},
          "Secondary": {"EndpointReference": "b"}})",
       "rule 'r' Primary: HealthCheck is missing"},
      {R"("r": {"RuleType": "multivalue", "Items": [{"RuleReference": "r"}]})",
       "RuleReference is given; expected an EndpointReference in a multivalue rule"},
      {R"("r": {"RuleType": "geo", "Locations": [{"EndpointReference": "a"}]})",
       "Continent or Country: expected one of them"},
      {R"("r": {"RuleType": "geo", "Locations": [{"EndpointReference": "a", "Country": "XX"}]})",
       "Country is \"XX\"; expected two capital letters"},
      {R"("r": {"RuleType": "geo", "Locations": [
          {"EndpointReference": "a", "IsDefault": true, "Country": "DE"}]})",
       "Country is given with IsDefault true"},
      {R"("r": {"RuleType": "geo", "Locations": [{"EndpointReference": "a", "Country": "DE"},
          {"EndpointReference": "b", "Country": "DE"}]})",
       "rule 'r': leg 2 has the same location DE as leg 1"},
      {R"("r": {"RuleType": "latency", "Regions": [{"EndpointReference": "a"}]})",
       "Region is missing"},
      {R"("r": {"RuleType": "latency", "Regions": [{"EndpointReference": "a", "Region": "EU"}]})",
       "Region is \"EU\"; expected the name of a region"},
      {R"("r": {"RuleType": "latency", "Regions": [{"EndpointReference": "a", "Region": "eu"},
          {"EndpointReference": "b", "Region": "eu"}]})",
       "leg 2 has the same region eu as leg 1"},
      {R"("r": {"RuleType": "geoproximity", "GeoproximityLocations": [{"EndpointReference": "a"}]})",
       "Region or Latitude and Longitude: expected exactly one of the two, found neither"},
      {R"("r": {"RuleType": "geoproximity", "GeoproximityLocations": [
          {"EndpointReference": "a", "Latitude": "91", "Longitude": "0"}]})",
       "Latitude is \"91\"; expected -90..90"},
      {R"("r": {"RuleType": "geoproximity", "GeoproximityLocations": [
          {"EndpointReference": "a", "Region": "aws:route53:eu", "Bias": "100"}]})",
       "Bias is \"100\"; expected -99..99"},
  };
  for (const Refused& one : cases) {
    EXPECT_THAT(Fault(Document(one.rule)), HasSubstr(one.says)) << one.rule;
  }
}

TEST(TrafficDocument, RefusesManyAnswersForCname) {
  EXPECT_THAT(Fault(R"({"AWSPolicyFormatVersion": "2015-10-01", "RecordType": "CNAME",
    "StartRule": "r", "Endpoints": {"e": {"Type": "value", "Value": "x.test"}},
    "Rules": {"r": {"RuleType": "multivalue", "Items": [{"EndpointReference": "e"}]}}})"),
              HasSubstr("rule 'r': RuleType is multivalue; expected another for RecordType CNAME"));
}

TEST(TrafficDocument, RefusesLoopsWithTheirWay) {
  EXPECT_THAT(Fault(Document(To("r", "s") + "," + To("s", "t") + "," + To("t", "s"))),
              HasSubstr("rule 't': rules go round in a loop: 's' -> 't' -> 's'"));
  EXPECT_THAT(Fault(Document(To("r", "r"))), HasSubstr("loop: 'r' -> 'r'"));
}

std::string Chain(int steps) {
  std::string rules;
  for (int i = 0; i < steps; ++i) {
    rules += To(i == 0 ? "r" : "r" + std::to_string(i), "r" + std::to_string(i + 1)) + ",";
  }
  return rules +
         Weighted(R"({"EndpointReference": "a", "Weight": 1})", "r" + std::to_string(steps));
}

TEST(TrafficDocument, BoundsDepthAndLegs) {
  Good(Document(Chain(16)));
  EXPECT_THAT(Fault(Document(Chain(17))),
              HasSubstr("rule 'r': the rules below it are 17 deep; expected at most 16"));
  std::string items;
  for (int i = 0; i < 100; ++i) {
    items += R"({"EndpointReference": "a", "Weight": 1},)";
  }
  const std::string one_more = R"({"EndpointReference": "a", "Weight": 1})";
  items.pop_back();
  Good(Document(Weighted(items)));
  EXPECT_THAT(Fault(Document(Weighted(items + "," + one_more))),
              HasSubstr("rule 'r': has 101 legs; expected at most 100"));
}

}  // namespace
}  // namespace holdfast::control

// Health checks as aws-cli prints them, their defaults, ranges and overlays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "control/config/checks.h"
#include "control/config/node.h"

namespace holdfast::control {
namespace {

using health::CheckConfig;
using health::CheckType;
using ::testing::HasSubstr;

struct Read {
  std::vector<CheckConfig> checks;
  Findings findings;
};

std::vector<MetricSource> Sources() {
  return {{.id = "eu-1/errors"}, {.id = "eu-1/load of web"}};
}

std::unique_ptr<Read> ReadJson(const std::string& text) {
  auto read = std::make_unique<Read>();
  ReadChecksText(text, "c.json", Sources(), {}, read->checks, read->findings);
  return read;
}

std::unique_ptr<Read> ReadConfig(const std::string& config) {
  return ReadJson(R"({"HealthChecks": [{"Id": "c1", "HealthCheckConfig": {)" + config + "}}]}");
}

TEST(HealthChecks, ReadWhatTheCommandPrints) {
  const auto read = ReadJson(R"({
    "HealthChecks": [
        {
            "Id": "abcdef11-2222-3333-4444-555555fedcba",
            "CallerReference": "2026-11-21-19:00",
            "HealthCheckConfig": {
                "IPAddress": "10.0.0.1",
                "Port": 8443,
                "Type": "HTTPS_STR_MATCH",
                "ResourcePath": "health?full=1",
                "FullyQualifiedDomainName": "www.example.test",
                "SearchString": "all \"well\"",
                "RequestInterval": 10,
                "FailureThreshold": 2,
                "MeasureLatency": true,
                "Inverted": true,
                "Disabled": true,
                "EnableSNI": false,
                "Regions": ["us-east-1", "eu-west-1", "sa-east-1"]
            },
            "HealthCheckVersion": 3
        },
        {
            "Id": "tcp",
            "CallerReference": "x",
            "HealthCheckConfig": {"IPAddress": "2001:DB8::1", "Port": 25, "Type": "TCP"},
            "HealthCheckVersion": 1
        }
    ]
})");
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  ASSERT_EQ(read->checks.size(), 2U);
  CheckConfig wanted;
  wanted.id = "abcdef11-2222-3333-4444-555555fedcba";
  wanted.type = CheckType::kHttpsStrMatch;
  wanted.ip_address = "10.0.0.1";
  wanted.port = 8443;
  wanted.fqdn = "www.example.test";
  wanted.resource_path = "/health?full=1";
  wanted.search_string = "all \"well\"";
  wanted.inverted = true;
  wanted.disabled = true;
  wanted.enable_sni = false;
  wanted.measure_latency = true;
  wanted.interval = health::Milliseconds(10'000);
  wanted.healthy_threshold = 2;
  wanted.unhealthy_threshold = 2;
  wanted.regions = {"us-east-1", "eu-west-1", "sa-east-1"};
  EXPECT_EQ(read->checks[0], wanted);
  EXPECT_EQ(read->checks[1].ip_address, "2001:db8::1");
  EXPECT_EQ(read->checks[1].connect_timeout.count(), 10'000);
}

TEST(HealthChecks, HaveTheDefaultsOfTheirType) {
  const std::vector<std::tuple<const char*, int, bool>> table{
      {R"("Type": "HTTP")", 80, false},
      {R"("Type": "HTTPS")", 443, true},
      {R"("Type": "HTTP_STR_MATCH", "SearchString": "x")", 80, false},
      {R"("Type": "HTTPS_STR_MATCH", "SearchString": "x")", 443, true},
  };
  for (const auto& [config, port, sni] : table) {
    const auto read = ReadConfig(std::string(config) + R"(, "FullyQualifiedDomainName": "a.test")");
    ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
    const CheckConfig& check = read->checks.at(0);
    EXPECT_EQ(check.port, port);
    EXPECT_EQ(check.enable_sni, sni);
    EXPECT_EQ(check.resource_path, "/");
    EXPECT_EQ(check.interval.count(), 30'000);
    EXPECT_EQ(check.connect_timeout.count(), 4000);
    EXPECT_EQ(check.response_timeout.count(), 2000);
    EXPECT_EQ(check.body_timeout.count(), 2000);
    EXPECT_EQ(check.healthy_threshold, 3U);
    EXPECT_EQ(check.unhealthy_threshold, 3U);
    EXPECT_FALSE(check.inverted || check.disabled || check.measure_latency);
  }
}

TEST(HealthChecks, RefuseSettingsWithCheckFieldValueAndExpectation) {
  const std::string http = R"("Type": "HTTP", "IPAddress": "192.0.2.1", )";
  const std::string tcp = R"("Type": "TCP", "IPAddress": "192.0.2.1", "Port": 1, )";
  const std::string calculated = R"("Type": "CALCULATED", "HealthThreshold": 1, )";
  const std::string match = R"("Type": "HTTP_STR_MATCH", "IPAddress": "192.0.2.1", )";
  const std::vector<std::pair<std::string, const char*>> table{
      {R"("IPAddress": "192.0.2.1")", "c.json:1: health check 'c1': Type is missing"},
      {R"("Type": "UDP")", "Type is \"UDP\"; expected \"HTTP\", \"HTTPS\", \"HTTP_STR_MATCH\", "},
      {R"("Type": 1)", "Type is 1; expected"},
      {R"("Type": "RECOVERY_CONTROL")", "RoutingControlArn is missing; expected the name of"},
      {R"("Type": "RECOVERY_CONTROL", "RoutingControlArn": "a", "Port": 80)",
       "Port is given; expected none for type RECOVERY_CONTROL"},
      {R"("Type": "HTTP")", "IPAddress and FullyQualifiedDomainName are missing"},
      {R"("Type": "HTTP", "IPAddress": "1.2.3")", "IPAddress is \"1.2.3\"; expected an IPv4 or"},
      {R"("Type": "HTTP", "IPAddress": "")", "IPAddress has 0 characters; expected 2..45"},
      {R"("Type": "HTTP", "FullyQualifiedDomainName": "a..b")", "name has an empty label"},
      {R"("Type": "HTTP", "FullyQualifiedDomainName": "a\r\nHost: b")", "expected no blanks or"},
      {http + R"("Port": 0)", "Port is 0; expected 1..65535"},
      {http + R"("Port": 65536)", "Port is 65536; expected 1..65535"},
      {http + R"("ResourcePath": "/a b")", "ResourcePath is \"/a b\"; expected no blanks"},
      {http + "\"ResourcePath\": \"" + std::string(256, 'a') + "\"",
       "ResourcePath has 256 characters; expected 0..255"},
      {http + R"("SearchString": "x")", "SearchString is given; expected none unless the type"},
      {http + R"("RequestInterval": 9)", "RequestInterval is 9; expected 10..30"},
      {http + R"("RequestInterval": 15)", "RequestInterval is 15; expected 10 or 30"},
      {http + R"("FailureThreshold": 0)", "FailureThreshold is 0; expected 1..10"},
      {http + R"("FailureThreshold": 11)", "FailureThreshold is 11; expected 1..10"},
      {http + R"("Inverted": "no")", "Inverted is \"no\"; expected true or false"},
      {http + R"("Disabled": 0)", "Disabled is 0; expected true or false"},
      {http + R"("MeasureLatency": 0)", "MeasureLatency is 0; expected true or false"},
      {http + R"("EnableSNI": 0)", "EnableSNI is 0; expected true or false"},
      {http + R"("Regions": "us-east-1")", "Regions is \"us-east-1\"; expected an array"},
      {http + R"("Regions": ["a", ""])", "Regions holds \"\"; expected names of 1..64 octets"},
      {http + "\"Regions\": [\"" + std::string(65, 'r') + "\"]", "expected names of 1..64 octets"},
      {http + R"("HealthThreshold": 1)", "HealthThreshold is given; expected none unless the type"},
      {http + R"("ChildHealthChecks": ["x"])", "ChildHealthChecks is given; expected none unless"},
      {http + R"("AlarmIdentifier": {})", "AlarmIdentifier is given; expected none unless"},
      {http + R"("InsufficientDataHealthStatus": "Healthy")", "unless the type is CLOUDWATCH"},
      {http + R"("RoutingControlArn": "x")", "unless the type is RECOVERY_CONTROL"},
      {http + R"("Prot": 1)", "Prot is not known; did you mean 'Port'?"},
      {R"("Type": "TCP", "IPAddress": "192.0.2.1")", "Port is missing; expected 1..65535, since"},
      {tcp + R"("ResourcePath": "/")", "ResourcePath is given; expected none for type TCP"},
      {tcp + R"("SearchString": "x")", "SearchString is given; expected none unless"},
      {R"("Type": "CALCULATED")",
       "HealthThreshold is missing; expected 0..256 (Calculated health "},
      {calculated + R"("Inverted": 1)", "Inverted is 1; expected true or false"},
      {R"("Type": "CALCULATED", "HealthThreshold": 257)",
       "HealthThreshold is 257; expected 0..256"},
      {calculated + R"("ChildHealthChecks": "x")", "ChildHealthChecks is \"x\"; expected an array"},
      {calculated + R"("ChildHealthChecks": [""])", "holds \"\"; expected ids of checks"},
      {calculated + R"("ChildHealthChecks": ["x", "x"])", "names 'x' twice; expected each id once"},
      {calculated + R"("IPAddress": "192.0.2.1")",
       "IPAddress is given; expected none for type CALC"},
      {calculated + R"("RequestInterval": 30)", "RequestInterval is given; expected none for type"},
      {calculated + R"("FailureThreshold": 3)",
       "FailureThreshold is given; expected none for type"},
      {calculated + R"("MeasureLatency": true)", "MeasureLatency is true; expected none for type"},
      {calculated + R"("Regions": ["us-east-1"])", "Regions is given; expected none for type CALC"},
      {calculated + R"("SearchString": "x")", "SearchString is given; expected none for type"},
      {match + R"("Port": 1)", "SearchString is missing; expected 1..255 characters"},
      {match + R"("SearchString": "")", "SearchString has 0 characters; expected 1..255"},
      {match + "\"SearchString\": \"" + std::string(256, 'a') + "\"", "SearchString has 256"},
  };
  for (const auto& [config, part] : table) {
    const auto read = ReadConfig(config);
    ASSERT_FALSE(read->findings.Ok()) << config;
    EXPECT_THAT(read->findings.ToError().message, HasSubstr(part)) << config;
    EXPECT_TRUE(read->checks.empty()) << config;
  }
}

TEST(HealthChecks, MayBeCalculatedFromOthers) {
  const auto read =
      ReadConfig(R"("Type": "CALCULATED", "HealthThreshold": 2, "ChildHealthChecks": ["a", "b"], )"
                 R"("Inverted": true, "Disabled": false, "Regions": [], "EnableSNI": false)");
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  const CheckConfig& check = read->checks.at(0);
  EXPECT_EQ(check.type, CheckType::kCalculated);
  EXPECT_EQ(check.health_threshold, 2U);
  EXPECT_EQ(check.children, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(check.inverted);
  ASSERT_EQ(read->findings.Warnings().size(), 2U);
  EXPECT_EQ(read->findings.Warnings()[0],
            "c.json:1: health check 'c1': ChildHealthChecks: 'a' is the id of no health check; it "
            "counts as not healthy");
  EXPECT_TRUE(ReadConfig(R"("Type": "CALCULATED", "HealthThreshold": 0)")->findings.Ok());
  const auto nested =
      ReadConfig(R"("Type": "CALCULATED", "HealthThreshold": 1, "ChildHealthChecks": ["c1"])");
  ASSERT_FALSE(nested->findings.Ok());
  EXPECT_EQ(nested->findings.ToError().message,
            "c.json:1: health check 'c1': ChildHealthChecks: 'c1' is CALCULATED itself; expected a "
            "check of another type");
}

TEST(HealthChecks, MayGoByAnAlarm) {
  const auto read = ReadConfig(
      R"("Type": "CLOUDWATCH_METRIC", "Inverted": true, "InsufficientDataHealthStatus": )"
      R"("Unhealthy", "AlarmIdentifier": {"Region": "eu-1", "Name": "load of web"})");
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  const CheckConfig& check = read->checks.at(0);
  EXPECT_EQ(check.type, CheckType::kCloudwatchMetric);
  EXPECT_EQ(check.alarm, "eu-1/load of web");
  EXPECT_EQ(check.insufficient_data, health::InsufficientData::kUnhealthy);
  EXPECT_TRUE(check.inverted);
  const std::string alarm = R"("AlarmIdentifier": {"Region": "eu-1", "Name": "errors"})";
  const auto plain = ReadConfig(R"("Type": "CLOUDWATCH_METRIC", )" + alarm);
  EXPECT_EQ(plain->checks.at(0).insufficient_data, health::InsufficientData::kLastKnownStatus);
  const auto healthy = ReadConfig(
      R"("Type": "CLOUDWATCH_METRIC", "InsufficientDataHealthStatus": "Healthy", )" + alarm);
  EXPECT_EQ(healthy->checks.at(0).insufficient_data, health::InsufficientData::kHealthy);
}

TEST(HealthChecks, RefuseAlarmsThatNobodyKeeps) {
  const std::string metric = R"("Type": "CLOUDWATCH_METRIC")";
  const std::string alarm = R"(, "AlarmIdentifier": {"Region": "eu-1", "Name": "errors"})";
  const std::vector<std::pair<std::string, const char*>> table{
      {metric, "health check 'c1': AlarmIdentifier is missing; expected an object with Region"},
      {metric + R"(, "AlarmIdentifier": "x")", "AlarmIdentifier is \"x\"; expected a table"},
      {metric + R"(, "AlarmIdentifier": {"Name": "x"})", "AlarmIdentifier: Region is missing"},
      {metric + R"(, "AlarmIdentifier": {"Region": "x"})", "AlarmIdentifier: Name is missing"},
      {metric + R"(, "AlarmIdentifier": {"Region": "", "Name": "x"})",
       "Region has 0 characters; expected 1..64"},
      {metric + R"(, "AlarmIdentifier": {"Region": "x", "Name": ")" + std::string(257, 'a') + "\"}",
       "Name has 257 characters; expected 1..256"},
      {metric + R"(, "AlarmIdentifier": {"Region": "x", "Name": "y", "Nam": "z"})",
       "AlarmIdentifier: Nam is not known; did you mean 'Name'?"},
      {metric + R"(, "AlarmIdentifier": {"Region": "us-1", "Name": "errors"})",
       "c.json:1: health check 'c1': AlarmIdentifier is \"us-1/errors\" (Region/Name), which no "
       "[metric.\"REGION/NAME\"] of the node's file has; expected \"eu-1/errors\", \"eu-1/load of "
       "web\""},
      {metric + alarm + R"(, "InsufficientDataHealthStatus": "healthy")",
       "InsufficientDataHealthStatus is \"healthy\"; expected \"Healthy\", \"Unhealthy\" or "
       "\"LastKnownStatus\""},
      {metric + alarm + R"(, "IPAddress": "192.0.2.1")",
       "IPAddress is given; expected none for type CLOUDWATCH_METRIC"},
      {metric + alarm + R"(, "Port": 80)", "Port is given; expected none for type CLOUDWATCH"},
      {metric + alarm + R"(, "HealthThreshold": 1)", "expected none unless the type is CALCULATED"},
  };
  for (const auto& [config, part] : table) {
    const auto read = ReadConfig(config);
    ASSERT_FALSE(read->findings.Ok()) << config;
    EXPECT_THAT(read->findings.ToError().message, HasSubstr(part)) << config;
  }
  Read none;
  ReadChecksText(
      R"({"HealthChecks": [{"Id": "c1", "HealthCheckConfig": {)" + metric + alarm + "}}]}",
      "c.json",
      {},
      {},
      none.checks,
      none.findings);
  ASSERT_FALSE(none.findings.Ok());
  EXPECT_THAT(none.findings.ToError().message, HasSubstr("expected such a table"));
}

// So many characters of two octets each.
std::string Umlauts(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += "\u00fc";
  }
  return text;
}

// What is taken here is taken by the monitor too: it looks once more.
TEST(HealthChecks, CountCharactersAndNotOctetsOfTexts) {
  const auto read = ReadConfig(R"("Type": "HTTP_STR_MATCH", "IPAddress": "192.0.2.1", )"
                               "\"SearchString\": \"" +
                               Umlauts(255) + "\", \"ResourcePath\": \"" + Umlauts(255) + "\"");
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  EXPECT_EQ(read->checks.at(0).search_string, Umlauts(255));
  EXPECT_EQ(read->checks.at(0).resource_path, "/" + Umlauts(255));
  EXPECT_TRUE(ValidateCheck(read->checks.at(0)));
}

TEST(HealthChecks, RefuseDocumentsOfAnotherShape) {
  const std::string config = R"("HealthCheckConfig": {"Type": "HTTP", "IPAddress": "192.0.2.1"}})";
  const std::vector<std::pair<std::string, const char*>> table{
      {"{}", "expected {\"HealthChecks\": [...]}"},
      {R"({"HealthChecks": [{"Id": "a"}]})", "health check 'a': HealthCheckConfig is missing"},
      {R"({"HealthChecks": [{"Id": "a", "HealthCheckConfig": 1}]})", "is 1; expected a table"},
      {R"({"HealthChecks": [{)" + config + "]}", "health check '': Id is missing"},
      {R"({"HealthChecks": [{"Id": "", )" + config + "]}", "Id has 0 characters; expected 1..64"},
      {R"({"HealthChecks": [{"Id": "a b", )" + config + "]}",
       "Id is \"a b\"; expected 1..64 octets, no blanks or control characters"},
      {"{\"HealthChecks\": [{\"Id\": \"" + Umlauts(33) + "\", " + config + "]}",
       "1..64 octets, no"},
      {R"({"HealthChecks": [{"Id": "a", "x": 1, )" + config + "]}", "x is not known"},
      {"{\"HealthChecks\": [\n{\"Id\": \"a\", " + config + ",\n{\"Id\": \"a\", " + config + "]}",
       "c.json:3: health check 'a': Id is that of the check of line 2 too"},
  };
  for (const auto& [text, part] : table) {
    const auto read = ReadJson(text);
    ASSERT_FALSE(read->findings.Ok()) << text;
    EXPECT_THAT(read->findings.ToError().message, HasSubstr(part)) << text;
  }
}

std::unique_ptr<Read> ReadOverlaid(const std::string& config, const std::string& toml) {
  auto read = ReadConfig(config);
  const auto node =
      ParseNode("[[listen]]\naddress = \"192.0.2.53\"\n[check.c1]\n" + toml, "n.toml");
  if (node) {
    ApplyOverlays(node->check_overlays, read->checks, read->findings);
  } else {
    read->findings.AddError("", node.error().message);
  }
  return read;
}

TEST(Overlays, ChangeOnlyWhatTheySay) {
  const auto read = ReadOverlaid(R"("Type": "TCP", "IPAddress": "192.0.2.1", "Port": 1)",
                                 "interval_ms = 100\nconnect_timeout_ms = 150\n"
                                 "unhealthy_threshold = 2\njitter_percent = 50\n");
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  const CheckConfig& check = read->checks.at(0);
  EXPECT_EQ(check.interval.count(), 100);
  EXPECT_EQ(check.connect_timeout.count(), 150);
  EXPECT_EQ(check.unhealthy_threshold, 2U);
  EXPECT_EQ(check.healthy_threshold, 3U);
  EXPECT_EQ(check.jitter_percent, 50U);
}

TEST(Overlays, LeaveTheTimingOfRoute53AsItIs) {
  const std::string tcp = R"("Type": "TCP", "IPAddress": "192.0.2.1", "Port": 1, )"
                          R"("RequestInterval": 10, "FailureThreshold": 1)";
  auto read = ReadOverlaid(tcp, "label = \"x\"\njitter_percent = 1");
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  EXPECT_EQ(read->checks.at(0).connect_timeout.count(), 10'000);
  read = ReadOverlaid(tcp, "connect_timeout_ms = 10000");
  EXPECT_FALSE(read->findings.Ok());
}

TEST(Overlays, SayWhatProbesLeaveToTheNext) {
  const std::string https = R"("Type": "HTTPS_STR_MATCH", "SearchString": "x", "IPAddress": )"
                            R"("192.0.2.1")";
  auto read = ReadOverlaid(https, "");
  EXPECT_FALSE(read->checks.at(0).keep_alive);
  EXPECT_TRUE(read->checks.at(0).tls_resume);
  read = ReadOverlaid(https, "keep_alive = true\ntls_resume = false");
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  EXPECT_TRUE(read->checks.at(0).keep_alive);
  EXPECT_FALSE(read->checks.at(0).tls_resume);
  EXPECT_TRUE(ValidateCheck(read->checks.at(0)));
  read =
      ReadOverlaid(R"("Type": "HTTP", "FullyQualifiedDomainName": "a.test")", "keep_alive = false");
  EXPECT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
}

TEST(Overlays, GiveDerivedChecksANameAndNothingElse) {
  for (const std::string& derived :
       {std::string(R"("Type": "CALCULATED", "HealthThreshold": 0)"),
        std::string(R"("Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": )"
                    R"({"Region": "eu-1", "Name": "errors"})")}) {
    EXPECT_TRUE(ReadOverlaid(derived, "label = \"for people\"")->findings.Ok()) << derived;
    for (const char* key : {"interval_ms = 100",
                            "connect_timeout_ms = 100",
                            "response_timeout_ms = 100",
                            "body_timeout_ms = 100",
                            "healthy_threshold = 1",
                            "unhealthy_threshold = 1",
                            "jitter_percent = 1",
                            "keep_alive = true",
                            "tls_resume = false",
                            "address_family = \"v6\""}) {
      const auto read = ReadOverlaid(derived, key);
      ASSERT_FALSE(read->findings.Ok()) << key;
      EXPECT_THAT(
          read->findings.ToError().message,
          HasSubstr(
              ", which nothing is probed for; expected no key but 'label' and those of damping"));
    }
  }
}

TEST(Overlays, ChooseTheFamilyOfANameAlone) {
  const auto named = ReadOverlaid(R"("Type": "HTTP", "FullyQualifiedDomainName": "a.test")",
                                  "address_family = \"v6\"");
  ASSERT_TRUE(named->findings.Ok()) << named->findings.ToError().message;
  EXPECT_EQ(named->checks.at(0).address_family, health::AddressFamily::kV6);
}

TEST(Overlays, RefuseWhatDoesNotFitTheCheck) {
  const std::string http = R"("Type": "HTTP", "IPAddress": "192.0.2.1")";
  const std::string match =
      R"("Type": "HTTP_STR_MATCH", "SearchString": "x", "IPAddress": "192.0.2.1")";
  const std::string tcp = R"("Type": "TCP", "IPAddress": "192.0.2.1", "Port": 1)";
  const std::vector<std::tuple<std::string, const char*, const char*>> table{
      {http,
       "interval_ms = 100",
       "n.toml:3:1: check 'c1': key 'connect_timeout_ms' is 4000, its default; expected less than "
       "interval_ms x "
       "unhealthy_threshold, which is 300"},
      {http,
       "interval_ms = 100\nconnect_timeout_ms = 300\nresponse_timeout_ms = 299",
       "key 'connect_timeout_ms' is 300; expected less"},
      {http,
       "interval_ms = 100\nconnect_timeout_ms = 299\nresponse_timeout_ms = 300",
       "key 'response_timeout_ms' is 300; expected less"},
      {match,
       "interval_ms = 100\nconnect_timeout_ms = 10\nresponse_timeout_ms = 10",
       "key 'body_timeout_ms' is 2000, its default; expected less"},
      {http,
       "address_family = \"v4\"",
       "key 'address_family' is given; expected none for a check that has an IPAddress"},
      {http, "body_timeout_ms = 10", "key 'body_timeout_ms' is given; expected none unless"},
      {tcp, "response_timeout_ms = 10", "key 'response_timeout_ms' is given; expected none for"},
      {tcp,
       "unhealthy_threshold = 1\ninterval_ms = 10000",
       "key 'connect_timeout_ms' is 10000, its default"},
      {tcp,
       "keep_alive = true",
       "key 'keep_alive' is given; expected none unless the type is of HTTP or HTTPS"},
      {R"("Type": "HTTP", "FullyQualifiedDomainName": "a.test")",
       "keep_alive = true",
       "key 'keep_alive' is true; expected false without IPAddress"},
      {http, "tls_resume = true", "key 'tls_resume' is given; expected none unless the type is of"},
  };
  for (const auto& [config, toml, part] : table) {
    const auto read = ReadOverlaid(config, toml);
    ASSERT_FALSE(read->findings.Ok()) << toml;
    EXPECT_THAT(read->findings.ToError().message, HasSubstr(part)) << toml;
  }
}

TEST(Overlays, SayWhatHttpAsksAndExpects) {
  const auto read = ReadOverlaid(R"("Type": "HTTP", "IPAddress": "192.0.2.1")",
                                 "expected_status = [204, \"300-399\"]\nmethod = \"POST\"\n"
                                 "headers = { X-A = \"b\", X-C = \"d e\" }\n"
                                 "body_regex = '^o+k'\nbody_timeout_ms = 100");
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  EXPECT_EQ(*read->checks.at(0).http,
            (health::HttpSettings{
                .expected_status = {{.first = 204, .last = 204}, {.first = 300, .last = 399}},
                .method = health::HttpMethod::kPost,
                .headers = {"X-A: b", "X-C: d e"},
                .body_regex = "^o+k"}));
  EXPECT_EQ(read->checks.at(0).body_timeout.count(), 100);
}

TEST(Overlays, SayWhatACertificateIsHeldTo) {
  const std::string https = R"("Type": "HTTPS", "IPAddress": "192.0.2.1")";
  const auto read = ReadOverlaid(https, "verify = true\nmin_days_valid = 14");
  ASSERT_TRUE(read->findings.Ok()) << read->findings.ToError().message;
  EXPECT_EQ(*read->checks.at(0).https, (health::TlsSettings{.min_days_valid = 14, .verify = true}));
}

TEST(Overlays, RefuseWhatHttpAndTlsCannotBeAsked) {
  const std::string http = R"("Type": "HTTP", "IPAddress": "192.0.2.1")";
  const std::string https = R"("Type": "HTTPS", "IPAddress": "192.0.2.1")";
  const std::string match =
      R"("Type": "HTTP_STR_MATCH", "SearchString": "x", "IPAddress": "192.0.2.1")";
  const std::string tcp = R"("Type": "TCP", "IPAddress": "192.0.2.1", "Port": 1)";
  const std::string status = "; expected statuses of 200..599 such as 204 or \"200-299\"";
  const std::vector<std::tuple<std::string, std::string, std::string>> table{
      {tcp, "method = \"GET\"", "has one of the keys expected_status, method, headers and"},
      {http, "verify = true", "has one of the keys verify, ca_bundle, client_cert, client_key"},
      {http, "expected_status = [600]", "key 'expected_status' is 600" + status},
      {http, "expected_status = [\"2xx\"]", "key 'expected_status' is \"2xx\"" + status},
      {http, "expected_status = []", "key 'expected_status' is empty" + status},
      {http, "method = \"PUT\"", "key 'method' is \"PUT\"; expected \"GET\", \"HEAD\""},
      {http, "headers = { A = 1 }", "key 'headers' is 1; expected texts, as in"},
      {http, "headers = { Host = \"a\" }", "headers is \"Host\", expected none that the probe"},
      {http, "body_regex = \"(\"", "key 'body_regex' is \"(\": "},
      {http, "body_regex = \"a*\"", "key 'body_regex' is \"a*\": it matches the empty body too"},
      {http, "body_regex = \"\"", "key 'body_regex' has 0 characters; expected 1..255"},
      {http, "method = \"HEAD\"\nbody_regex = \"a\"", "method is HEAD, expected another one"},
      {match, "method = \"HEAD\"", "method is HEAD, expected another one"},
      {match, "body_regex = \"a\"", "key 'body_regex' is given; expected none beside the Search"},
      {https, "min_days_valid = 3651", "key 'min_days_valid' is 3651; expected 0..3650"},
      {https, "ca_bundle = \"a\"", "key 'ca_bundle' is given; expected none unless verify = true"},
      {https, "client_cert = \"a\"", "key 'client_cert' is given alone; expected 'client_key'"},
      {https, "client_key = \"a\"", "key 'client_key' is given alone; expected 'client_cert'"},
      {https,
       "verify = true\nca_bundle = \"/nowhere.pem\"",
       "check 'c1': key 'ca_bundle': cannot open /nowhere.pem"},
      {https,
       "client_cert = \"/nowhere.pem\"\nclient_key = \"/nowhere.key\"",
       "check 'c1': key 'client_cert': cannot open /nowhere.pem"},
  };
  for (const auto& [config, toml, part] : table) {
    const auto read = ReadOverlaid(config, toml);
    ASSERT_FALSE(read->findings.Ok()) << toml;
    EXPECT_THAT(read->findings.ToError().message, HasSubstr(part)) << toml;
  }
}

}  // namespace
}  // namespace holdfast::control

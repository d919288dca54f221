// What a check may be told, from both sides.
#include "health/check.h"

#include <functional>
#include <gtest/gtest.h>

namespace holdfast::health {
namespace {

CheckConfig Good() {
  CheckConfig check;
  check.id = "b2f1c3";
  check.ip_address = "192.0.2.1";
  return check;
}

TEST(CheckConfig, AcceptsTheEdgesOfEveryRange) {
  const std::function<void(CheckConfig&)> edges[] = {
      [](CheckConfig&) {},
      [](CheckConfig& c) { c.ip_address = "2001:db8::1"; },
      [](CheckConfig& c) { c.ip_address.clear(), c.fqdn = "www.example.com"; },
      [](CheckConfig& c) { c.id = std::string(64, 'x'); },
      [](CheckConfig& c) { c.port = 65535; },
      [](CheckConfig& c) { c.resource_path = "/" + std::string(254, 'p'); },
      [](CheckConfig& c) { c.resource_path = "/a?b=c&d=%20"; },
      [](CheckConfig& c) { c.type = CheckType::kHttpsStrMatch, c.search_string = "x"; },
      [](CheckConfig& c) {
        c.type = CheckType::kHttpStrMatch, c.search_string = std::string(255, '\0');
      },
      [](CheckConfig& c) { c.type = CheckType::kTcp; },
      [](CheckConfig& c) { c.interval = Milliseconds(50); },
      [](CheckConfig& c) { c.interval = Milliseconds(300'000); },
      [](CheckConfig& c) { c.connect_timeout = c.response_timeout = Milliseconds(10); },
      [](CheckConfig& c) { c.body_timeout = Milliseconds(60'000); },
      [](CheckConfig& c) { c.healthy_threshold = 1, c.unhealthy_threshold = 100; },
      [](CheckConfig& c) { c.jitter_percent = 50; },
  };
  for (const auto& edge : edges) {
    CheckConfig check = Good();
    edge(check);
    const Status verdict = ValidateCheck(check);
    EXPECT_TRUE(verdict.has_value()) << verdict.error().message;
  }
}

TEST(CheckConfig, RefusesWhatLiesBeyondAndNamesTheField) {
  const struct {
    const char* word;  // must stand in the message
    std::function<void(CheckConfig&)> spoil;
  } cases[] = {
      {"Id", [](CheckConfig& c) { c.id.clear(); }},
      {"Id", [](CheckConfig& c) { c.id = std::string(65, 'x'); }},
      {"Id", [](CheckConfig& c) { c.id = "a\r\nb"; }},
      {"IPAddress", [](CheckConfig& c) { c.ip_address.clear(); }},
      {"IPAddress", [](CheckConfig& c) { c.ip_address = "192.0.2.256"; }},
      {"IPAddress", [](CheckConfig& c) { c.ip_address = "www.example.com"; }},
      {"IPAddress", [](CheckConfig& c) { c.ip_address = "[::1]"; }},
      {"Port", [](CheckConfig& c) { c.port = 0; }},
      {"FullyQualifiedDomainName", [](CheckConfig& c) { c.fqdn = std::string(256, 'a'); }},
      {"FullyQualifiedDomainName", [](CheckConfig& c) { c.fqdn = "a\r\nX-Evil: 1"; }},
      {"ResourcePath", [](CheckConfig& c) { c.resource_path = "no-slash"; }},
      {"ResourcePath", [](CheckConfig& c) { c.resource_path = "/ HTTP/1.1\r\nX: y"; }},
      {"ResourcePath", [](CheckConfig& c) { c.resource_path = "/" + std::string(255, 'p'); }},
      {"ResourcePath", [](CheckConfig& c) { c.type = CheckType::kTcp, c.resource_path = "/path"; }},
      {"SearchString", [](CheckConfig& c) { c.type = CheckType::kHttpStrMatch; }},
      {"SearchString",
       [](CheckConfig& c) {
         c.type = CheckType::kHttpStrMatch, c.search_string = std::string(256, 'x');
       }},
      {"SearchString", [](CheckConfig& c) { c.search_string = "not for HTTP"; }},
      {"interval", [](CheckConfig& c) { c.interval = Milliseconds(49); }},
      {"interval", [](CheckConfig& c) { c.interval = Milliseconds(300'001); }},
      {"connect timeout", [](CheckConfig& c) { c.connect_timeout = Milliseconds(9); }},
      {"response timeout", [](CheckConfig& c) { c.response_timeout = Milliseconds(0); }},
      {"body timeout", [](CheckConfig& c) { c.body_timeout = Milliseconds(60'001); }},
      {"healthy threshold", [](CheckConfig& c) { c.healthy_threshold = 0; }},
      {"unhealthy threshold", [](CheckConfig& c) { c.unhealthy_threshold = 101; }},
      {"jitter", [](CheckConfig& c) { c.jitter_percent = 51; }},
  };
  for (const auto& c : cases) {
    CheckConfig check = Good();
    c.spoil(check);
    const Status verdict = ValidateCheck(check);
    ASSERT_FALSE(verdict.has_value()) << c.word;
    EXPECT_EQ(verdict.error().code, ErrorCode::kInvalid);
    EXPECT_NE(verdict.error().message.find(std::string(": ") + c.word + " is "), std::string::npos)
        << verdict.error().message;
    EXPECT_EQ(verdict.error().message.find('\n'), std::string::npos);
  }
}

TEST(CheckConfig, SaysWhereItLooks) {
  CheckConfig check = Good();
  EXPECT_EQ(TargetText(check), "http://192.0.2.1:80/");
  check.fqdn = "www.example.com";
  check.type = CheckType::kHttps;
  check.port = 8443;
  check.resource_path = "/up?x=1";
  EXPECT_EQ(TargetText(check), "https://192.0.2.1:8443/up?x=1 (host www.example.com)");
  check.ip_address.clear();
  EXPECT_EQ(TargetText(check), "https://www.example.com:8443/up?x=1");
  check = Good();
  check.type = CheckType::kTcp;
  check.ip_address = "2001:db8::1";
  check.port = 22;
  EXPECT_EQ(TargetText(check), "tcp://[2001:db8::1]:22");
  EXPECT_STREQ(CheckTypeText(CheckType::kHttpsStrMatch), "HTTPS_STR_MATCH");
}

}  // namespace
}  // namespace holdfast::health

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
      [](CheckConfig& c) { c.resource_path = "/" + std::string(1020, 'p'); },
      [](CheckConfig& c) { c.resource_path = "/a?b=c&d=%20"; },
      [](CheckConfig& c) { c.type = CheckType::kHttpsStrMatch, c.search_string = "x"; },
      [](CheckConfig& c) {
        c.type = CheckType::kHttpStrMatch, c.search_string = std::string(kMaxSearchOctets, '\0');
      },
      [](CheckConfig& c) { c.type = CheckType::kTcp; },
      [](CheckConfig& c) { c.interval = Milliseconds(50); },
      [](CheckConfig& c) { c.interval = Milliseconds(300'000); },
      [](CheckConfig& c) { c.connect_timeout = c.response_timeout = Milliseconds(10); },
      [](CheckConfig& c) { c.body_timeout = Milliseconds(60'000); },
      [](CheckConfig& c) { c.healthy_threshold = 1, c.unhealthy_threshold = 100; },
      [](CheckConfig& c) { c.jitter_percent = 50; },
      [](CheckConfig& c) { c.fixed_rate = true; },
      [](CheckConfig& c) { c.origin = Origin{.source_address = "192.0.2.9"}; },
      [](CheckConfig& c) {
        c.ip_address = "2001:db8::1", c.origin = Origin{.source_address = "2001:db8::9"};
      },
      [](CheckConfig& c) {
        c.ip_address = "fe80::1";
        c.origin = Origin{.source_address = "fe80::9", .interface = "eth1"};
      },
      [](CheckConfig& c) {
        c.ip_address.clear(), c.fqdn = "a.test", c.origin = Origin{.source_address = "192.0.2.9"};
      },
      [](CheckConfig& c) {
        c.ip_address.clear(), c.fqdn = "a.test", c.address_family = AddressFamily::kV6;
        c.origin = Origin{.source_address = "2001:db8::9"};
      },
      [](CheckConfig& c) { c.origin = Origin{.interface = std::string(15, 'i')}; },
      [](CheckConfig& c) { c.origin = Origin{.network_namespace = std::string(255, 'n')}; },
      [](CheckConfig& c) { c.origin = Origin{.network_namespace = "a b"}; },
  };
  for (const auto& edge : edges) {
    CheckConfig check = Good();
    edge(check);
    const Status verdict = ValidateCheck(check);
    EXPECT_TRUE(verdict.has_value()) << verdict.error().message;
  }
}

TEST(CheckConfig, ShowsWhichAddressesOfANameItLooksAt) {
  CheckConfig check = Good();
  check.ip_address.clear();
  check.fqdn = "www.test";
  EXPECT_EQ(TargetText(check), "http://www.test:80/");
  check.address_family = AddressFamily::kV6;
  EXPECT_EQ(TargetText(check), "http://www.test:80/ (IPv6)");
  check.address_family = AddressFamily::kAny;
  EXPECT_EQ(TargetText(check), "http://www.test:80/ (IPv4 or IPv6)");
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
      {"ResourcePath", [](CheckConfig& c) { c.resource_path = "/" + std::string(1021, 'p'); }},
      {"ResourcePath", [](CheckConfig& c) { c.type = CheckType::kTcp, c.resource_path = "/path"; }},
      {"SearchString", [](CheckConfig& c) { c.type = CheckType::kHttpStrMatch; }},
      {"SearchString",
       [](CheckConfig& c) {
         c.type = CheckType::kHttpStrMatch,
         c.search_string = std::string(kMaxSearchOctets + 1, 'x');
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
      {"source_address", [](CheckConfig& c) { c.origin = Origin{.source_address = "eth1"}; }},
      {"source_address", [](CheckConfig& c) { c.origin = Origin{.source_address = "::1"}; }},
      {"source_address",
       [](CheckConfig& c) {
         c.ip_address = "2001:db8::1", c.origin = Origin{.source_address = "192.0.2.9"};
       }},
      {"source_address",
       [](CheckConfig& c) {
         c.ip_address = "fe80::1", c.origin = Origin{.source_address = "fe80::9"};
       }},
      {"source_address",
       [](CheckConfig& c) {
         c.ip_address.clear(), c.fqdn = "a.test", c.address_family = AddressFamily::kAny;
         c.origin = Origin{.source_address = "192.0.2.9"};
       }},
      {"interface", [](CheckConfig& c) { c.origin = Origin{.interface = std::string(16, 'i')}; }},
      {"interface", [](CheckConfig& c) { c.origin = Origin{.interface = "a/b"}; }},
      {"interface", [](CheckConfig& c) { c.origin = Origin{.interface = "a b"}; }},
      {"interface", [](CheckConfig& c) { c.origin = Origin{.interface = "eth0:1"}; }},
      {"interface", [](CheckConfig& c) { c.origin = Origin{.interface = std::string(1, '\0')}; }},
      {"namespace", [](CheckConfig& c) { c.origin = Origin{.network_namespace = ".."}; }},
      {"namespace", [](CheckConfig& c) { c.origin = Origin{.network_namespace = "../blue"}; }},
      {"namespace",
       [](CheckConfig& c) { c.origin = Origin{.network_namespace = std::string(256, 'n')}; }},
      {"origin",
       [](CheckConfig& c) {
         c.type = CheckType::kExec, c.native = ExecSettings{.command = "/bin/true"};
         c.origin = Origin{.interface = "eth1"};
       }},
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
  check.origin = Origin{.source_address = "2001:db8::9"};
  EXPECT_EQ(TargetText(check), "tcp://[2001:db8::1]:22 from 2001:db8::9");
  check.origin = Origin{.interface = "eth1", .network_namespace = "blue"};
  EXPECT_EQ(TargetText(check), "tcp://[2001:db8::1]:22 from dev eth1 netns blue");
  EXPECT_STREQ(CheckTypeText(CheckType::kHttpsStrMatch), "HTTPS_STR_MATCH");
}

struct Native {
  CheckType type;
  NativeSettings settings;
  std::string part;  // of the target, or the field that is refused
};

const std::string kWww("\3www\0", 5);

CheckConfig NativeCheck(const Native& native) {
  CheckConfig check = Good();
  check.type = native.type;
  check.native = native.settings;
  check.port = HasPort(check.type) ? 53 : 0;
  return check;
}

TEST(NativeSettings, AreAcceptedUpToTheEdgesAndShown) {
  const std::vector<std::string> words(64, std::string(4096, 'a'));
  const Native cases[] = {
      {CheckType::kUdp, UdpSettings{}, "udp://192.0.2.1:53"},
      {CheckType::kUdp,
       UdpSettings{.payload = std::string(1400, '\0'), .expect = std::string(255, '\0')},
       "udp://192.0.2.1:53"},
      {CheckType::kDns, DnsSettings{.question = kWww, .type = 1}, "dns://192.0.2.1:53 www. A"},
      {CheckType::kDns,
       DnsSettings{.question = std::string(1, '\0'), .rcodes = 0xFFFF, .rdata = "x"},
       "dns://192.0.2.1:53 . SOA"},
      {CheckType::kTls, TlsSettings{.min_days_valid = 0}, "tls://192.0.2.1:53"},
      {CheckType::kTls,
       TlsSettings{.min_days_valid = 3650, .verify = true, .ca_bundle = "/a"},
       "tls://192.0.2.1:53"},
      {CheckType::kGrpc, GrpcSettings{}, "grpc://192.0.2.1:53"},
      {CheckType::kGrpc, GrpcSettings{.service = "a.B", .tls = true}, "grpcs://192.0.2.1:53/a.B"},
      {CheckType::kGrpc, GrpcSettings{.service = std::string(255, 'a')}, "grpc://192.0.2.1:53/aaa"},
      {CheckType::kIcmp, IcmpSettings{.count = 10}, "icmp://192.0.2.1"},
      {CheckType::kExec, ExecSettings{.command = "/bin/true"}, "exec:/bin/true"},
      {CheckType::kExec,
       ExecSettings{.command = "/" + std::string(4095, 'a'),
                    .arguments = words,
                    .user = std::string(32, 'a')},
       "exec:/aaa"},
  };
  for (const Native& native : cases) {
    const CheckConfig check = NativeCheck(native);
    const Status verdict = ValidateCheck(check);
    EXPECT_TRUE(verdict.has_value()) << verdict.error().message;
    EXPECT_TRUE(TargetText(check).starts_with(native.part)) << TargetText(check);
    EXPECT_TRUE(check == CheckConfig(check));
    CheckConfig other = check;
    other.native = std::monostate();
    EXPECT_FALSE(check == other);
  }
}

TEST(NativeSettings, AreRefusedBeyondAndNameTheField) {
  const std::string nul("a\0b", 3);
  const Native cases[] = {
      {CheckType::kUdp, std::monostate(), "settings"},
      {CheckType::kUdp, DnsSettings{.question = kWww}, "settings"},
      {CheckType::kHttp, UdpSettings{}, "settings"},
      {CheckType::kUdp, UdpSettings{.payload = std::string(1401, 'a')}, "payload"},
      {CheckType::kUdp, UdpSettings{.expect = std::string(256, 'a')}, "expect"},
      {CheckType::kDns, DnsSettings{}, "question"},
      {CheckType::kDns, DnsSettings{.question = "\3www"}, "question"},
      {CheckType::kDns, DnsSettings{.question = kWww, .rcodes = 0}, "expected_rcodes"},
      {CheckType::kDns, DnsSettings{.question = kWww, .rcodes = 0x10000}, "expected_rcodes"},
      {CheckType::kDns,
       DnsSettings{.question = kWww, .rdata = std::string(65'536, 'a')},
       "expected_answer"},
      {CheckType::kTls, TlsSettings{.min_days_valid = 3651}, "min_days_valid"},
      {CheckType::kTls, TlsSettings{.ca_bundle = "/a"}, "ca_bundle"},
      {CheckType::kGrpc, GrpcSettings{.service = std::string(256, 'a')}, "service"},
      {CheckType::kIcmp, IcmpSettings{.count = 0}, "count"},
      {CheckType::kIcmp, IcmpSettings{.count = 11}, "count"},
      {CheckType::kExec, ExecSettings{.command = "bin/true"}, "command"},
      {CheckType::kExec, ExecSettings{.command = "/" + std::string(4096, 'a')}, "command"},
      {CheckType::kExec, ExecSettings{.command = "/" + nul}, "command"},
      {CheckType::kExec,
       ExecSettings{.command = "/a", .arguments = std::vector<std::string>(65)},
       "arguments"},
      {CheckType::kExec,
       ExecSettings{.command = "/a", .arguments = {std::string(4097, 'a')}},
       "arguments"},
      {CheckType::kExec, ExecSettings{.command = "/a", .arguments = {nul}}, "arguments"},
      {CheckType::kExec, ExecSettings{.command = "/a", .user = std::string(33, 'a')}, "user"},
      {CheckType::kExec, ExecSettings{.command = "/a", .user = nul}, "user"},
  };
  for (const Native& native : cases) {
    const Status verdict = ValidateCheck(NativeCheck(native));
    ASSERT_FALSE(verdict.has_value()) << native.part;
    EXPECT_NE(verdict.error().message.find(": " + native.part + " is "), std::string::npos)
        << verdict.error().message;
  }
  CheckConfig push = NativeCheck({CheckType::kPush, std::monostate(), ""});
  EXPECT_TRUE(ValidateCheck(push));
  EXPECT_EQ(TargetText(push), "heartbeats at /heartbeat/b2f1c3");
  push.interval = Milliseconds(49);
  EXPECT_NE(ValidateCheck(push).error().message.find("interval is 49 ms"), std::string::npos);
  CheckConfig check = NativeCheck({CheckType::kIcmp, IcmpSettings{}, ""});
  check.port = 7;
  EXPECT_NE(ValidateCheck(check).error().message.find("Port is 7"), std::string::npos);
  check = NativeCheck({CheckType::kTls, TlsSettings{}, ""});
  check.resource_path = "/up";
  EXPECT_NE(ValidateCheck(check).error().message.find("ResourcePath is"), std::string::npos);
  check = NativeCheck({CheckType::kGrpc, GrpcSettings{}, ""});
  check.ip_address.clear();
  EXPECT_NE(ValidateCheck(check).error().message.find("IPAddress is missing"), std::string::npos);
}

CheckConfig WithHttp(HttpSettings settings, CheckType type = CheckType::kHttp) {
  CheckConfig check = Good();
  check.type = type;
  check.http = std::move(settings);
  return check;
}

TEST(HttpSettings, AreAcceptedUpToTheEdges) {
  HttpSettings most{.expected_status = std::vector<StatusRange>(32, {.first = 200, .last = 599}),
                    .method = HttpMethod::kPost,
                    .headers = {},
                    .body_regex = std::string(255, 'a')};
  for (int n = 0; n < 31; ++n) {
    most.headers.push_back("X-" + std::to_string(n) + ": \t~ x");
  }
  most.headers.push_back("A: " + std::string(1021, 'a'));
  const Status verdict = ValidateCheck(WithHttp(most));
  EXPECT_TRUE(verdict) << verdict.error().message;
  EXPECT_TRUE(ValidateCheck(WithHttp({.method = HttpMethod::kHead})));
}

TEST(HttpSettings, BeyondTheEdgesAreRefusedByName) {
  CheckConfig match = WithHttp({.body_regex = "a"}, CheckType::kHttpStrMatch);
  match.search_string = "x";
  CheckConfig match_head = WithHttp({.method = HttpMethod::kHead}, CheckType::kHttpStrMatch);
  match_head.search_string = "x";
  CheckConfig no_tls = Good();
  no_tls.https = TlsSettings{.verify = true};
  CheckConfig half = Good();
  half.type = CheckType::kHttps;
  half.https = TlsSettings{.client_cert = "/a"};
  CheckConfig tcp = WithHttp({.body_regex = "a"}, CheckType::kTcp);
  tcp.resource_path.clear();
  const struct {
    CheckConfig check;
    const char* field;
  } cases[] = {
      {WithHttp({.expected_status = std::vector<StatusRange>(33)}), "expected_status is 33 items"},
      {WithHttp({.expected_status = {{.first = 199, .last = 200}}}), "expected_status is 199-200"},
      {WithHttp({.expected_status = {{.first = 300, .last = 299}}}), "expected_status is 300-299"},
      {WithHttp({.expected_status = {{.first = 599, .last = 600}}}), "expected_status is 599-600"},
      {WithHttp({.headers = std::vector<std::string>(33, "A: b")}), "headers is 33 of them"},
      {WithHttp({.headers = {"A: " + std::string(1022, 'a')}}), "headers is \"A: aaa"},
      {WithHttp({.headers = {"no colon"}}), "headers is \"no colon\""},
      {WithHttp({.headers = {"A:b"}}), "headers is \"A:b\""},
      {WithHttp({.headers = {": b"}}), "headers is \": b\""},
      {WithHttp({.headers = {"A b: c"}}), "headers is \"A b: c\""},
      {WithHttp({.headers = {"A: b\r\nB: c"}}), "headers is \"A: b??B: c\""},
      {WithHttp({.headers = {"A: \x80"}}), "headers is \"A: ?\""},
      {WithHttp({.headers = {"hOST: b"}}), "headers is \"hOST\", expected none that the probe"},
      {WithHttp({.headers = {"A: b", "a: c"}}), "headers is \"A\", expected each name once"},
      {WithHttp({.body_regex = std::string(256, 'a')}), "body_regex is \"aaa"},
      {WithHttp({.method = HttpMethod::kHead, .body_regex = "a"}), "method is HEAD"},
      {match, "body_regex is \"a\", expected at most 255 octets, and none beside"},
      {match_head, "method is HEAD"},
      {tcp, "settings of HTTP is given"},
      {no_tls, "settings of TLS is given"},
      {half, "client_cert is \"/a\", expected one together with client_key"},
  };
  for (const auto& c : cases) {
    const Status verdict = ValidateCheck(c.check);
    ASSERT_FALSE(verdict.has_value()) << c.field;
    EXPECT_NE(verdict.error().message.find(std::string(": ") + c.field), std::string::npos)
        << verdict.error().message;
  }
}

TEST(HttpSettings, StatusesAreReadAndWritten) {
  for (const char* text : {"200", "599", "200-599", "404-404"}) {
    const auto range = StatusFromText(text);
    ASSERT_TRUE(range) << text;
    EXPECT_EQ(StatusText(*range), std::string_view(text) == "404-404" ? "404" : text);
  }
  for (const char* text :
       {"", "-", "199", "600", "2000", "20", "200-", "-200", "300-200", "200-600", "2xx", "+20"}) {
    EXPECT_FALSE(StatusFromText(text)) << text;
  }
}

TEST(Rare, IsAValueThatTakesNoRoomAtItsDefault) {
  EXPECT_EQ(sizeof(Rare<HttpSettings>), sizeof(void*));
  Rare<HttpSettings> one;
  EXPECT_FALSE(one);
  EXPECT_EQ(*one, HttpSettings{});
  one = HttpSettings{.body_regex = "a"};
  Rare<HttpSettings> other = one;
  EXPECT_TRUE(other == one && other);
  one = HttpSettings{};
  EXPECT_FALSE(one);
  EXPECT_FALSE(other == one);
  EXPECT_EQ(other->body_regex, "a");
}

}  // namespace
}  // namespace holdfast::health

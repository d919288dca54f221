// Names of endpoints against a scripted name server: what is asked and how often, what is kept, and
// what is used when nobody answers. Rows D11 and D12 of the fault matrix.
#include "health/probe/resolver.h"

#include <arpa/inet.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "tests/health/probe_run.h"
#include "tests/health/scripted_dns.h"
#include "tests/health/scripted_server.h"

namespace holdfast::health {
namespace {

using namespace testing;
using std::chrono::seconds;

/// A resolver and its loop, on the test's own thread.
class Names {
 public:
  explicit Names(ResolverOptions options) {
    auto made = Resolver::Create(io_, options);
    EXPECT_TRUE(made.has_value()) << made.error().message;
    resolver_ = std::move(*made);
  }
  ~Names() { resolver_.reset(); }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  /// Waits for the answer, at most 10 s.
  Resolved Ask(const std::string& name, AddressFamily family = AddressFamily::kV4) {
    std::optional<Resolved> got;
    resolver_->Resolve(name, family, [&got](const Resolved& resolved) { got = resolved; });
    const auto until = Clock::now() + seconds(10);
    while (!got && io_.run_one_until(until) != 0) {
    }
    EXPECT_TRUE(got.has_value()) << name;
    return got.value_or(Resolved{});
  }
  std::string Text(const std::string& name, AddressFamily family = AddressFamily::kV4) {
    const Resolved got = Ask(name, family);
    return got.outcome == ResolveOutcome::kFound       ? got.address.Text()
           : got.outcome == ResolveOutcome::kNoAddress ? "none"
                                                       : "unavailable";
  }
  void Run(milliseconds time) {
    io_.restart();
    io_.run_for(time);
    io_.restart();
  }
  Resolver& resolver() { return *resolver_; }

 private:
  boost::asio::io_context io_;
  // So that time passes too while nothing is under way.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ =
      boost::asio::make_work_guard(io_);
  std::unique_ptr<Resolver> resolver_;
};

CheckConfig NamedCheck(std::uint16_t port, const std::string& name) {
  CheckConfig check = LoopbackCheck(CheckType::kTcp, port);
  check.ip_address.clear();
  check.fqdn = name;
  return check;
}

TEST(Resolver, TakesTurnsAmongTheAddressesOfAName) {
  ScriptedDns dns({{"two.example.test", {.addresses = {"127.0.0.1", "127.0.0.2"}}}});
  Names names({.servers = dns.address()});
  std::map<std::string, int> seen;
  for (int n = 0; n < 5; ++n) {  // one query for all that wait
    names.resolver().Resolve("two.example.test", AddressFamily::kV4, [&seen](const Resolved& got) {
      ++seen[got.address.Text()];
    });
  }
  for (int n = 0; n < 5; ++n) {  // cached: answered at once
    ++seen[names.Text(n % 2 == 0 ? "two.example.test" : "TWO.example.test.")];
  }
  EXPECT_EQ(seen, (std::map<std::string, int>{{"127.0.0.1", 5}, {"127.0.0.2", 5}}));
  EXPECT_EQ(dns.queries(), 1);
}

TEST(Resolver, CountsWhatItAsksAndWhatComesOfIt) {
  ScriptedDns dns({{"two.example.test", {.addresses = {"127.0.0.1", "127.0.0.2"}}},
                   {"empty.example.test", {.aaaa_only = true}},
                   {"failing.example.test", {.rcode = 2}},
                   {"silent.example.test", {.silent = true}}});
  const auto counters = std::make_shared<NameCounters>();
  Names names({.servers = dns.address(), .counters = counters});
  EXPECT_EQ(names.Text("192.0.2.1"), "192.0.2.1");  // needs no name
  EXPECT_EQ(counters->names(), 0U);
  for (int n = 0; n < 3; ++n) {
    names.Text("two.example.test");
  }
  EXPECT_EQ(names.Text("empty.example.test"), "none");
  EXPECT_EQ(names.Text("absent.example.test"), "none");
  EXPECT_EQ(names.Text("failing.example.test"), "unavailable");
  EXPECT_EQ(names.Text("silent.example.test"), "unavailable");
  using enum NameCount;
  EXPECT_EQ(counters->of(kQueries), 6U);  // two for the silent one
  EXPECT_EQ(counters->of(kAnswers), 3U);
  EXPECT_EQ(counters->of(kCacheHits), 2U);
  EXPECT_EQ(counters->of(kNoAddress), 1U);
  EXPECT_EQ(counters->of(kNxdomain), 1U);
  EXPECT_EQ(counters->of(kServfail), 1U);
  EXPECT_EQ(counters->of(kTimeout), 2U);
  EXPECT_EQ(counters->of(kMalformed), 0U);
  EXPECT_EQ(counters->of(kLastGood), 0U);
  EXPECT_EQ(counters->names(), 5U);
}

TEST(Resolver, TellsANameWithoutAddressFromAResolverWithoutAnswer) {
  ScriptedDns dns({{"empty.example.test", {.aaaa_only = true}},
                   {"failing.example.test", {.rcode = 2}},
                   {"silent.example.test", {.silent = true}}});
  const ScriptedServer server([](Peer&) {});
  for (const char* name : {"empty.example.test", "absent.example.test"}) {
    const Observation seen =
        ProbeOnce(NamedCheck(server.port(), name), {.dns_servers = dns.address()});
    EXPECT_EQ(seen.outcome, Outcome::kFail) << name;
    EXPECT_EQ(seen.reason, "Failure: DNS resolution failed") << name;
  }
  Observation seen =
      ProbeOnce(NamedCheck(server.port(), "failing.example.test"), {.dns_servers = dns.address()});
  EXPECT_EQ(seen.outcome, Outcome::kUnknown) << seen.reason;
  CheckConfig check = NamedCheck(server.port(), "silent.example.test");
  check.connect_timeout = Milliseconds(100);
  seen = ProbeOnce(check, {.dns_servers = dns.address()});
  EXPECT_EQ(seen.outcome, Outcome::kUnknown) << seen.reason;
  EXPECT_LT(seen.rtt, milliseconds(500));
  seen = ProbeOnce(check, {.dns_servers = "127.0.0.1:1"});
  EXPECT_EQ(seen.outcome, Outcome::kUnknown) << seen.reason;
}

TEST(Resolver, RefusesServersItCannotRead) {
  boost::asio::io_context io;
  const auto resolver = Resolver::Create(io, {.servers = "not an address"});
  ASSERT_FALSE(resolver.has_value());
  EXPECT_EQ(resolver.error().code, ErrorCode::kInvalid);
  EXPECT_NE(resolver.error().message.find("not an address"), std::string::npos);
}

TEST(Resolver, LooksAtTheFamilyThatIsWanted) {
  ScriptedDns dns({{"both.test", {.addresses = {"192.0.2.1"}, .addresses6 = {"2001:db8::1"}}},
                   {"four.test", {.addresses = {"192.0.2.4"}}},
                   {"six.test", {.addresses6 = {"2001:db8::6"}}},
                   {"half.test", {.addresses6 = {"2001:db8::7"}}}});
  Names names({.servers = dns.address()});
  using enum AddressFamily;
  EXPECT_EQ(names.Text("both.test", kV4), "192.0.2.1");
  EXPECT_EQ(names.Text("both.test", kV6), "2001:db8::1");
  EXPECT_EQ(dns.queries(), 2);
  std::set<std::string> any{names.Text("both.test", kAny), names.Text("both.test", kAny)};
  EXPECT_EQ(any, (std::set<std::string>{"192.0.2.1", "2001:db8::1"}));
  EXPECT_EQ(dns.queries(), 4);
  EXPECT_EQ(names.Text("four.test", kV6), "none");
  EXPECT_EQ(names.Text("four.test", kAny), "192.0.2.4");
  EXPECT_EQ(names.Text("six.test", kV4), "none");
  EXPECT_EQ(names.Text("six.test", kAny), "2001:db8::6");
  EXPECT_EQ(names.Text("absent.test", kAny), "none");
  EXPECT_EQ(names.Text("192.0.2.9", kV4), "192.0.2.9");
  EXPECT_EQ(names.Text("192.0.2.9", kV6), "none");
  EXPECT_EQ(names.Text("2001:db8::9", kAny), "2001:db8::9");
}

TEST(Resolver, ProbesAnEndpointOverTheFamilyThatIsWanted) {
  ScriptedDns dns({{"both.test", {.addresses = {"127.0.0.1"}, .addresses6 = {"::1"}}}});
  const ScriptedServer server([](Peer&) {});  // on 127.0.0.1 alone
  CheckConfig check = NamedCheck(server.port(), "both.test");
  EXPECT_EQ(ProbeOnce(check, {.dns_servers = dns.address()}).outcome, Outcome::kPass);
  check.address_family = AddressFamily::kV6;
  const Observation seen = ProbeOnce(check, {.dns_servers = dns.address()});
  EXPECT_EQ(seen.outcome, Outcome::kFail);
  EXPECT_TRUE(seen.reason.ends_with("Connection refused.")) << seen.reason;
}

TEST(Resolver, KeepsThatThereIsNothingAsLongAsTheSoaSays) {
  ScriptedDns dns({{"short.test", {.rcode = 3, .soa_minimum = 0}},  // the floor
                   {"long.test", {.aaaa_only = true, .soa_minimum = 3600}},
                   {"bare.test", {.rcode = 3}}});
  Names names({.servers = dns.address()});
  const auto ask_all = [&names] {
    for (const char* name : {"short.test", "long.test", "bare.test"}) {
      EXPECT_EQ(names.Text(name), "none") << name;
    }
  };
  for (int n = 0; n < 20; ++n) {
    ask_all();
  }
  EXPECT_EQ(dns.queries(), 3);
  names.Run(milliseconds(1050));
  ask_all();
  EXPECT_EQ(dns.queries(), 4);  // one floor later: "short" alone
  dns.Set("short.test", {.addresses = {"192.0.2.1"}});
  names.Run(milliseconds(1050));
  EXPECT_EQ(names.Text("short.test"), "192.0.2.1");
}

TEST(Resolver, UsesTheLastGoodAddressesWhileNobodyAnswers) {
  for (const DnsAnswer& trouble :
       {DnsAnswer{.rcode = 2}, DnsAnswer{.rcode = 5}, DnsAnswer{.silent = true}}) {
    ScriptedDns dns({{"web.test", {.addresses = {"192.0.2.1"}, .ttl = 1}}});
    Names patient({.servers = dns.address(), .max_stale = seconds(60)});
    Names strict({.servers = dns.address(), .max_stale = seconds(0)});
    EXPECT_EQ(patient.Text("web.test"), "192.0.2.1");
    EXPECT_EQ(strict.Text("web.test"), "192.0.2.1");
    dns.Set("web.test", trouble);
    patient.Run(milliseconds(1050));
    EXPECT_EQ(patient.Text("web.test"), "192.0.2.1");
    EXPECT_EQ(strict.Text("web.test"), "unavailable");
    // From then on nobody waits for it.
    patient.Run(milliseconds(1050));
    const auto began = Clock::now();
    EXPECT_EQ(patient.Text("web.test"), "192.0.2.1");
    EXPECT_LT(Clock::now() - began, milliseconds(200));
    dns.Set("web.test", {.addresses = {"192.0.2.2"}, .ttl = 1});
    patient.Run(milliseconds(2300));
    static_cast<void>(patient.Text("web.test"));  // asks
    patient.Run(milliseconds(300));
    EXPECT_EQ(patient.Text("web.test"), "192.0.2.2");
    // That there is no such name is an answer.
    dns.Set("web.test", {.rcode = 3});
    patient.Run(milliseconds(1050));
    EXPECT_EQ(patient.Text("web.test"), "none");
  }
}

TEST(Resolver, HoldsNoProbeUpOnceAnAnswerTakesTooLong) {
  ScriptedDns dns({{"web.test", {.addresses = {"192.0.2.1"}, .ttl = 1}}});
  Names names({.servers = dns.address()});
  EXPECT_EQ(names.Text("web.test"), "192.0.2.1");
  dns.Set("web.test", {.silent = true});
  names.Run(milliseconds(1050));
  std::vector<std::string> answers;
  const auto note = [&answers](const Resolved& got) { answers.push_back(got.address.Text()); };
  names.resolver().Resolve("web.test", AddressFamily::kV4, note);
  EXPECT_TRUE(answers.empty());
  names.Run(milliseconds(300));
  EXPECT_TRUE(answers.empty());
  names.resolver().Resolve("web.test", AddressFamily::kV4, note);
  EXPECT_EQ(answers.size(), 1U);  // at once
  names.Run(milliseconds(2500));
  EXPECT_EQ(answers, (std::vector<std::string>{"192.0.2.1", "192.0.2.1"}));
}

TEST(Resolver, FollowsAliasesAndTheirLeastTtl) {
  ScriptedDns dns(
      {{"www.test",
        {.addresses = {"192.0.2.1"}, .aliases = {{"www.test", "a.test"}, {"a.test", "b.test"}}}},
       {"dangling.test", {.aliases = {{"dangling.test", "b.test"}}}}});
  Names names({.servers = dns.address()});
  EXPECT_EQ(names.Text("www.test"), "192.0.2.1");
  EXPECT_EQ(names.Text("dangling.test"), "none");
}

TEST(Resolver, KeepsABoundedNumberOfNames) {
  std::map<std::string, DnsAnswer> answers;
  for (char c = 'a'; c <= 'f'; ++c) {
    answers[std::string(1, c) + ".test"] = {.addresses = {"192.0.2.1"}};
  }
  ScriptedDns dns(answers);
  Names names({.servers = dns.address(), .max_names = 4});
  for (const auto& [name, answer] : answers) {
    EXPECT_EQ(names.Text(name), "192.0.2.1");
  }
  EXPECT_EQ(dns.queries(), 6);
  EXPECT_EQ(names.Text("f.test"), "192.0.2.1");
  EXPECT_EQ(names.Text("c.test"), "192.0.2.1");
  EXPECT_EQ(dns.queries(), 6);
  EXPECT_EQ(names.Text("a.test"), "192.0.2.1");  // went first
  EXPECT_EQ(dns.queries(), 7);
}

TEST(Resolver, AsksNoMoreThanItMayAndLosesNobody) {
  constexpr int kCap = 50;
  constexpr int kNames = 80;
  std::map<std::string, DnsAnswer> answers;
  for (int n = 0; n < kNames; ++n) {
    answers["n" + std::to_string(n) + ".test"] = {.addresses = {"192.0.2.1"}};
  }
  ScriptedDns dns(answers);
  Names names({.servers = dns.address(), .queries_per_second = kCap});
  int found = 0;
  for (const auto& [name, answer] : answers) {
    names.resolver().Resolve(name, AddressFamily::kV4, [&found](const Resolved& got) {
      found += got.outcome == ResolveOutcome::kFound ? 1 : 0;
    });
  }
  names.Run(milliseconds(500));
  EXPECT_LT(found, kCap);
  names.Run(milliseconds(2000));
  EXPECT_EQ(found, kNames);
  EXPECT_EQ(dns.queries(), kNames);
  EXPECT_LE(dns.MostPerSecond(), kCap + 1);
}

// Fault matrix D11, all kinds at once, each asked for fifty times a second for six seconds. They
// would take eight queries a second if they might.
TEST(ResolverFaults, D11_NamesThatDoNotResolveAreKeptWithinTheCaps) {
  constexpr int kCap = 6;
  std::vector<std::string> thousand;
  for (int n = 0; n < 1000; ++n) {
    thousand.push_back("10.0." + std::to_string(n / 250) + "." + std::to_string(n % 250));
  }
  const DnsAnswer good{.addresses = {"192.0.2.1"}, .ttl = 1};
  ScriptedDns dns({{"servfail.test", good},
                   {"timeout.test", good},
                   {"nxdomain.test", good},
                   {"empty.test", good},
                   {"thousand.test", {.addresses = thousand, .ttl = 1}},
                   {"loop.test", {.aliases = {{"loop.test", "b.test"}, {"b.test", "loop.test"}}}},
                   {"ttl0.test", {.addresses = {"192.0.2.1"}, .ttl = 0}},
                   {"moves.test", good}});
  Names names({.servers = dns.address(), .queries_per_second = kCap});
  std::map<std::string, std::string> last;
  std::set<std::string> of_thousand;
  int asked = 0;
  const auto ask = [&](const std::string& name) {
    ++asked;
    names.resolver().Resolve(name, AddressFamily::kV4, [&, name](const Resolved& got) {
      last[name] = got.outcome == ResolveOutcome::kFound       ? got.address.Text()
                   : got.outcome == ResolveOutcome::kNoAddress ? "none"
                                                               : "unavailable";
      if (name == "thousand.test") {
        of_thousand.insert(last[name]);
      }
    });
  };
  const auto run = [&](int rounds) {
    for (int n = 0; n < rounds; ++n) {
      for (const char* name : {"servfail.test",
                               "timeout.test",
                               "nxdomain.test",
                               "empty.test",
                               "thousand.test",
                               "loop.test",
                               "ttl0.test",
                               "moves.test"}) {
        ask(name);
      }
      names.Run(milliseconds(20));
    }
  };
  run(75);
  EXPECT_EQ(last["servfail.test"], "192.0.2.1");
  EXPECT_EQ(last["timeout.test"], "192.0.2.1");
  dns.Set("servfail.test", {.rcode = 2});
  dns.Set("timeout.test", {.silent = true});
  dns.Set("nxdomain.test", {.rcode = 3, .soa_minimum = 3});
  dns.Set("empty.test", {.aaaa_only = true});
  dns.Set("moves.test", {.addresses = {"192.0.2.2"}, .ttl = 1});
  run(225);
  EXPECT_EQ(last["servfail.test"], "192.0.2.1");  // the last good one
  EXPECT_EQ(last["timeout.test"], "192.0.2.1");
  EXPECT_EQ(last["nxdomain.test"], "none");
  EXPECT_EQ(last["empty.test"], "none");
  EXPECT_EQ(last["loop.test"], "none");
  EXPECT_EQ(last["ttl0.test"], "192.0.2.1");
  EXPECT_EQ(last["moves.test"], "192.0.2.2");
  EXPECT_EQ(of_thousand.size(), 64U);
  EXPECT_FALSE(of_thousand.contains("unavailable"));
  EXPECT_GE(dns.tcp_queries(), 1);
  const int most = dns.MostPerSecond();
  std::printf("D11: %d probes, %d queries (%d by TCP), at most %d in any second, cap %d\n",
              asked,
              dns.queries(),
              dns.tcp_queries(),
              most,
              kCap);
  EXPECT_LE(most, kCap + 1);
}

}  // namespace
}  // namespace holdfast::health

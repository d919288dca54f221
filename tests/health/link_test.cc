// Both ends of a link over real TLS on loopback: a hub with its monitor, and checkers that probe
// real servers; then peers that may not come in, and peers that misbehave once they are.
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <list>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/clock.h"
#include "health/link/hub.h"
#include "health/link/remote_checker.h"
#include "tests/health/link_certificates.h"
#include "tests/health/probe_run.h"
#include "tests/health/scripted_server.h"

namespace holdfast::health {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;
using namespace testing;
using ::testing::HasSubstr;

LinkLimits Quick() {
  LinkLimits limits;
  limits.handshake = milliseconds(2000);
  limits.ping = milliseconds(100);
  limits.silence = milliseconds(2000);
  limits.batch = milliseconds(10);
  limits.look = milliseconds(20);
  limits.first_pause = milliseconds(50);
  limits.longest_pause = milliseconds(200);
  return limits;
}

CheckConfig Tcp(std::string id, std::uint16_t port) {
  CheckConfig check = LoopbackCheck(CheckType::kTcp, port);
  check.id = std::move(id);
  check.interval = Milliseconds(50);
  check.connect_timeout = check.response_timeout = Milliseconds(500);
  check.healthy_threshold = check.unhealthy_threshold = 2;
  check.jitter_percent = 0;
  return check;
}

template <class Condition>
bool Within(Condition holds, milliseconds patience = milliseconds(10'000)) {
  const std::uint64_t until =
      MonotonicNs() + static_cast<std::uint64_t>(std::chrono::nanoseconds(patience).count());
  while (!holds()) {
    if (MonotonicNs() > until) {
      return false;
    }
    usleep(2000);
  }
  return true;
}

/// A control: its monitor, which probes nothing itself, and its hub.
class Control {
 public:
  Control(const IdentityFiles& identity, std::uint16_t port = 0, std::size_t strangers = 64) {
    MonitorOptions options;
    options.local.resolvers = "127.0.0.1:1";
    monitor = std::move(*Monitor::Create(options));
    auto made = Hub::Start(*monitor,
                           {.listen = {{.address = "127.0.0.1", .port = port}},
                            .identity = identity,
                            .node = "ns1",
                            .limits = Quick(),
                            .strangers = strangers});
    EXPECT_TRUE(made) << made.error().message;
    hub = std::move(*made);
    EXPECT_TRUE(monitor->Start());
  }
  void Know(const std::vector<CheckerName>& checkers) const {
    const auto indices = monitor->SetCheckers(checkers, false);
    ASSERT_TRUE(indices);
    hub->SetCheckers(checkers, *indices);
  }
  [[nodiscard]] CheckStatus Status(const std::string& id) const {
    const auto statuses = monitor->Statuses();
    const auto at = std::ranges::find(statuses, id, &CheckStatus::id);
    return at == statuses.end() ? CheckStatus{} : *at;
  }
  [[nodiscard]] bool Becomes(const std::string& id, State state) const {
    return Within([&] { return Status(id).raw == state; });
  }
  [[nodiscard]] CheckerState Checker(const std::string& name) const {
    const auto states = hub->States();
    const auto at = std::ranges::find(states, name, &CheckerState::name);
    return at == states.end() ? CheckerState{} : *at;
  }
  [[nodiscard]] bool IsUp(const std::string& name) const {
    return Within([&] { return Checker(name).connected; });
  }

  std::unique_ptr<Monitor> monitor;
  std::unique_ptr<Hub> hub;  // goes first
};

class Linked : public ::testing::Test {
 protected:
  RemoteCheckerOptions Options(std::uint16_t port, const std::string& name = "a") {
    RemoteCheckerOptions options;
    options.controls = {{.host = "127.0.0.1", .port = port, .name = "127.0.0.1"}};
    options.identity = certificates_.Issue({.name = name});
    options.checker.resolvers = "127.0.0.1:1";
    options.checker.targets.allow = {"127.0.0.0/8"};
    options.version = "test";
    options.limits = Quick();
    return options;
  }
  static std::unique_ptr<RemoteChecker> Start(RemoteCheckerOptions options) {
    auto made = RemoteChecker::Start(std::move(options));
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }

  Certificates certificates_;
  const IdentityFiles control_ = certificates_.Issue({.name = "ns1", .address = "127.0.0.1"});
};

TEST_F(Linked, AVerdictIsMadeOfWhatACheckerElsewhereSees) {
  auto server = std::make_unique<ScriptedServer>([](Peer&) {});
  const Control control(control_);
  control.Know({{"a", "eu"}});
  ASSERT_TRUE(control.monitor->Configure({Tcp("web", server->port())}));
  const auto checker = Start(Options(control.hub->port()));
  EXPECT_TRUE(control.Becomes("web", State::kHealthy));
  const CheckerState up = control.Checker("a");
  EXPECT_TRUE(up.connected);
  EXPECT_EQ(up.region, "eu");
  EXPECT_EQ(up.version, "test");
  EXPECT_EQ(up.assigned, 1U);
  EXPECT_GT(up.taken, 0U);
  ASSERT_TRUE(up.age_ms);
  EXPECT_LT(*up.age_ms, 2000);
  EXPECT_THAT(up.peer, HasSubstr("127.0.0.1:"));
  server.reset();
  EXPECT_TRUE(control.Becomes("web", State::kUnhealthy));
  EXPECT_GE(control.Status("web").counters.failures, 1U);
}

TEST_F(Linked, ChangesOfWhatIsWatchedArriveAsTheyAreMade) {
  const ScriptedServer one([](Peer&) {});
  const ScriptedServer two([](Peer&) {});
  const Control control(control_);
  control.Know({{"a", ""}});
  ASSERT_TRUE(control.monitor->Configure({Tcp("x", one.port()), Tcp("y", one.port())}));
  const auto checker = Start(Options(control.hub->port()));
  EXPECT_TRUE(control.Becomes("y", State::kHealthy));
  EXPECT_EQ(checker->targets(), 1U);  // the same endpoint, looked at in the same way
  // A change, a removal, and one that takes the slot.
  ASSERT_TRUE(control.monitor->Configure({Tcp("y", two.port())}));
  EXPECT_TRUE(Within([&] { return control.Checker("a").assigned == 1; }));
  EXPECT_TRUE(Within([&] { return control.Status("y").verified; }));
  ASSERT_TRUE(control.monitor->Configure({Tcp("y", two.port()), Tcp("z", 1)}));
  EXPECT_TRUE(control.Becomes("z", State::kUnhealthy));
  EXPECT_EQ(checker->targets(), 2U);
}

TEST_F(Linked, OneThatWasCutOffSaysItsLastReportsAgain) {
  const ScriptedServer server([](Peer&) {});
  std::optional<Control> control(control_);
  control->Know({{"a", ""}});
  const std::uint16_t port = control->hub->port();
  CheckConfig slow = Tcp("slow", server.port());
  slow.interval = Milliseconds(300'000);  // once, and not again within this test
  slow.healthy_threshold = 1;
  ASSERT_TRUE(control->monitor->Configure({slow}));
  const auto checker = Start(Options(port));
  EXPECT_TRUE(control->Becomes("slow", State::kHealthy));
  // Another control at the same place, for which the same slots and versions mean others.
  control.reset();
  control.emplace(control_, port);
  ASSERT_TRUE(control->monitor->Configure({Tcp("first", 1), slow}));
  control->Know({{"a", ""}});
  EXPECT_TRUE(control->Becomes("slow", State::kHealthy));
  EXPECT_TRUE(control->Becomes("first", State::kUnhealthy));
  EXPECT_EQ(control->Status("slow").counters.passes, 1U);
}

TEST_F(Linked, ProgramsAreNotRunUnasked) {
  const Control control(control_);
  control.Know({{"a", ""}, {"b", ""}});
  CheckConfig exec;
  exec.id = "exec";
  exec.type = CheckType::kExec;
  exec.port = 0;
  exec.native = ExecSettings{.command = "/bin/true", .arguments = {}, .user = ""};
  exec.interval = Milliseconds(50);
  exec.healthy_threshold = 1;
  ASSERT_TRUE(control.monitor->Configure({exec}));
  const auto careful = Start(Options(control.hub->port(), "a"));
  RemoteCheckerOptions options = Options(control.hub->port(), "b");
  options.allow_exec = true;
  const auto willing = Start(std::move(options));
  EXPECT_TRUE(Within([&] {
    const auto views = control.monitor->Views("exec");
    return (*views)[0].reason ==
               "Unknown: this health checker cannot watch it: its host runs no programs for "
               "others (allow_exec is false)" &&
           (*views)[1].side == State::kHealthy;
  }));
  EXPECT_EQ(control.Status("exec").tally.reporting, 1U);
}

TEST_F(Linked, TwoControlsShareTheTargetsOfOneChecker) {
  const ScriptedServer server([](Peer&) {});
  const Control one(control_);
  const Control two(control_);
  one.Know({{"a", ""}});
  two.Know({{"a", ""}});
  ASSERT_TRUE(one.monitor->Configure({Tcp("web", server.port()), Tcp("one", 1)}));
  ASSERT_TRUE(two.monitor->Configure({Tcp("two", 2), Tcp("web", server.port())}));
  RemoteCheckerOptions options = Options(one.hub->port());
  options.controls.push_back({.host = "127.0.0.1", .port = two.hub->port(), .name = "127.0.0.1"});
  const auto checker = Start(std::move(options));
  EXPECT_TRUE(one.Becomes("web", State::kHealthy) && two.Becomes("web", State::kHealthy));
  EXPECT_TRUE(one.Becomes("one", State::kUnhealthy));
  EXPECT_TRUE(two.Becomes("two", State::kUnhealthy));
  EXPECT_EQ(checker->targets(), 3U);
  EXPECT_EQ(checker->connected(), 2U);
}

TEST_F(Linked, ManyChecksArriveInPartsAndAsOne) {
  constexpr std::size_t kMany = 20'000;
  std::vector<CheckConfig> checks;
  for (std::size_t i = 0; i < kMany; ++i) {
    CheckConfig check = Tcp("check-" + std::to_string(i), static_cast<std::uint16_t>(1 + i % 60));
    check.ip_address = "127.1." + std::to_string(i / 60 / 250) + "." + std::to_string(i / 60 % 250);
    check.interval = Milliseconds(300'000);
    checks.push_back(std::move(check));
  }
  const Control control(control_);
  control.Know({{"a", ""}});
  ASSERT_TRUE(control.monitor->Configure(checks));
  const auto checker = Start(Options(control.hub->port()));
  EXPECT_TRUE(Within([&] { return checker->targets() == kMany; }, milliseconds(30'000)));
  EXPECT_EQ(control.Checker("a").assigned, kMany);
  checks.resize(kMany / 2);
  ASSERT_TRUE(control.monitor->Configure(checks));
  EXPECT_TRUE(Within([&] { return checker->targets() == kMany / 2; }, milliseconds(30'000)));
  EXPECT_TRUE(control.Checker("a").connected);
}

TEST_F(Linked, ARenewedCertificateNeedsNoRestart) {
  const Control control(control_);
  control.Know({{"a", "eu"}});
  auto options = Options(control.hub->port());
  const IdentityFiles shown = certificates_.Issue({.name = "a", .days = -1});
  const IdentityFiles renewed = std::exchange(options.identity, shown);
  const auto checker = Start(std::move(options));
  const auto take = [](const std::string& from, const std::string& to) {
    std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
  };
  EXPECT_TRUE(Within([&] { return control.hub->refused() > 2; }));  // it has expired
  take(renewed.certificate, shown.certificate);  // the key does not fit to it yet
  const std::uint64_t refused = control.hub->refused();
  EXPECT_TRUE(Within([&] { return control.hub->refused() > refused + 2; }));
  EXPECT_FALSE(control.Checker("a").connected);
  take(renewed.key, shown.key);
  EXPECT_TRUE(control.IsUp("a"));
}

TEST_F(Linked, ACheckerThatIsRemovedIsCutOff) {
  const Control control(control_);
  control.Know({{"a", ""}, {"b", ""}});
  const auto a = Start(Options(control.hub->port(), "a"));
  const auto b = Start(Options(control.hub->port(), "b"));
  EXPECT_TRUE(control.IsUp("a") && control.IsUp("b"));
  control.Know({{"b", ""}});
  EXPECT_TRUE(Within([&] { return a->connected() == 0; }));
  EXPECT_EQ(control.hub->States().size(), 1U);
  EXPECT_TRUE(control.Checker("b").connected);
  control.Know({{"b", ""}, {"a", ""}});
  EXPECT_TRUE(control.IsUp("a"));
}

// ---- who may not come in ------------------------------------------------------------------------

/// A client that does one thing after the other, as far as it is let.
class RawPeer {
 public:
  RawPeer(std::uint16_t port, std::shared_ptr<asio::ssl::context> context)
      : context_(std::move(context)), stream_(io_, *context_) {
    stream_.next_layer().connect({asio::ip::address_v4::loopback(), port});
    boost::system::error_code error;
    (void)stream_.handshake(asio::ssl::stream_base::client, error);
    problem_ = error.message();
  }
  void Write(const std::string& octets) {
    boost::system::error_code ignored;
    asio::write(stream_, asio::buffer(octets), ignored);
  }
  void Say(const CheckerMessage& message) { Write(Encode(message)); }
  /// The next message, or why there is none.
  std::variant<ControlMessage, std::string> Hear() {
    boost::system::error_code error;
    std::array<unsigned char, kFrameOctets> frame{};
    asio::read(stream_, asio::buffer(frame), error);
    std::string text(error ? 0 : MessageOctets(frame).value_or(0), '\0');
    if (!error) {
      asio::read(stream_, asio::buffer(text), error);
    }
    if (error) {
      return error.message();
    }
    auto decoded = DecodeControlMessage(text);
    EXPECT_TRUE(decoded);
    return std::move(*decoded);
  }
  /// The reason of the refusal, or of the end, that comes next.
  std::string Refused() {
    for (int i = 0; i < 100; ++i) {
      auto heard = Hear();
      if (const auto* why = std::get_if<std::string>(&heard)) {
        return *why;
      }
      if (const auto* refusal = std::get_if<Refusal>(&std::get<ControlMessage>(heard))) {
        return refusal->reason;
      }
    }
    return "was not refused";
  }

 private:
  asio::io_context io_;
  std::shared_ptr<asio::ssl::context> context_;
  asio::ssl::stream<tcp::socket> stream_;
  std::string problem_;
};

class Refusing : public Linked {
 protected:
  Refusing() { there_.Know({{"a", ""}}); }
  std::shared_ptr<asio::ssl::context> Context(const Issued& issued) {
    auto context = ReadIdentity(certificates_.Issue(issued), LinkSide::kChecker);
    EXPECT_TRUE(context) << context.error().message;
    return *context;
  }
  RawPeer Connect(const Issued& issued = {.name = "a"}) {
    return {there_.hub->port(), Context(issued)};
  }
  static CheckerHello Hello(std::uint64_t session = 5) {
    return {.protocol = kLinkProtocol, .session = session, .version = "raw"};
  }
  Control there_{control_};
};

TEST_F(Refusing, ThoseWithoutACertificateOfOurAuthority) {
  auto nobody = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  EXPECT_THAT(RawPeer(there_.hub->port(), nobody).Refused(), HasSubstr("certificate required"));
  EXPECT_THAT(Connect({.name = "a", .authority = "foreign"}).Refused(), HasSubstr("unknown ca"));
  EXPECT_THAT(Connect({.name = "a", .days = -1}).Refused(), HasSubstr("expired"));
  auto old = Context({.name = "a"});
  SSL_CTX_set_min_proto_version(old->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(old->native_handle(), TLS1_2_VERSION);
  EXPECT_NE(RawPeer(there_.hub->port(), old).Refused(), "was not refused");
  EXPECT_TRUE(Within([&] { return there_.hub->refused() == 4; }));
  EXPECT_EQ(there_.Checker("a").peer, "");  // nobody ever sat there
}

TEST_F(Refusing, NamesThatAreNotConfigured) {
  RawPeer peer = Connect({.name = "b"});
  peer.Say(Hello());
  EXPECT_EQ(peer.Refused(),
            "its certificate is for b, which no [[checkers.checker]] of this node has");
  // The CN counts only where there is no DNS name.
  RawPeer common = Connect({.name = "a", .cn_only = true});
  common.Say(Hello());
  EXPECT_TRUE(there_.IsUp("a"));
}

TEST_F(Refusing, WhatIsNoHello) {
  RawPeer pings = Connect();
  pings.Say(CheckerPing{});
  EXPECT_EQ(pings.Refused(), "the first message is no hello");
  RawPeer future = Connect();
  future.Say(CheckerHello{.protocol = 99, .session = 1, .version = ""});
  EXPECT_EQ(future.Refused(), "it speaks version 99 of the protocol; expected 1");
  RawPeer silent = Connect();
  EXPECT_THAT(silent.Refused(), HasSubstr("truncated"));  // after the time for a handshake
  EXPECT_FALSE(there_.Checker("a").connected);
}

TEST_F(Refusing, AnOlderProcessWhileALaterOneIsThere) {
  RawPeer later = Connect();
  later.Say(Hello(7));
  EXPECT_TRUE(there_.IsUp("a"));
  RawPeer older = Connect();
  older.Say(Hello(6));
  EXPECT_EQ(older.Refused(), "a process of this name that was started later is connected");
  EXPECT_TRUE(there_.Checker("a").connected);
  RawPeer latest = Connect();
  latest.Say(Hello(8));
  EXPECT_TRUE(std::holds_alternative<ControlHello>(std::get<ControlMessage>(latest.Hear())));
  EXPECT_THAT(later.Refused(), HasSubstr("truncated"));
  EXPECT_TRUE(there_.Checker("a").connected);
}

TEST_F(Refusing, AControlThatIsSomebodyElse) {
  RemoteCheckerOptions options = Options(there_.hub->port());
  options.controls[0].name = "ns2";
  const auto checker = Start(std::move(options));
  EXPECT_TRUE(Within([&] { return there_.hub->refused() >= 2; }));
  EXPECT_EQ(checker->connected(), 0U);
  EXPECT_FALSE(there_.Checker("a").connected);
}

TEST_F(Refusing, StrangersBeyondTheBoundMakeRoomForEachOther) {
  const Control control(control_, 0, 8);
  control.Know({{"a", ""}});
  asio::io_context io;
  std::list<tcp::socket> idle;
  for (int i = 0; i < 200; ++i) {
    idle.emplace_back(io).connect({asio::ip::address_v4::loopback(), control.hub->port()});
  }
  const auto checker = Start(Options(control.hub->port()));
  EXPECT_TRUE(control.IsUp("a"));
  EXPECT_GE(control.hub->refused(), 192U);
}

TEST_F(Refusing, WhatBreaksTheRulesEndsThatConnectionAlone) {
  there_.Know({{"a", ""}, {"b", ""}});
  const auto checker = Start(Options(there_.hub->port(), "b"));
  EXPECT_TRUE(there_.IsUp("b"));
  ReportBatch future{.echo_ns = ~0ULL, .held = {}, .reports = {}};
  future.reports.push_back({.sequence = 1, .age = {}, .report = {}});
  const std::string garbage("\0\0\0\5hello", 9);
  for (const std::string& wrong : {garbage,
                                   std::string("\xFF\xFF\xFF\xFF"),
                                   std::string(4, '\0'),
                                   Encode(CheckerMessage(Hello()))}) {
    RawPeer peer = Connect();
    peer.Say(Hello());
    EXPECT_TRUE(there_.IsUp("a"));
    peer.Say(future);
    peer.Write(wrong);
    EXPECT_THAT(peer.Refused(), HasSubstr("truncated"));
    EXPECT_TRUE(Within([&] { return !there_.Checker("a").connected; }));
    EXPECT_NE(there_.Checker("a").problem, "");
  }
  EXPECT_TRUE(there_.Checker("b").connected);
  const auto dropped = there_.Checker("a").dropped;
  EXPECT_EQ(dropped[static_cast<std::size_t>(Drop::kFuture)], 4U);
}

TEST_F(Refusing, FilesThatAreNoIdentity) {
  IdentityFiles files = certificates_.Issue({.name = "a"});
  const IdentityFiles other = certificates_.Issue({.name = "b"});
  const auto why = [](const IdentityFiles& given) {
    const auto read = ReadIdentity(given, LinkSide::kControl);
    return read ? std::string() : read.error().message;
  };
  EXPECT_EQ(why(files), "");
  EXPECT_THAT(why({files.certificate, other.key, files.ca}), HasSubstr("expected the key of"));
  EXPECT_THAT(why({files.key, files.key, files.ca}), HasSubstr("expected a certificate in PEM"));
  EXPECT_THAT(why({files.certificate, files.key, files.key}),
              HasSubstr("expected certificates of an authority"));
  EXPECT_THAT(why({"/nonexistent", files.key, files.ca}), HasSubstr("No such file"));
  EXPECT_THAT(why({"/dev/null", files.key, files.ca}), HasSubstr("is no regular file"));
  chmod(files.key.c_str(), 0644);
  EXPECT_THAT(why(files), HasSubstr("everybody may read this key"));
  const auto names = NamesOfCertificate(other.certificate);
  ASSERT_TRUE(names);
  EXPECT_EQ(*names, std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace holdfast::health

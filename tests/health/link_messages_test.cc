// What control and checkers say to each other: there and back, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "health/link/check_codec.h"
#include "health/link/messages.h"

namespace holdfast::health {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// Without the length, which is checked.
std::string Text(const std::string& framed) {
  std::array<unsigned char, kFrameOctets> frame{};
  std::copy_n(framed.begin(), kFrameOctets, frame.begin());
  const auto octets = MessageOctets(frame);
  EXPECT_EQ(octets, framed.size() - kFrameOctets);
  return framed.substr(kFrameOctets);
}

template <class Message>
Message OfChecker(const CheckerMessage& message) {
  auto decoded = DecodeCheckerMessage(Text(Encode(message)));
  EXPECT_TRUE(decoded) << decoded.error().message;
  return std::get<Message>(std::move(*decoded));
}

template <class Message>
Message OfControl(const ControlMessage& message) {
  auto decoded = DecodeControlMessage(Text(Encode(message)));
  EXPECT_TRUE(decoded) << decoded.error().message;
  return std::get<Message>(std::move(*decoded));
}

CheckConfig Plain(CheckType type, NativeSettings native = {}) {
  CheckConfig check;
  check.id = "check-" + std::string(CheckTypeText(type));
  check.type = type;
  check.ip_address = "2001:db8::1";
  check.port = 8080;
  check.enable_sni = false;
  check.interval = 50ms;
  check.connect_timeout = 11ms;
  check.response_timeout = 12ms;
  check.body_timeout = 13ms;
  check.healthy_threshold = 4;
  check.unhealthy_threshold = 5;
  check.jitter_percent = 6;
  check.native = std::move(native);
  return check;
}

TEST(LinkMessages, KeepEverySettingThatAProbeNeeds) {
  CheckConfig match = Plain(CheckType::kHttpsStrMatch);
  match.fqdn = "www.example.test";
  match.resource_path = "/up?x=\xE4\xFF";
  match.search_string = std::string("a\0\"\x80", 4);
  match.enable_sni = true;
  match.measure_latency = true;
  match.http =
      HttpSettings{.expected_status = {{.first = 200, .last = 204}, {.first = 404, .last = 404}},
                   .method = HttpMethod::kOptions,
                   .headers = {"X-A: b", "X-C: d"},
                   .body_regex = "a\xFF"};
  match.https = TlsSettings{.min_days_valid = 3,
                            .verify = true,
                            .ca_bundle = "/x",
                            .ca_digest = "\xAB",
                            .client_cert = "/c",
                            .client_key = "/k",
                            .client_digest = "\xCD"};
  CheckConfig from_there = Plain(CheckType::kTcp);
  from_there.fixed_rate = true;
  from_there.origin =
      Origin{.source_address = "192.0.2.9", .interface = "eth1", .network_namespace = "bl\xC3\xBC"};
  CheckConfig by_interface = Plain(CheckType::kTcp);
  by_interface.origin = Origin{.interface = "eth1"};
  const std::vector<CheckConfig> checks{
      Plain(CheckType::kHttp),
      match,
      from_there,
      by_interface,
      Plain(CheckType::kTcp),
      Plain(CheckType::kUdp,
            UdpSettings{.payload = std::string("\0\xC3\x28", 3), .expect = "\xFF"}),
      Plain(CheckType::kDns,
            DnsSettings{.question = std::string("\1a\0", 3),
                        .type = 1,
                        .rcodes = 9,
                        .rdata = std::string("\xC0\0\2\1", 4),
                        .recursion_desired = true}),
      Plain(
          CheckType::kTls,
          TlsSettings{.min_days_valid = 0, .verify = true, .ca_bundle = "/x", .ca_digest = "\xAB"}),
      Plain(CheckType::kTls, TlsSettings{}),
      Plain(CheckType::kGrpc, GrpcSettings{.service = "shop.Orders", .tls = true}),
      Plain(CheckType::kIcmp, IcmpSettings{.count = 10}),
      Plain(CheckType::kExec,
            ExecSettings{.command = "/bin/x", .arguments = {"", "-\x01"}, .user = ""})};
  AssignChecks assign{.reset = true, .last = true, .remove = {}, .set = {}};
  for (std::uint32_t slot = 0; slot < checks.size(); ++slot) {
    assign.set.push_back(
        {.slot = slot, .version = 100 + slot, .check = checks[slot], .problem = {}});
  }
  const auto decoded = OfControl<AssignChecks>(assign);
  EXPECT_TRUE(decoded.reset && decoded.last);
  ASSERT_EQ(decoded.set.size(), checks.size());
  for (std::uint32_t slot = 0; slot < checks.size(); ++slot) {
    EXPECT_EQ(decoded.set[slot].slot, slot);
    EXPECT_EQ(decoded.set[slot].version, 100 + slot);
    EXPECT_EQ(decoded.set[slot].problem, "");
    EXPECT_TRUE(decoded.set[slot].check == checks[slot]) << checks[slot].id;
  }
}

TEST(LinkMessages, LeaveOutWhatOnlyVerdictsNeed) {
  CheckConfig check = Plain(CheckType::kTcp);
  check.inverted = true;
  check.regions = {"eu"};
  check.quorum.percent = 50;
  check.damping.manual_failback = true;
  const auto back = CheckFromJson(CheckToJson(check));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_TRUE(*back == Plain(CheckType::kTcp));
}

TEST(LinkMessages, ASettingThatIsNotKnownMakesAProblemOfThatCheckAlone) {
  auto json = nlohmann::json::parse(
      Text(Encode(ControlMessage(AssignChecks{.reset = false,
                                              .last = true,
                                              .remove = {7},
                                              .set = {{1, 1, Plain(CheckType::kTcp), {}},
                                                      {2, 1, Plain(CheckType::kTcp), {}},
                                                      {3, 1, Plain(CheckType::kTcp), {}}}}))));
  json["set"][0]["check"]["colour"] = "blue";
  json["set"][1]["check"]["type"] = "TELEPATHY";
  const auto decoded = DecodeControlMessage(json.dump());
  ASSERT_TRUE(decoded) << decoded.error().message;
  const auto& assign = std::get<AssignChecks>(*decoded);
  EXPECT_EQ(assign.remove, std::vector<std::uint32_t>{7});
  EXPECT_THAT(assign.set[0].problem, HasSubstr("settings that this program does not know"));
  EXPECT_THAT(assign.set[1].problem, HasSubstr("setting 'type' is not a type of checks"));
  EXPECT_EQ(assign.set[2].problem, "");
}

TEST(LinkMessages, KeepReportsWithTheirAges) {
  ReportBatch batch{.echo_ns = 5'000'000'000'000'000'000U, .held = 17us, .reports = {}};
  ReportLine line{.sequence = 9, .age = 1500us, .report = {}};
  line.report = {.slot = 4'000'000'000U,
                 .version = 6,
                 .side = State::kUnhealthy,
                 .seen = {.outcome = Outcome::kFail,
                          .reason = "Failure: \x1b[31m\xFF",
                          .rtt = 2ms,
                          .at_ns = 1,
                          .phases = {.connect = 1ms, .tls_handshake = 2us, .first_byte = 3us}}};
  batch.reports.push_back(line);
  const auto back = OfChecker<ReportBatch>(batch);
  EXPECT_EQ(back.echo_ns, batch.echo_ns);
  EXPECT_EQ(back.held, 17us);
  ASSERT_EQ(back.reports.size(), 1U);
  EXPECT_EQ(back.reports[0].sequence, 9U);
  EXPECT_EQ(back.reports[0].age, 1500us);
  const Report& report = back.reports[0].report;
  EXPECT_EQ(report.slot, 4'000'000'000U);
  EXPECT_EQ(report.side, State::kUnhealthy);
  EXPECT_EQ(report.seen.outcome, Outcome::kFail);
  EXPECT_EQ(report.seen.at_ns, 0U);  // of another clock: not told
  EXPECT_EQ(report.seen.rtt, 2ms);
  EXPECT_EQ(report.seen.phases.first_byte, 3us);
  // Control characters are gone, what is no UTF-8 is replaced.
  EXPECT_EQ(report.seen.reason, "Failure: ?[31m\xEF\xBF\xBD");
}

TEST(LinkMessages, AReasonIsCutToItsBound) {
  ReportBatch batch;
  batch.reports.push_back({.sequence = 1, .age = {}, .report = {}});
  batch.reports[0].report.seen.reason = std::string(100'000, '\xFF');
  EXPECT_LE(OfChecker<ReportBatch>(batch).reports[0].report.seen.reason.size(), kMaxReasonOctets);
}

TEST(LinkMessages, TheSmallOnesComeBack) {
  const CheckerHello hello{.protocol = 3, .session = 1ULL << 60U, .version = "1.2"};
  EXPECT_EQ(OfChecker<CheckerHello>(hello), hello);
  EXPECT_EQ(OfChecker<CheckerPing>(CheckerPing{.uplink = false}), CheckerPing{.uplink = false});
  const ControlHello control{.protocol = 1, .node = "ns1", .at_ns = 12};
  EXPECT_EQ(OfControl<ControlHello>(control), control);
  EXPECT_EQ(OfControl<ControlPing>(ControlPing{.at_ns = 13}), ControlPing{.at_ns = 13});
  EXPECT_EQ(OfControl<Refusal>(Refusal{.reason = "no"}), Refusal{.reason = "no"});
}

TEST(LinkMessages, AHundredThousandChecksGoInPartsWithinTheBound) {
  std::vector<Assignment> all;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    all.push_back({.slot = i, .version = i + 1, .check = Plain(CheckType::kTcp)});
    all.back().check.id += std::to_string(i);
  }
  const std::vector<std::uint32_t> gone(50'000, 4'000'000'000U);
  std::span<const Assignment> set(all);
  std::span<const std::uint32_t> remove(gone);
  std::size_t checks = 0;
  std::size_t removed = 0;
  std::size_t parts = 0;
  for (bool last = false; !last; ++parts) {
    ASSERT_LT(parts, 10'000U);
    const std::string part = EncodePart(parts == 0, remove, set);
    ASSERT_LE(part.size(), kMaxMessageOctets / 2);
    const auto decoded = DecodeControlMessage(Text(part));
    ASSERT_TRUE(decoded) << decoded.error().message;
    const auto& assign = std::get<AssignChecks>(*decoded);
    EXPECT_EQ(assign.reset, parts == 0);
    last = assign.last;
    EXPECT_EQ(last, set.empty() && remove.empty());
    for (const AssignedCheck& each : assign.set) {
      EXPECT_EQ(each.slot, checks);
      ++checks;
    }
    removed += assign.remove.size();
  }
  EXPECT_EQ(checks, all.size());
  EXPECT_EQ(removed, gone.size());
  EXPECT_GT(parts, 100U);
}

TEST(LinkMessages, ACheckTooLargeForAnyMessageIsAProblem) {
  std::vector<Assignment> all(2);
  all[0] = {.slot = 1, .version = 2, .check = Plain(CheckType::kExec, ExecSettings{})};
  std::get<ExecSettings>(all[0].check.native).arguments.assign(64, std::string(4096, '\x01'));
  all[1] = {.slot = 3, .version = 4, .check = Plain(CheckType::kTcp)};
  std::span<const Assignment> set(all);
  std::span<const std::uint32_t> remove;
  const auto decoded = DecodeControlMessage(Text(EncodePart(false, remove, set)));
  ASSERT_TRUE(decoded);
  const auto& assign = std::get<AssignChecks>(*decoded);
  ASSERT_EQ(assign.set.size(), 2U);
  EXPECT_EQ(assign.set[0].slot, 1U);
  EXPECT_NE(assign.set[0].problem, "");
  EXPECT_EQ(assign.set[1].problem, "");
}

TEST(LinkMessages, RefuseALengthThatNoMessageHas) {
  const auto octets = [](std::array<unsigned char, kFrameOctets> frame) {
    return MessageOctets(frame);
  };
  EXPECT_FALSE(octets({0, 0, 0, 0}));
  EXPECT_FALSE(octets({0, 0x10, 0, 1}));
  EXPECT_FALSE(octets({0xFF, 0xFF, 0xFF, 0xFF}));
  EXPECT_EQ(octets({0, 0x10, 0, 0}), kMaxMessageOctets);
  EXPECT_EQ(octets({0, 0, 0, 1}), 1U);
}

TEST(LinkMessages, RefuseWhatBreaksARule) {
  const std::string good = Text(Encode(CheckerMessage(ReportBatch{
      .echo_ns = 1, .held = {}, .reports = {{.sequence = 1, .age = {}, .report = {}}}})));
  ASSERT_TRUE(DecodeCheckerMessage(good));
  const auto with = [&](const std::string& pointer, const nlohmann::json& value) {
    auto json = nlohmann::json::parse(good);
    json[nlohmann::json::json_pointer(pointer)] = value;
    return json.dump();
  };
  const auto nested = [](std::size_t depth) {
    return "{\"type\":\"ping\",\"uplink\":true,\"x\":" + std::string(depth, '[') +
           std::string(depth, ']') + "}";
  };
  EXPECT_TRUE(DecodeCheckerMessage(nested(7)));
  auto many = nlohmann::json::parse(good);
  for (std::size_t i = 0; i < kMaxReportsAtOnce; ++i) {
    many["reports"].push_back(many["reports"][0]);
  }
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {"", "no JSON object"},
           {"[]", "no JSON object"},
           {"{\"type\":\"ping\"", "no JSON object"},
           {"{}", "'type' is missing"},
           {R"({"type":"assign"})", "expected hello, ping or reports"},
           {R"({"type":"ping","uplink":1})", "neither true nor false"},
           {nested(8), "nested deeper"},
           {std::string(kMaxMessageOctets + 1, ' '), "expected at most 1048576"},
           {many.dump(), "no list of at most 1000"},
           {with("/reports/0/side", 3), "'side' is no number of 0..2"},
           {with("/reports/0/side", -1), "'side' is no number"},
           {with("/reports/0/age_us", -1), "'age_us' is no number"},
           {with("/reports/0/age_us", 1e300), "'age_us' is no number"},
           {with("/reports/0/slot", 4'294'967'296U), "'slot' is no number"},
           {with("/reports/0/outcome", "maybe"), "neither pass, fail nor unknown"},
           {with("/reports/0/reason", std::string(513, 'x')), "no text of at most 512"},
           {with("/reports/0", 7), "a report is no object"},
           {with("/held_us", "1"), "'held_us' is no number"}}) {
    const auto decoded = DecodeCheckerMessage(text);
    ASSERT_FALSE(decoded) << text.substr(0, 200);
    EXPECT_THAT(decoded.error().message, HasSubstr(expected));
  }
  EXPECT_FALSE(DecodeControlMessage(R"({"type":"reports"})"));
  EXPECT_FALSE(DecodeControlMessage(R"({"type":"assign","reset":true,"last":1})"));
  EXPECT_FALSE(
      DecodeControlMessage(R"({"type":"assign","reset":true,"last":true,"remove":[-1],"set":[]})"));
}

}  // namespace
}  // namespace holdfast::health
